//! What is known of the copies of one template.

use std::borrow::Borrow;
use std::sync::Arc;

use atoll_decide::failover::{Health as MoveHealth, Source};
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::ClusterName;
use atoll_decide::interpret::Health;
use serde_json::Value;

/// One copy on one member. Small: there is one for each template and cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyState {
    /// The hash it carries, 0 when its mark says none; None until it was seen.
    pub hash: Option<u64>,
    /// Its health as last seen.
    pub health: Health,
    /// Its status, as the interpreter keeps it.
    pub status: Option<Arc<Value>>,
    /// Why the last order was not carried out; None when it was.
    pub error: Option<Arc<str>>,
    /// That stays so until somebody does something about it.
    pub is_final: bool,
    /// A read or a delete has confirmed that it is not there.
    pub confirmed_gone: bool,
    /// Its resource version as last seen: those of one API server compare as numbers.
    pub version: u64,
}

impl Default for CopyState {
    fn default() -> Self {
        Self {
            hash: None,
            health: Health::Unknown,
            status: None,
            error: None,
            is_final: false,
            confirmed_gone: false,
            version: 0,
        }
    }
}

impl CopyState {
    /// The copy is there and the last order was carried out.
    pub fn is_applied(&self) -> bool {
        self.hash.is_some() && self.error.is_none() && !self.confirmed_gone
    }

    /// It is there, or will not be before somebody does something.
    pub fn is_settled(&self) -> bool {
        self.hash.is_some() || self.error.is_some() && self.is_final
    }

    /// The member has said something about it, good or bad.
    pub fn has_answered(&self) -> bool {
        self.hash.is_some() || self.error.is_some()
    }
}

/// The copies of one template, by cluster. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// Sorted by cluster.
    by_cluster: Arc<Vec<(ClusterName, CopyState)>>,
}

impl PartialEq for Copies {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by_cluster, &other.by_cluster) || self.by_cluster == other.by_cluster
    }
}

impl Copies {
    /// One copy.
    pub fn get<Q>(&self, cluster: &Q) -> Option<&CopyState>
    where
        Q: Ord + ?Sized,
        ClusterName: Borrow<Q>,
    {
        let at = self.by_cluster.binary_search_by(|(name, _)| name.borrow().cmp(cluster)).ok()?;
        self.by_cluster.get(at).map(|(_, copy)| copy)
    }

    /// Its health for a decision over moves and removals: what is not applied
    /// as wanted, or not heard of now, is Unknown, whatever it said last.
    pub fn failover_health(&self, cluster: &ClusterName, fleet: &Fleet) -> MoveHealth {
        match self.get(cluster) {
            Some(copy) if copy.is_applied() && fleet.source(cluster) != Source::Silent => match copy.health {
                Health::Healthy => MoveHealth::Healthy,
                Health::Unhealthy => MoveHealth::Unhealthy,
                Health::Unknown => MoveHealth::Unknown,
            },
            _ => MoveHealth::Unknown,
        }
    }

    /// Clusters of which anything is known, sorted.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.by_cluster.iter().map(|(name, _)| name)
    }

    /// Whether nothing is known of any copy.
    pub fn is_empty(&self) -> bool {
        self.by_cluster.is_empty()
    }

    /// Edits one copy.
    pub(super) fn edit(&mut self, cluster: &ClusterName, change: impl FnOnce(&mut CopyState)) {
        let copies = Arc::make_mut(&mut self.by_cluster);
        let at = copies.binary_search_by(|(name, _)| name.cmp(cluster)).unwrap_or_else(|at| {
            copies.insert(at, (cluster.clone(), CopyState::default()));
            at
        });
        if let Some((_, copy)) = copies.get_mut(at) {
            change(copy);
        }
    }

    /// Forgets one copy.
    pub(super) fn remove(&mut self, cluster: &ClusterName) {
        Arc::make_mut(&mut self.by_cluster).retain(|(name, _)| name != cluster);
    }
}
