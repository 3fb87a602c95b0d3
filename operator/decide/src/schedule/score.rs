//! How good a candidate is. Higher is better.

use crate::cluster::Cluster;
use crate::taint::{Effect, Toleration};

/// A present target: Karmada's number (karmada-api 2.12), above everything
/// else, so that no preference alone ever moves a copy.
const LOCALITY: i64 = 100;

/// A new cluster that should rather not be chosen. Small against
/// [`LOCALITY`]: with a region's mean score it must not outweigh a target.
const AVOIDED: i64 = -10;

/// The score. A present target has the full score whatever its state, because
/// "avoid" is about new copies only.
pub(super) fn of(is_target: bool, avoided: bool) -> i64 {
    match (is_target, avoided) {
        (true, _) => LOCALITY,
        (false, true) => AVOIDED,
        (false, false) => 0,
    }
}

/// Whether new copies should rather go elsewhere: for its health, or for a
/// `PreferNoSchedule` taint nobody tolerates.
pub(super) fn is_avoided(cluster: &Cluster, tolerations: &[Toleration]) -> bool {
    cluster.health.is_avoided()
        || cluster.taints.iter().any(|taint| {
            taint.effect == Effect::PreferNoSchedule
                && !tolerations.iter().any(|toleration| toleration.tolerates(taint))
        })
}
