//! The Cluster objects of the hub, as last seen.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use atoll_crds::Cluster;
use atoll_decide::ids::ClusterName;
use kube::ResourceExt;

/// All of them.
#[derive(Default)]
pub struct Clusters {
    by_name: RwLock<BTreeMap<ClusterName, Arc<Cluster>>>,
}

impl Clusters {
    /// Puts a Cluster; false when it is older than what is known.
    pub fn put(&self, cluster: Cluster) -> bool {
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let name = ClusterName::from(cluster.name_any());
        if by_name.get(&name).is_some_and(|known| known.uid() == cluster.uid() && version(known) > version(&cluster)) {
            return false;
        }
        by_name.insert(name, Arc::new(cluster));
        true
    }

    /// The Cluster is gone.
    pub fn remove(&self, name: &ClusterName) {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// One Cluster.
    pub fn get(&self, name: &ClusterName) -> Option<Arc<Cluster>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All names.
    pub fn names(&self) -> Vec<ClusterName> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

fn version(cluster: &Cluster) -> u64 {
    cluster.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}
