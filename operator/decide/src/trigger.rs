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
    /// A target cluster is being deleted, or is gone.
    TargetLeaves,
    /// A vacated cluster is back before its replacement was healthy.
    Returned,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Last<'a> {
    /// The last result.
    pub targets: &'a [Target],
    /// Whether there is a last result at all, be it an empty one.
    pub scheduled_before: bool,
    /// Whether the placement is still the one it was made from.
    pub same_placement: bool,
    /// `rescheduleTriggeredAt` is later than the last schedule.
    pub asked: bool,
}

/// Finds the rule that holds. [`Trigger::Evicting`] and [`Trigger::Returned`]
/// are found by failover, not here. Without any cluster nothing is known of the
/// targets' clusters, so none of them leaves.
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
    let leaves = |name: &ClusterName| {
        let cluster = clusters.iter().find(|cluster| cluster.name == *name);
        cluster.map_or(!clusters.is_empty(), |cluster| cluster.deleting)
    };
    last.targets.iter().any(|target| leaves(&target.cluster)).then_some(Trigger::TargetLeaves)
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
            Self::TargetLeaves => "a target cluster is being deleted or is gone",
            Self::Returned => "a vacated cluster is back before its replacement was healthy",
        })
    }
}

#[cfg(test)]
mod tests;
