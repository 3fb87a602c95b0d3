//! A store's contents for tests, those on the model checker included.

use std::collections::BTreeMap;

use crate::tables::{Tables, Versioned};

/// One table of numbers; the thousands of a key are its scope.
#[derive(Clone, Default)]
pub struct Numbers(imbl::OrdMap<u16, Versioned<u32>>);

impl Tables for Numbers {
    type Key = u16;
    type Value = u32;
    type Scope = u16;

    fn scope(key: &u16) -> u16 {
        key / 1000
    }

    fn same(old: &u32, new: &u32) -> bool {
        old == new
    }

    fn get(&self, key: &u16) -> Option<Versioned<u32>> {
        self.0.get(key).copied()
    }

    fn put(&mut self, key: &u16, entry: Option<Versioned<u32>>) {
        match entry {
            Some(entry) => drop(self.0.insert(*key, entry)),
            None => drop(self.0.remove(key)),
        }
    }
}

impl Numbers {
    /// The number under this key.
    pub fn value(&self, key: u16) -> Option<u32> {
        self.0.get(&key).map(|entry| entry.value)
    }

    /// All keys and numbers.
    pub fn contents(&self) -> BTreeMap<u16, u32> {
        self.0.iter().map(|(key, entry)| (*key, entry.value)).collect()
    }

    /// The latest version of any entry; 0 without entries.
    pub fn newest(&self) -> u64 {
        self.0.values().map(|entry| entry.version).max().unwrap_or(0)
    }
}
