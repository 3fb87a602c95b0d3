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
