//! Concurrent maps from crates, each behind a gate that makes its views whole.

use std::sync::{Arc, PoisonError, RwLock};

use crate::bench::map::candidate::Candidate;
use crate::bench::map::texts::{Key, Value};

/// A concurrent map whose iteration shows no single moment.
pub trait Concurrent: Default + Send + Sync {
    /// The value of a key.
    fn get(&self, key: &str) -> Option<Value>;
    /// Puts a value.
    fn put(&self, key: Key, value: Value);
    /// A copy of every entry, one after the other.
    fn copy(&self) -> Vec<(Key, Value)>;
}

/// The map, and the gate that writers pass together and a view closes.
#[derive(Default)]
pub struct Gated<M> {
    map: M,
    gate: RwLock<()>,
}

impl<M: Concurrent> Candidate for Gated<M> {
    fn get(&self, key: &str) -> Option<Value> {
        self.map.get(key)
    }

    fn put(&self, key: &Key, value: &Value) {
        let _passing = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.map.put(Arc::clone(key), Arc::clone(value));
    }

    fn view(&self, see: &mut dyn FnMut(&str, &str)) {
        let closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let kept = self.map.copy();
        drop(closed);
        for (key, value) in &kept {
            see(key, value);
        }
    }
}

/// `papaya`.
#[derive(Default)]
pub struct Papaya(papaya::HashMap<Key, Value>);

impl Concurrent for Papaya {
    fn get(&self, key: &str) -> Option<Value> {
        self.0.pin().get(key).cloned()
    }

    fn put(&self, key: Key, value: Value) {
        self.0.pin().insert(key, value);
    }

    fn copy(&self) -> Vec<(Key, Value)> {
        self.0.pin().iter().map(|(key, value)| (Arc::clone(key), Arc::clone(value))).collect()
    }
}

/// `scc`.
#[derive(Default)]
pub struct Scc(scc::HashMap<Key, Value>);

impl Concurrent for Scc {
    fn get(&self, key: &str) -> Option<Value> {
        self.0.read_sync(key, |_, value| Arc::clone(value))
    }

    fn put(&self, key: Key, value: Value) {
        self.0.upsert_sync(key, value);
    }

    fn copy(&self) -> Vec<(Key, Value)> {
        let mut copy = Vec::with_capacity(self.0.len());
        self.0.iter_sync(|key, value| {
            copy.push((Arc::clone(key), Arc::clone(value)));
            true
        });
        copy
    }
}

/// `dashmap`.
#[derive(Default)]
pub struct Dashmap(dashmap::DashMap<Key, Value>);

impl Concurrent for Dashmap {
    fn get(&self, key: &str) -> Option<Value> {
        self.0.get(key).map(|value| Arc::clone(&value))
    }

    fn put(&self, key: Key, value: Value) {
        self.0.insert(key, value);
    }

    fn copy(&self) -> Vec<(Key, Value)> {
        self.0.iter().map(|entry| (Arc::clone(entry.key()), Arc::clone(entry.value()))).collect()
    }
}
