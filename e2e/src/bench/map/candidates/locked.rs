//! `HashMap` behind locks: one, or one for each of 64 parts.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::bench::map::candidate::Candidate;
use crate::bench::map::texts::{Key, Value};

type Part = RwLock<HashMap<Key, Value>>;

fn read(part: &Part) -> RwLockReadGuard<'_, HashMap<Key, Value>> {
    part.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(part: &Part) -> RwLockWriteGuard<'_, HashMap<Key, Value>> {
    part.write().unwrap_or_else(PoisonError::into_inner)
}

/// One lock around everything.
#[derive(Default)]
pub struct Locked(Part);

impl Candidate for Locked {
    fn get(&self, key: &str) -> Option<Value> {
        read(&self.0).get(key).cloned()
    }

    fn put(&self, key: &Key, value: &Value) {
        write(&self.0).insert(Arc::clone(key), Arc::clone(value));
    }

    fn view(&self, see: &mut dyn FnMut(&str, &str)) {
        let kept = read(&self.0).clone();
        for (key, value) in &kept {
            see(key, value);
        }
    }
}

/// A power of two, so that a mask finds the part.
const SHARDS: usize = 64;

/// A lock around each part.
pub struct Sharded {
    parts: [Part; SHARDS],
    hasher: RandomState,
}

impl Default for Sharded {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Part::default()), hasher: RandomState::new() }
    }
}

impl Sharded {
    #[expect(clippy::cast_possible_truncation, reason = "only the lowest bits count")]
    fn part(&self, key: &str) -> &Part {
        &self.parts[self.hasher.hash_one(key) as usize & (SHARDS - 1)]
    }
}

impl Candidate for Sharded {
    fn get(&self, key: &str) -> Option<Value> {
        read(self.part(key)).get(key).cloned()
    }

    fn put(&self, key: &Key, value: &Value) {
        write(self.part(key)).insert(Arc::clone(key), Arc::clone(value));
    }

    /// All locks are held, always taken in the same order, so the parts are of one moment.
    fn view(&self, see: &mut dyn FnMut(&str, &str)) {
        let parts: Vec<_> = self.parts.iter().map(read).collect();
        let kept: Vec<HashMap<Key, Value>> = parts.iter().map(|part| HashMap::clone(part)).collect();
        drop(parts);
        kept.iter().flatten().for_each(|(key, value)| see(key, value));
    }
}
