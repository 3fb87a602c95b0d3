//! A member cluster as the deciders see it: one entry of the fleet snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterName, Gvk};
use crate::taint::Taint;

/// Everything about one cluster that a decision may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// Labels of the Cluster object.
    pub labels: BTreeMap<String, String>,
    /// `spec.provider`, empty when unset.
    pub provider: String,
    /// `spec.region`, empty when unset.
    pub region: String,
    /// `spec.zones` (the deprecated `spec.zone` included).
    pub zones: Vec<String>,
    /// `spec.taints`.
    pub taints: Vec<Taint>,
    /// The Cluster object carries a deletion timestamp.
    pub deleting: bool,
    /// APIs the member serves. None: not known yet, which is not the same as
    /// "serves nothing".
    pub apis: Option<Arc<BTreeSet<Gvk>>>,
    /// Free and total resources. None: not known yet.
    pub capacity: Option<Capacity>,
    /// The health verdict.
    pub health: Grade,
    /// A person or a fencer states that nothing of this cluster runs any more
    /// (condition `Fenced`).
    pub fenced: bool,
}

impl Cluster {
    /// Whether the other is the same cluster in the same state, but for its
    /// resources.
    pub fn is_same_but_capacity(&self, other: &Self) -> bool {
        let without = |cluster: &Self| Self { capacity: None, ..cluster.clone() };
        without(self) == without(other)
    }
}

/// The sum of a cluster's health verdict (architecture section 6), ordered
/// from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Both planes answer.
    Healthy,
    /// Serves, with something wrong that is no suspicion.
    Degraded,
    /// Back after an isolation, not yet trusted again.
    Recovering,
    /// Not judged yet: no full window of own probes.
    Unknown,
    /// Silence on a plane, shorter than the verdict needs.
    Suspect,
    /// The API is silent, the data plane serves or is not seen.
    IsolatedApi,
    /// The data plane is silent, the API answers.
    IsolatedData,
    /// Both are silent.
    IsolatedFull,
}

impl Grade {
    /// Whether a new copy may be placed there (table of architecture section 6:
    /// "avoid" is a lower score, "stop" is no).
    pub fn admits_new_placements(self) -> bool {
        !matches!(self, Self::IsolatedApi | Self::IsolatedFull)
    }

    /// Whether new copies should rather go elsewhere.
    pub fn is_avoided(self) -> bool {
        matches!(self, Self::Suspect | Self::IsolatedData | Self::Recovering)
    }
}

/// Amounts by resource name. CPU in thousandths of a core, everything else in
/// whole units (bytes, pods).
pub type Resources = BTreeMap<String, i64>;

/// What a cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Sum over all nodes.
    pub allocatable: Resources,
    /// Requested by bound pods that have not ended, and their number as `pods`.
    pub allocated: Resources,
    /// Requested by pods without a node, and their number as `pods`.
    pub allocating: Resources,
}
