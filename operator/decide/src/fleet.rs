//! The fleet as one consistent view: what a decision over a binding looks at.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::failover::Source;
use crate::failover::eviction::Place;
use crate::health::{Brake, Verdict};
use crate::ids::ClusterName;
use crate::time::Mono;

/// What is known of a cluster beside its object.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The verdict over it.
    pub verdict: Verdict,
    /// When this process first saw each of its `NoExecute` taints, by key.
    pub taints_seen: BTreeMap<String, Mono>,
    /// Whether it can be spoken to.
    pub source: Source,
}

/// All clusters at one version.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// The clusters, sorted by name.
    pub clusters: Vec<Cluster>,
    /// What is known beside. A cluster that nobody has judged has no entry.
    pub standings: BTreeMap<ClusterName, Standing>,
    /// The brake over all of them.
    pub brake: Brake,
}

impl Fleet {
    /// One cluster.
    pub fn cluster(&self, name: &ClusterName) -> Option<&Cluster> {
        let at = self.clusters.binary_search_by(|cluster| cluster.name.cmp(name)).ok()?;
        self.clusters.get(at)
    }

    /// Whether a cluster can be spoken to. One that nobody has judged cannot.
    pub fn source(&self, name: &ClusterName) -> Source {
        self.standings.get(name).map_or(Source::Silent, |standing| standing.source)
    }

    /// The places of failover's view: the clusters somebody has judged. What is
    /// not among them is unknown, and nothing is moved off it.
    pub fn places(&self) -> BTreeMap<ClusterName, Place<'_>> {
        let place = |cluster| -> Option<(ClusterName, Place<'_>)> {
            let cluster: &Cluster = cluster;
            let Standing { verdict, taints_seen, source } = self.standings.get(&cluster.name)?;
            Some((cluster.name.clone(), Place { cluster, verdict, taints_seen, source: *source }))
        };
        self.clusters.iter().filter_map(place).collect()
    }
}
