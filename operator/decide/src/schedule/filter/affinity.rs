//! The affinity, or one of its overflow tiers, must select the cluster.

use super::{Filter, Targets};
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "affinity",
    check: |_, term, cluster| term.tier_of(cluster).map(|_| ()).ok_or(Reason::NotSelected),
    targets: Targets::Leave,
};
