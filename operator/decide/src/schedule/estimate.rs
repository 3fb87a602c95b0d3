//! How many more replicas fit into a cluster: the general estimator of
//! karmada-api 2.13, from the sums over all nodes.

use crate::cluster::{Capacity, Resources};
use crate::schedule::candidate::{Candidate, Growth};

/// The name under which pod slots are counted.
const PODS: &str = "pods";

/// A number no sum of which overflows, whatever the size of the fleet.
const MOST: i64 = i32::MAX as i64;

/// Replicas that fit in addition to those that are there; never negative.
/// A cluster that has not reported its capacity counts as full: its present
/// replicas stay, and nothing is promised that it may not have.
pub(super) fn room(candidate: &Candidate<'_>, requests: Option<&Resources>) -> i64 {
    if candidate.growth == Growth::Refused {
        return 0;
    }
    candidate.cluster.capacity.as_ref().map_or(0, |capacity| capacity.room(requests))
}

impl Capacity {
    fn room(&self, requests: Option<&Resources>) -> i64 {
        let by_pods = self.free(PODS);
        let by_requests = requests
            .into_iter()
            .flatten()
            .filter(|(name, amount)| **amount > 0 && *name != PODS)
            .map(|(name, amount)| self.free(name) / amount)
            .min();
        by_requests.map_or(by_pods, |fit| fit.min(by_pods)).min(MOST)
    }

    /// Unclaimed amount; 0 of what the cluster does not have at all.
    fn free(&self, name: &str) -> i64 {
        let amount = |of: &Resources| of.get(name).copied().unwrap_or(0);
        let claimed = amount(&self.allocated).saturating_add(amount(&self.allocating));
        amount(&self.allocatable).saturating_sub(claimed).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(amounts: &[(&str, i64)]) -> Resources {
        amounts.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
    }

    fn capacity() -> Capacity {
        Capacity {
            allocatable: resources(&[("cpu", 8000), ("memory", 1000), ("pods", 20)]),
            allocated: resources(&[("cpu", 1500), ("pods", 5)]),
            allocating: resources(&[("cpu", 500), ("pods", 1)]),
        }
    }

    #[test]
    fn pod_slots_alone_count_without_requests() {
        assert_eq!(capacity().room(None), 14);
        assert_eq!(capacity().room(Some(&resources(&[("cpu", 0)]))), 14);
    }

    #[test]
    fn the_scarcest_resource_decides_rounded_down() {
        assert_eq!(capacity().room(Some(&resources(&[("cpu", 700)]))), 8);
        assert_eq!(capacity().room(Some(&resources(&[("cpu", 700), ("memory", 300)]))), 3);
        assert_eq!(capacity().room(Some(&resources(&[("cpu", 1)]))), 14);
    }

    #[test]
    fn a_resource_the_cluster_does_not_have_fits_nowhere() {
        assert_eq!(capacity().room(Some(&resources(&[("nvidia.com/gpu", 1)]))), 0);
    }

    #[test]
    fn an_overcommitted_cluster_has_no_room() {
        let mut full = capacity();
        full.allocated.insert("cpu".to_owned(), 9000);
        assert_eq!(full.room(Some(&resources(&[("cpu", 1)]))), 0);
    }
}
