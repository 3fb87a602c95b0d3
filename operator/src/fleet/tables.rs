//! What the fleet map holds, at one version.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_decide::cluster::Cluster;
use atoll_decide::fleet::{Fleet, Standing};
use atoll_decide::health::{Brake, Verdict};
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_map::Versioned;

use super::copies::Copies;

/// Names one entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A cluster.
    Cluster(ClusterName),
    /// The brake over all clusters.
    Brake,
    /// The copies of one template.
    Copies(Arc<ObjectKey>),
}

/// What one writer owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The clusters and the brake.
    Clusters,
    /// All copies.
    Copies,
}

/// One entry.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Of [`Key::Cluster`].
    Cluster(Arc<Judged>),
    /// Of [`Key::Brake`].
    Brake(Arc<Brake>),
    /// Of [`Key::Copies`].
    Copies(Copies),
}

/// Whom a change of a cluster concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Felt {
    /// No decision.
    Nothing,
    /// Decisions in which free resources count.
    Capacity,
    /// Every decision.
    All,
}

/// A cluster and what is known beside its object.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The cluster.
    pub cluster: Cluster,
    /// None: nobody has judged it.
    pub standing: Option<Standing>,
}

impl Judged {
    /// Which decisions could come out differently for `other`.
    pub fn felt_by(&self, other: &Self) -> Felt {
        if self.moved(other) {
            Felt::All
        } else if self.cluster == other.cluster {
            Felt::Nothing
        } else if self.cluster.is_same_but_capacity(&other.cluster) {
            Felt::Capacity
        } else {
            Felt::All
        }
    }

    fn moved(&self, other: &Self) -> bool {
        match (&self.standing, &other.standing) {
            (Some(one), Some(two)) => {
                one.source != two.source
                    || one.verdict.grade != two.verdict.grade
                    || one.verdict.arming != two.verdict.arming
                    || one.taints_seen != two.taints_seen
            }
            (one, two) => one.is_some() != two.is_some(),
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.felt_by(other) == Felt::Nothing
            && match (&self.standing, &other.standing) {
                (Some(one), Some(two)) => same_verdict(&one.verdict, &two.verdict),
                (one, two) => one.is_some() == two.is_some(),
            }
    }
}

/// When to look again moves with every probe and tells readers nothing.
fn same_verdict(one: &Verdict, two: &Verdict) -> bool {
    Verdict { next_check: None, ..one.clone() } == Verdict { next_check: None, ..two.clone() }
}

impl Entry {
    /// The cluster, if it is one.
    pub fn into_judged(self) -> Option<Arc<Judged>> {
        if let Self::Cluster(judged) = self { Some(judged) } else { None }
    }

    /// The brake, if it is one.
    pub fn into_brake(self) -> Option<Arc<Brake>> {
        if let Self::Brake(brake) = self { Some(brake) } else { None }
    }

    /// The copies, if it is some.
    pub fn into_copies(self) -> Option<Copies> {
        if let Self::Copies(copies) = self { Some(copies) } else { None }
    }
}

/// The tables. Clones share them.
#[derive(Clone, Default)]
pub struct Tables {
    clusters: imbl::OrdMap<ClusterName, Versioned<Arc<Judged>>>,
    brake: Option<Versioned<Arc<Brake>>>,
    copies: imbl::HashMap<Arc<ObjectKey>, Versioned<Copies>>,
    /// The clusters and the brake in the form the deciders take.
    fleet: Arc<Fleet>,
    /// Counted as copies come and go, because the brake asks all the time.
    copies_by_cluster: Arc<BTreeMap<ClusterName, u64>>,
}

impl Tables {
    /// The clusters and the brake.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// The copies of one template, as published.
    #[cfg_attr(not(test), expect(dead_code, reason = "views of copies are for the routing table"))]
    pub fn copies(&self, key: &ObjectKey) -> Option<&Copies> {
        self.copies.get(key).map(|entry| &entry.value)
    }

    /// How many copies are known on each cluster.
    pub fn copies_by_cluster(&self) -> &BTreeMap<ClusterName, u64> {
        &self.copies_by_cluster
    }

    /// Templates with a copy on this cluster.
    pub fn copies_on(&self, cluster: &ClusterName) -> impl Iterator<Item = Arc<ObjectKey>> {
        let has_one = move |entry: &Versioned<Copies>| entry.value.get(cluster).is_some();
        self.copies.iter().filter(move |(_, entry)| has_one(entry)).map(|(key, _)| Arc::clone(key))
    }

    /// The key as the map holds it.
    pub fn shared_key(&self, key: &ObjectKey) -> Option<Arc<ObjectKey>> {
        self.copies.get_key_value(key).map(|(key, _)| Arc::clone(key))
    }

    fn put_cluster(&mut self, name: &ClusterName, entry: Option<Versioned<Arc<Judged>>>) {
        let fleet = Arc::make_mut(&mut self.fleet);
        let at = fleet.clusters.binary_search_by(|known| known.name.cmp(name));
        fleet.standings.remove(name);
        if let Some(entry) = entry {
            let Judged { cluster, standing } = &*entry.value;
            match at {
                Ok(at) => fleet.clusters[at] = cluster.clone(),
                Err(at) => fleet.clusters.insert(at, cluster.clone()),
            }
            fleet.standings.extend(standing.clone().map(|standing| (name.clone(), standing)));
            self.clusters.insert(name.clone(), entry);
        } else {
            if let Ok(at) = at {
                fleet.clusters.remove(at);
            }
            self.clusters.remove(name);
        }
    }

    fn put_copies(&mut self, key: &Arc<ObjectKey>, entry: Option<Versioned<Copies>>) {
        let new = entry.as_ref().map(|entry| entry.value.clone()).unwrap_or_default();
        let old = match entry {
            Some(entry) => self.copies.insert(Arc::clone(key), entry),
            None => self.copies.remove(key),
        };
        let old = old.map(|entry| entry.value).unwrap_or_default();
        if old.clusters().eq(new.clusters()) {
            return;
        }
        let counts = Arc::make_mut(&mut self.copies_by_cluster);
        for cluster in new.clusters() {
            *counts.entry(cluster.clone()).or_default() += 1;
        }
        for cluster in old.clusters() {
            if let Some(count) = counts.get_mut(cluster) {
                *count -= 1;
            }
        }
        counts.retain(|_, count| *count > 0);
    }
}

impl atoll_map::Tables for Tables {
    type Key = Key;
    type Value = Entry;
    type Scope = Scope;

    fn scope(key: &Key) -> Scope {
        match key {
            Key::Cluster(_) | Key::Brake => Scope::Clusters,
            Key::Copies(_) => Scope::Copies,
        }
    }

    fn same(old: &Entry, new: &Entry) -> bool {
        match (old, new) {
            (Entry::Cluster(old), Entry::Cluster(new)) => old.same(new),
            (Entry::Brake(old), Entry::Brake(new)) => old == new,
            (Entry::Copies(old), Entry::Copies(new)) => old == new,
            (Entry::Cluster(_) | Entry::Brake(_) | Entry::Copies(_), _) => false,
        }
    }

    fn get(&self, key: &Key) -> Option<Versioned<Entry>> {
        match key {
            Key::Cluster(name) => self.clusters.get(name).cloned().map(|entry| entry.map(Entry::Cluster)),
            Key::Brake => self.brake.clone().map(|entry| entry.map(Entry::Brake)),
            Key::Copies(key) => self.copies.get(key).cloned().map(|entry| entry.map(Entry::Copies)),
        }
    }

    fn put(&mut self, key: &Key, entry: Option<Versioned<Entry>>) {
        match key {
            Key::Cluster(name) => self.put_cluster(name, entry.and_then(|entry| entry.try_map(Entry::into_judged))),
            Key::Copies(key) => self.put_copies(key, entry.and_then(|entry| entry.try_map(Entry::into_copies))),
            Key::Brake => {
                self.brake = entry.and_then(|entry| entry.try_map(Entry::into_brake));
                let brake = self.brake.as_ref().map(|entry| Brake::clone(&entry.value)).unwrap_or_default();
                Arc::make_mut(&mut self.fleet).brake = brake;
            }
        }
    }
}
