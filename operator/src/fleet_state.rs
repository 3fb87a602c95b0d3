//! The fleet as the process knows it: clusters, and the copies on them.
//!
//! Enters: Cluster objects, verdicts, what members show of copies. Leaves:
//! consistent views for decisions. A view of the clusters is one version across
//! all of them; readers never block a writer for longer than a pointer swap.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use atoll_decide::cluster::Cluster;
use atoll_decide::fleet::{Fleet, Standing};
use atoll_decide::health::Brake;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::interpret;
use atoll_decide::render::marks;
use serde_json::Value;

use crate::copy_state::{Copies, CopyState};

/// Copies are kept in so many parts, each with a lock of its own.
const PARTS: usize = 64;

/// The state.
pub struct FleetState {
    view: ArcSwap<Fleet>,
    writing: Mutex<()>,
    copies: Vec<Mutex<HashMap<ObjectKey, Copies>>>,
}

impl Default for FleetState {
    fn default() -> Self {
        let parts = std::iter::repeat_with(Mutex::default).take(PARTS);
        Self { view: ArcSwap::default(), writing: Mutex::default(), copies: parts.collect() }
    }
}

impl FleetState {
    /// The clusters, at one version.
    pub fn view(&self) -> Arc<Fleet> {
        self.view.load_full()
    }

    /// Puts a cluster; whether a decision could feel the difference.
    pub fn put_cluster(&self, cluster: Cluster, standing: Option<Standing>) -> bool {
        self.change(|fleet| {
            let name = cluster.name.clone();
            let felt = match fleet.clusters.binary_search_by(|known| known.name.cmp(&name)) {
                Ok(at) => std::mem::replace(&mut fleet.clusters[at], cluster.clone()) != cluster,
                Err(at) => {
                    fleet.clusters.insert(at, cluster);
                    true
                }
            };
            let Some(standing) = standing else { return felt };
            let moved = fleet.standings.get(&name).is_none_or(|known| {
                known.source != standing.source
                    || known.verdict.grade != standing.verdict.grade
                    || known.verdict.arming != standing.verdict.arming
                    || known.taints_seen.len() != standing.taints_seen.len()
            });
            fleet.standings.insert(name, standing);
            felt || moved
        })
    }

    /// The cluster left.
    pub fn remove_cluster(&self, name: &ClusterName) -> bool {
        let left = self.change(|fleet| {
            fleet.clusters.retain(|cluster| cluster.name != *name);
            fleet.standings.remove(name).is_some()
        });
        for part in &self.copies {
            for copies in lock(part).values_mut() {
                copies.remove(name);
            }
        }
        left
    }

    /// Puts the brake; whether it went on or off.
    pub fn put_brake(&self, brake: Brake) -> bool {
        if self.view.load().brake == brake {
            return false;
        }
        self.change(|fleet| {
            let switched = fleet.brake.is_on() != brake.is_on();
            fleet.brake = brake;
            switched
        })
    }

    /// The copies of one template.
    pub fn copies(&self, key: &ObjectKey) -> Copies {
        lock(self.part(key)).get(key).cloned().unwrap_or_default()
    }

    /// A member showed a copy. `as_ordered`: right after an order was carried
    /// out. Returns whether anything changed.
    pub fn observe_copy(&self, key: &ObjectKey, cluster: &ClusterName, live: &Value, as_ordered: bool) -> bool {
        let hash = live["metadata"]["annotations"][marks::MANIFEST_HASH].as_str().unwrap_or_default();
        let health = interpret::health(&key.gvk, live);
        let status = interpret::reflect(&key.gvk, live);
        self.edit(key, cluster, |copy| {
            copy.hash = Some(hash.into());
            copy.health = health;
            if copy.status.as_deref() != status.as_ref() {
                copy.status = status.map(Arc::new);
            }
            copy.confirmed_gone = false;
            if as_ordered {
                copy.error = None;
            }
        })
    }

    /// An order could not be carried out.
    pub fn observe_failure(&self, key: &ObjectKey, cluster: &ClusterName, why: String) -> bool {
        self.edit(key, cluster, |copy| {
            if copy.error.as_deref() != Some(why.as_str()) {
                copy.error = Some(why.into());
            }
        })
    }

    /// The watch no longer shows the copy: nothing is known of it.
    pub fn observe_lost(&self, key: &ObjectKey, cluster: &ClusterName) -> bool {
        self.edit(key, cluster, |copy| {
            copy.hash = None;
            copy.health = interpret::Health::Unknown;
        })
    }

    /// The member has said that the copy is not there.
    pub fn confirm_gone(&self, key: &ObjectKey, cluster: &ClusterName) -> bool {
        self.edit(key, cluster, |copy| *copy = CopyState { confirmed_gone: true, ..CopyState::default() })
    }

    /// Whether the member has said so, and nothing was seen since.
    pub fn is_confirmed_gone(&self, key: &ObjectKey, cluster: &ClusterName) -> bool {
        lock(self.part(key))
            .get(key)
            .and_then(|copies| copies.get(cluster.as_str()))
            .is_some_and(|copy| copy.confirmed_gone)
    }

    /// Nothing of the binding is left.
    pub fn forget_binding(&self, key: &ObjectKey) {
        lock(self.part(key)).remove(key);
    }

    /// Copies on each cluster, for the brake.
    pub fn copies_by_cluster(&self) -> BTreeMap<ClusterName, u64> {
        let mut counts = BTreeMap::new();
        for part in &self.copies {
            for copies in lock(part).values() {
                for cluster in copies.clusters() {
                    *counts.entry(cluster.clone()).or_default() += 1;
                }
            }
        }
        counts
    }

    fn edit(&self, key: &ObjectKey, cluster: &ClusterName, change: impl FnOnce(&mut CopyState)) -> bool {
        lock(self.part(key)).entry(key.clone()).or_default().edit(cluster, change)
    }

    fn part(&self, key: &ObjectKey) -> &Mutex<HashMap<ObjectKey, Copies>> {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        &self.copies[usize::try_from(hash % PARTS as u64).unwrap_or_default()]
    }

    fn change<T>(&self, change: impl FnOnce(&mut Fleet) -> T) -> T {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fleet = Fleet::clone(&self.view.load());
        let answer = change(&mut fleet);
        self.view.store(Arc::new(fleet));
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
