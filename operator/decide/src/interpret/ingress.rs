//! `networking.k8s.io` Ingress.

use super::load_balancer;
use super::rules::Rules;

pub(super) const RULES: Rules =
    Rules { health: load_balancer::health, aggregate: Some(load_balancer::union), ..Rules::UNKNOWN };
