//! A placement, checked: where copies of a template may and should run.

use serde::{Deserialize, Serialize};

use crate::affinity::ClusterAffinity;
use crate::cluster::Cluster;
use crate::ids::ClusterName;
use crate::taint::Toleration;

/// A checked `spec.placement` (karmada-api 1.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// Which clusters are candidates.
    pub affinity: Affinities,
    /// Taints this placement accepts.
    pub tolerations: Vec<Toleration>,
    /// How far copies spread.
    pub spread: Vec<Spread>,
    /// How replicas are divided.
    pub replicas: ReplicaScheduling,
}

impl Placement {
    /// Whether free resources can decide where a copy goes. Where they cannot, a
    /// cluster whose resources alone have changed is no reason to look again.
    pub fn feels_capacity(&self) -> bool {
        match self.replicas {
            ReplicaScheduling::DynamicWeighted | ReplicaScheduling::Aggregated => true,
            // Among equal clusters and regions, room decides.
            ReplicaScheduling::StaticWeighted(_) | ReplicaScheduling::Duplicated => !self.spread.is_empty(),
        }
    }

    /// Whether a change of one cluster can move a decision that names it
    /// nowhere: only when it is, or was, a candidate. `before` is none for a
    /// cluster that is new.
    pub fn feels(&self, before: Option<&Cluster>, after: &Cluster) -> bool {
        self.affinity.admits(after) || before.is_some_and(|before| self.affinity.admits(before))
    }
}

/// The candidate sets of a placement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Affinities {
    /// Every cluster.
    #[default]
    Any,
    /// `clusterAffinity`
    One(ClusterAffinity),
    /// `clusterAffinities`: the first group that can be scheduled wins.
    Groups(Vec<AffinityGroup>),
}

impl Affinities {
    /// Whether `cluster` is a candidate of any group or tier.
    pub fn admits(&self, cluster: &Cluster) -> bool {
        match self {
            Self::Any => true,
            Self::One(affinity) => affinity.matches(cluster),
            Self::Groups(groups) => groups.iter().any(|group| {
                group.affinity.matches(cluster) || group.overflow.iter().any(|(_, tier)| tier.matches(cluster))
            }),
        }
    }
}

/// One entry of `clusterAffinities`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AffinityGroup {
    /// `affinityName`
    pub name: String,
    /// Its clusters.
    pub affinity: ClusterAffinity,
    /// Extra tiers, used in order after the group's own clusters are full.
    pub overflow: Vec<(String, ClusterAffinity)>,
}

/// What a spread constraint groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SpreadField {
    /// Single clusters.
    Cluster,
    /// `spec.region`
    Region,
    /// `spec.zones`
    Zone,
    /// `spec.provider`
    Provider,
}

/// One spread constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spread {
    /// What is grouped by.
    pub by: SpreadField,
    /// At least so many groups.
    pub min_groups: u32,
    /// At most so many groups. None: no bound (Karmada's 0 is read so, D3).
    pub max_groups: Option<u32>,
}

/// How replicas are divided over the chosen clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReplicaScheduling {
    /// Every chosen cluster gets all replicas.
    #[default]
    Duplicated,
    /// By the weights of the first matching entries; an empty list weighs all
    /// clusters alike.
    StaticWeighted(Vec<StaticWeight>),
    /// By free capacity.
    DynamicWeighted,
    /// On as few clusters as can hold them.
    Aggregated,
}

/// An entry of `staticWeightList`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StaticWeight {
    /// Clusters it is for.
    pub target: ClusterAffinity,
    /// At least 1.
    pub weight: i64,
}

/// One cluster of a schedule result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its replicas; None for objects that have none.
    pub replicas: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> Cluster {
        Cluster {
            name: name.into(),
            labels: std::collections::BTreeMap::new(),
            provider: String::new(),
            region: String::new(),
            zones: Vec::new(),
            taints: Vec::new(),
            deleting: false,
            apis: None,
            capacity: None,
            health: crate::cluster::Grade::Healthy,
            fenced: false,
        }
    }

    #[test]
    fn a_cluster_that_is_no_candidate_and_was_none_is_felt_by_nobody() {
        let named = ClusterAffinity { names: ["m1", "m2"].map(Into::into).into(), ..ClusterAffinity::default() };
        let placement = Placement { affinity: Affinities::One(named), ..Placement::default() };
        assert!(!placement.feels(Some(&cluster("m3")), &cluster("m3")));
        assert!(placement.feels(None, &cluster("m2")));
        assert!(Placement::default().feels(None, &cluster("m3")), "no affinity means every cluster");
    }
}
