//! The members: one isolated unit each, kept in step with the Cluster objects.
//!
//! Enters: Clusters and their Secrets. Leaves: running units, and a view of
//! each cluster in the fleet map. A unit is made anew only when the way to the
//! member changed.

pub mod applies;
pub mod approval;
pub mod carry;
pub mod connection;
pub mod copies;
pub mod copy_watch;
pub mod discovery;
pub mod facts;
pub mod failure;
pub mod health;
pub mod hub_mark;
pub mod intent;
pub mod inventory;
pub mod lane;
pub mod leave;
pub mod member;
pub mod namespaces;
pub mod orphans;
pub mod probe;
pub mod registry;
pub mod write;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use atoll_decide::ids::ClusterName;

use self::member::Member;
use self::namespaces::Todo;
use crate::hub::namespaces::Synced;
use crate::queue::{Lane, Queue};

/// The units, by name.
#[derive(Default)]
pub struct Members {
    by_name: RwLock<BTreeMap<ClusterName, Arc<Member>>>,
    /// Clusters whose objects changed.
    pub changed: Queue<ClusterName>,
}

impl Members {
    /// One unit.
    pub fn get(&self, name: &ClusterName) -> Option<Arc<Member>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All units, by name.
    pub fn all(&self) -> Vec<Arc<Member>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Puts a unit; returns the one it replaces.
    pub fn put(&self, member: Arc<Member>) -> Option<Arc<Member>> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(member.name.clone(), member)
    }

    /// Takes a unit out.
    pub fn take(&self, name: &ClusterName) -> Option<Arc<Member>> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    /// A Cluster object changed, appeared or went.
    pub fn cluster_changed(&self, name: ClusterName) {
        self.changed.add(name, Lane::User);
    }

    /// A namespace of the hub changed.
    pub fn namespace_changed(&self, name: &str) {
        for member in self.all() {
            member.namespaces.add(Todo::Ensure(name.into()), Lane::User);
        }
    }

    /// A namespace of the hub was seen to go.
    pub fn namespace_deleted(&self, name: &str, gone: &Synced) {
        for member in self.all() {
            member.namespaces.add(Todo::Delete { name: name.into(), uid: Arc::clone(&gone.uid) }, Lane::User);
        }
    }

    /// Override policies changed: every namespace is looked at again.
    pub fn namespaces_changed(&self, names: &[Arc<str>]) {
        for member in self.all() {
            for name in names {
                member.namespaces.add(Todo::Ensure(Arc::clone(name)), Lane::CatchUp);
            }
        }
    }
}
