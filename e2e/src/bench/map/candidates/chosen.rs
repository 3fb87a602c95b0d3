//! The fleet map's own store, holding texts.

use std::sync::Arc;

use atoll_map::{Store, Tables, Urgency, Versioned, Writer};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::bench::map::candidate::Candidate;
use crate::bench::map::texts::{Key, Value};

/// The table.
#[derive(Clone, Default)]
struct Table(imbl::HashMap<Key, Versioned<Value>>);

impl Tables for Table {
    type Key = Key;
    type Value = Value;
    type Scope = ();

    fn scope(_key: &Key) {}

    fn same(old: &Value, new: &Value) -> bool {
        Arc::ptr_eq(old, new) || old == new
    }

    fn get(&self, key: &Key) -> Option<Versioned<Value>> {
        self.0.get(key).cloned()
    }

    fn put(&mut self, key: &Key, entry: Option<Versioned<Value>>) {
        match entry {
            Some(entry) => drop(self.0.insert(Arc::clone(key), entry)),
            None => drop(self.0.remove(key)),
        }
    }
}

/// The store and its writer.
pub struct Chosen {
    store: Store<Table>,
    writer: Writer<Table>,
}

impl Default for Chosen {
    fn default() -> Self {
        let store = Store::default();
        let writer = store.claim(()).expect("nobody else has a new store");
        Self { store, writer }
    }
}

impl Candidate for Chosen {
    fn get(&self, key: &str) -> Option<Value> {
        self.store.snapshot().0.get(key).map(|entry| Arc::clone(&entry.value))
    }

    fn put(&self, key: &Key, value: &Value) {
        self.writer
            .put(Arc::clone(key), Arc::clone(value), Urgency::Batched)
            .expect("there is one scope and one writer");
    }

    fn view(&self, see: &mut dyn FnMut(&str, &str)) {
        self.store.snapshot().0.iter().for_each(|(key, entry)| see(key, &entry.value));
    }

    fn settle(&self) {
        self.store.publish();
    }

    fn background(&self, cancel: CancellationToken) -> Option<BoxFuture<'static, ()>> {
        let store = self.store.clone();
        Some(Box::pin(async move { store.run(cancel).await }))
    }
}
