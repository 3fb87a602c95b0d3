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

    /// The places of failover's view.
    pub fn places(&self) -> BTreeMap<ClusterName, Place<'_>> {
        let judged = self.clusters.iter().filter_map(|cluster| Some((cluster, self.standings.get(&cluster.name)?)));
        let place = |(cluster, standing): (_, _)| -> (ClusterName, Place<'_>) {
            let (cluster, standing): (&Cluster, &Standing) = (cluster, standing);
            let place = Place {
                cluster,
                verdict: &standing.verdict,
                taints_seen: &standing.taints_seen,
                source: standing.source,
            };
            (cluster.name.clone(), place)
        };
        judged.map(place).collect()
    }
}
