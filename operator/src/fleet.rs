//! The fleet map: what the process knows of the clusters, and of the copies on
//! them (architecture section 4).
//!
//! Enters: clusters with their verdicts, the brake, what members show of
//! copies. Leaves: consistent views, the keys that changed, counters. Must
//! not: judge or decide; and nobody else keeps any of this.
//!
//! Clusters, verdicts and the brake are published at once: decisions wait for
//! them. What members show of copies is published in batches; whoever was sent
//! to look at one copy reads the latest of it ([`FleetMap::copies`]).

pub mod copies;
pub mod tables;
#[cfg(test)]
pub mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_decide::cluster::Cluster;
use atoll_decide::fleet::{Fleet, Standing};
use atoll_decide::health::Brake;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::interpret;
use atoll_decide::render::marks;
pub use atoll_map::Stats;
use atoll_map::{Conflict, Snapshot, Store, Subscription, Urgency, Writer, Written};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::copies::{Copies, CopyState};
pub use self::tables::Felt;
use self::tables::{Entry, Judged, Key, Scope, Tables};

/// The fleet map. Its methods fold facts in one at a time; a fact that says
/// nothing new changes nothing.
pub struct FleetMap {
    store: Store<Tables>,
    clusters: Writer<Tables>,
    copies: Writer<Tables>,
}

impl Default for FleetMap {
    fn default() -> Self {
        let store = Store::default();
        let claim = |scope| store.claim(scope).expect("nobody else has a new store");
        Self { clusters: claim(Scope::Clusters), copies: claim(Scope::Copies), store }
    }
}

impl FleetMap {
    /// Publishes what members show in batches, until `cancel`.
    pub async fn run(&self, cancel: CancellationToken) {
        self.store.run(cancel).await;
    }

    /// Everything at one version.
    #[cfg_attr(not(test), expect(dead_code, reason = "views of copies are for the routing table"))]
    pub fn snapshot(&self) -> Snapshot<Tables> {
        self.store.snapshot()
    }

    /// A snapshot, and from then on the keys that change. A subscriber that
    /// leaves more than `capacity` keys unread is told to look at everything.
    #[cfg_attr(not(test), expect(dead_code, reason = "its first subscriber is the routing table"))]
    pub fn subscribe(
        &self,
        capacity: usize,
        wants: impl Fn(&Key) -> bool + Send + Sync + 'static,
    ) -> (Snapshot<Tables>, Subscription<Key>) {
        self.store.subscribe(capacity, wants)
    }

    /// What the map counts about itself.
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    /// The version of the published view.
    pub fn version(&self) -> u64 {
        self.store.snapshot().version()
    }

    /// The clusters, at one version.
    pub fn view(&self) -> Arc<Fleet> {
        Arc::clone(self.store.snapshot().fleet())
    }

    /// Puts a cluster; None leaves its standing as it is. Returns which
    /// decisions could feel the difference.
    pub fn put_cluster(&self, cluster: Cluster, standing: Option<Standing>) -> Felt {
        let mut felt = Felt::Nothing;
        let key = Key::Cluster(cluster.name.clone());
        let written = self.clusters.update(key, Urgency::Now, |known| {
            let known = known.and_then(Entry::into_judged);
            let standing = standing.or_else(|| known.as_ref().and_then(|known| known.standing.clone()));
            let next = Judged { cluster, standing };
            felt = known.map_or(Felt::All, |known| known.felt_by(&next));
            Some(Entry::Cluster(Arc::new(next)))
        });
        if is_change(written) { felt } else { Felt::Nothing }
    }

    /// The cluster left, and with it what was known of its copies. Returns
    /// whether anything was known of it.
    pub fn remove_cluster(&self, name: &ClusterName) -> bool {
        // Pending copies have to be found too.
        self.store.publish();
        for key in self.store.snapshot().copies_on(name) {
            self.edit(key, |copies| copies.remove(name));
        }
        // Published last and at once: no view has the copies without the cluster.
        is_change(self.clusters.remove(Key::Cluster(name.clone()), Urgency::Now))
    }

    /// Puts the brake; whether it went on or off.
    pub fn put_brake(&self, brake: Brake) -> bool {
        let is_on = brake.is_on();
        let mut was_on = is_on;
        is_change(self.clusters.update(Key::Brake, Urgency::Now, |known| {
            was_on = known.and_then(Entry::into_brake).is_some_and(|known| known.is_on());
            Some(Entry::Brake(Arc::new(brake)))
        })) && was_on != is_on
    }

    /// The copies of one template as last heard of, published or not: whoever
    /// was woken by a copy must find what woke it.
    pub fn copies(&self, key: &ObjectKey) -> Copies {
        let latest = self.store.latest(&Key::Copies(Arc::new(key.clone())));
        latest.and_then(|entry| entry.value.into_copies()).unwrap_or_default()
    }

    /// A member showed a copy. `as_ordered`: as the answer to an order that was
    /// carried out. Returns whether that says anything new.
    pub fn observe_copy(&self, key: &ObjectKey, cluster: &ClusterName, live: &Value, as_ordered: bool) -> bool {
        let mark = live["metadata"]["annotations"][marks::MANIFEST_HASH].as_str().unwrap_or_default();
        // One whose mark was spoiled is there all the same.
        let hash = marks::read_hash(mark).unwrap_or_default();
        let health = interpret::health(&key.gvk, live);
        let status = interpret::reflect(&key.gvk, live);
        let version = live["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        self.edit_copy(key, cluster, |copy| {
            if as_ordered {
                copy.error = None;
                if version < copy.version {
                    // The watch was quicker than the answer. It tells in order, so what it showed last stands: nothing
                    // would come after an old status to put it right.
                    return;
                }
            }
            copy.version = version;
            copy.hash = Some(hash);
            if copy.status.as_deref() != status.as_ref() {
                copy.status = status.map(Arc::new);
            }
            copy.health = health;
            copy.confirmed_gone = false;
        })
    }

    /// An order could not be carried out. What is known of the copy stays.
    /// `is_final`: until somebody does something about it.
    pub fn observe_failure(&self, key: &ObjectKey, cluster: &ClusterName, why: String, is_final: bool) -> bool {
        self.edit_copy(key, cluster, |copy| {
            copy.error = Some(why.into());
            copy.is_final = is_final;
        })
    }

    /// The watch no longer shows the copy: whether it is there is unknown
    /// (promise I2).
    pub fn observe_lost(&self, key: &ObjectKey, cluster: &ClusterName) -> bool {
        self.edit_copy(key, cluster, |copy| {
            copy.hash = None;
            copy.health = interpret::Health::Unknown;
        })
    }

    /// The member has said that the copy is not there.
    pub fn confirm_gone(&self, key: &ObjectKey, cluster: &ClusterName) -> bool {
        self.edit_copy(key, cluster, |copy| *copy = CopyState { confirmed_gone: true, ..CopyState::default() })
    }

    /// Whether the member has said so, and nothing was seen since.
    pub fn is_confirmed_gone(&self, key: &ObjectKey, cluster: &ClusterName) -> bool {
        self.copies(key).get(cluster).is_some_and(|copy| copy.confirmed_gone)
    }

    /// Nothing of the binding is left.
    pub fn forget_binding(&self, key: &ObjectKey) {
        is_change(self.copies.remove(Key::Copies(Arc::new(key.clone())), Urgency::Batched));
    }

    /// How many copies each cluster has, for the brake.
    pub fn copies_by_cluster(&self) -> BTreeMap<ClusterName, u64> {
        BTreeMap::clone(self.store.snapshot().copies_by_cluster())
    }

    fn edit_copy(&self, key: &ObjectKey, cluster: &ClusterName, change: impl FnOnce(&mut CopyState)) -> bool {
        // The key that is there already is shared rather than made anew.
        let snapshot = self.store.snapshot();
        let key = snapshot.shared_key(key).unwrap_or_else(|| Arc::new(key.clone()));
        self.edit(key, |copies| copies.edit(cluster, change))
    }

    fn edit(&self, key: Arc<ObjectKey>, change: impl FnOnce(&mut Copies)) -> bool {
        is_change(self.copies.update(Key::Copies(key), Urgency::Batched, |known| {
            let mut copies = known.and_then(Entry::into_copies).unwrap_or_default();
            change(&mut copies);
            (!copies.is_empty()).then_some(Entry::Copies(copies))
        }))
    }
}

/// The map owns all scopes of its store, so a refusal is a defect of the map
/// itself; it is counted there and said here.
fn is_change(written: Result<Written, Conflict>) -> bool {
    written
        .unwrap_or_else(|conflict| {
            tracing::error!(%conflict, "the fleet map refused its own write");
            Written::Unchanged
        })
        .is_change()
}
