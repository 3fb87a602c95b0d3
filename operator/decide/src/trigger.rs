//! When a binding is scheduled anew (karmada-api 2.11): the first rule that
//! holds, in the order written here. No rule: the last result stands, whatever
//! the fleet looks like now.

use std::fmt;

use crate::cluster::Cluster;
use crate::ids::ClusterName;
use crate::placement::{ReplicaScheduling, Target};

/// Why a binding is scheduled anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// It never was.
    First,
    /// The placement is not the one the last result was made from.
    PlacementChanged,
    /// The wanted replicas are not what the last result adds up to.
    ReplicasChanged,
    /// A person asked (`rescheduleTriggeredAt`).
    Asked,
    /// A target is being vacated.
    Evicting,
    /// Duplicated workloads and objects without replicas follow the fleet.
    FollowsFleet,
    /// A target cluster is being deleted.
    TargetLeaves,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Last<'a> {
    /// The last result.
    pub targets: &'a [Target],
    /// Whether there is a last result at all.
    pub scheduled_before: bool,
    /// Whether the placement is still the one it was made from.
    pub same_placement: bool,
    /// `rescheduleTriggeredAt` is later than the last schedule.
    pub asked: bool,
    /// A target has to be replaced now.
    pub evicting: bool,
}

/// Finds the rule that holds.
pub fn find(
    last: Last<'_>,
    division: &ReplicaScheduling,
    replicas: Option<i32>,
    clusters: &[Cluster],
) -> Option<Trigger> {
    if !last.scheduled_before {
        return Some(Trigger::First);
    }
    if !last.same_placement {
        return Some(Trigger::PlacementChanged);
    }
    if last.evicting {
        return Some(Trigger::Evicting);
    }
    let duplicated = *division == ReplicaScheduling::Duplicated;
    if let Some(replicas) = replicas
        && replicas_differ(last.targets, duplicated, replicas)
    {
        return Some(Trigger::ReplicasChanged);
    }
    if last.asked {
        return Some(Trigger::Asked);
    }
    if replicas.is_none() || duplicated {
        return Some(Trigger::FollowsFleet);
    }
    let leaving = |name: &ClusterName| clusters.iter().any(|cluster| cluster.name == *name && cluster.deleting);
    last.targets.iter().any(|target| leaving(&target.cluster)).then_some(Trigger::TargetLeaves)
}

fn replicas_differ(targets: &[Target], duplicated: bool, replicas: i32) -> bool {
    let assigned = |target: &Target| i64::from(target.replicas.unwrap_or_default());
    if duplicated {
        targets.iter().any(|target| assigned(target) != i64::from(replicas))
    } else {
        targets.iter().map(assigned).sum::<i64>() != i64::from(replicas)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "it was never scheduled",
            Self::PlacementChanged => "the placement changed",
            Self::ReplicasChanged => "the replicas changed",
            Self::Asked => "rescheduling was asked for",
            Self::Evicting => "a target is being vacated",
            Self::FollowsFleet => "it follows the fleet",
            Self::TargetLeaves => "a target cluster is being deleted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, replicas: i32) -> Target {
        Target { cluster: name.into(), replicas: Some(replicas) }
    }

    const SETTLED: Last<'static> =
        Last { targets: &[], scheduled_before: true, same_placement: true, asked: false, evicting: false };

    #[test]
    fn a_divided_workload_stays_where_it_is_when_only_the_fleet_changes() {
        let targets = [target("m1", 1), target("m2", 2)];
        let last = Last { targets: &targets, ..SETTLED };
        assert_eq!(find(last, &ReplicaScheduling::DynamicWeighted, Some(3), &[]), None);
    }

    #[test]
    fn a_divided_workload_is_scheduled_when_its_replicas_change() {
        let targets = [target("m1", 1), target("m2", 2)];
        let last = Last { targets: &targets, ..SETTLED };
        assert_eq!(find(last, &ReplicaScheduling::Aggregated, Some(4), &[]), Some(Trigger::ReplicasChanged));
    }

    #[test]
    fn an_object_without_replicas_follows_the_fleet() {
        assert_eq!(find(SETTLED, &ReplicaScheduling::Duplicated, None, &[]), Some(Trigger::FollowsFleet));
    }
}
