//! A persistent map behind one pointer, without batches.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::bench::map::candidate::Candidate;
use crate::bench::map::texts::{Key, Value};

/// The pointer, and the lock of those who move it.
#[derive(Default)]
pub struct Swapped {
    map: ArcSwap<imbl::HashMap<Key, Value>>,
    writers: Mutex<()>,
}

impl Candidate for Swapped {
    fn get(&self, key: &str) -> Option<Value> {
        self.map.load().get(key).cloned()
    }

    fn put(&self, key: &Key, value: &Value) {
        let _alone = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = imbl::HashMap::clone(&self.map.load());
        map.insert(Arc::clone(key), Arc::clone(value));
        self.map.store(Arc::new(map));
    }

    fn view(&self, see: &mut dyn FnMut(&str, &str)) {
        self.map.load_full().iter().for_each(|(key, value)| see(key, value));
    }
}
