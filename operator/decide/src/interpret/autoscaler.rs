//! `autoscaling` `HorizontalPodAutoscaler`.

use super::reflection;
use super::rules::Rules;

pub(super) const RULES: Rules = Rules {
    reflect: |live| reflection::fields(live, &COUNTERS),
    aggregate: Some(|aggregation| aggregation.sums(&COUNTERS)),
    ..Rules::UNKNOWN
};

const COUNTERS: [&str; 2] = ["currentReplicas", "desiredReplicas"];
