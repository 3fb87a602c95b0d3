//! What is known of one copy of a template on one member.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_decide::failover::{Health as MoveHealth, Source};
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::ClusterName;
use atoll_decide::interpret::Health;
use serde_json::Value;

/// One copy.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyState {
    /// The hash it carries, in hex; None until it was seen.
    pub hash: Option<Box<str>>,
    /// Its health as last seen.
    pub health: Health,
    /// Its status, as the interpreter keeps it.
    pub status: Option<Arc<Value>>,
    /// Why the last order was not carried out; None when it was.
    pub error: Option<Arc<str>>,
    /// A read or a delete has confirmed that it is not there.
    pub confirmed_gone: bool,
}

impl Default for CopyState {
    fn default() -> Self {
        Self { hash: None, health: Health::Unknown, status: None, error: None, confirmed_gone: false }
    }
}

impl CopyState {
    /// The copy is there and the last order was carried out.
    pub fn is_applied(&self) -> bool {
        self.hash.is_some() && self.error.is_none() && !self.confirmed_gone
    }

    /// The member has said something about it, good or bad.
    pub fn has_answered(&self) -> bool {
        self.hash.is_some() || self.error.is_some()
    }
}

/// The copies of one template, by cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copies {
    by_cluster: BTreeMap<ClusterName, CopyState>,
}

impl Copies {
    /// One copy.
    pub fn get(&self, cluster: &str) -> Option<&CopyState> {
        self.by_cluster.get(cluster)
    }

    /// Its health for a decision over moves and removals: what is not applied
    /// as wanted, or not heard of now, is Unknown, whatever it said last.
    pub fn failover_health(&self, cluster: &ClusterName, fleet: &Fleet) -> MoveHealth {
        match self.by_cluster.get(cluster) {
            Some(copy) if copy.is_applied() && fleet.source(cluster) != Source::Silent => match copy.health {
                Health::Healthy => MoveHealth::Healthy,
                Health::Unhealthy => MoveHealth::Unhealthy,
                Health::Unknown => MoveHealth::Unknown,
            },
            _ => MoveHealth::Unknown,
        }
    }

    /// Clusters with a state.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.by_cluster.keys()
    }

    /// Edits one copy; whether that changed anything.
    pub fn edit(&mut self, cluster: &ClusterName, change: impl FnOnce(&mut CopyState)) -> bool {
        let copy = self.by_cluster.entry(cluster.clone()).or_default();
        let before = copy.clone();
        change(copy);
        *copy != before
    }

    /// Forgets one copy.
    pub fn remove(&mut self, cluster: &ClusterName) -> bool {
        self.by_cluster.remove(cluster).is_some()
    }
}
