//! A map of two layers: what is known is read without a lock and changed in place, what is new waits in a locked part.
//! When readers have looked for as many keys in vain as wait there, the locked part becomes the one that is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use arc_swap::ArcSwap;

use crate::bench::map::candidate::Candidate;
use crate::bench::map::texts::{Key, Value};

/// A value that is replaced without touching the map around it.
type Slot = Arc<ArcSwap<Value>>;

/// The layer without a lock.
#[derive(Default)]
struct Known {
    slots: HashMap<Key, Slot>,
    /// The locked layer has keys that this one lacks.
    lacks_some: bool,
}

/// The layer behind the lock; while it is in use it has all slots.
#[derive(Default)]
struct News {
    slots: HashMap<Key, Slot>,
    added: usize,
    missed: usize,
}

/// Both, and the gate that makes views whole, as for other maps without them.
#[derive(Default)]
pub struct Layered {
    known: ArcSwap<Known>,
    news: Mutex<News>,
    gate: RwLock<()>,
}

impl Layered {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn promote(&self, news: &mut News) {
        let slots = std::mem::take(news).slots;
        self.known.store(Arc::new(Known { slots, lacks_some: false }));
    }

    fn put_new(&self, key: &Key, value: &Value) {
        let mut news = self.news();
        let known = self.known.load();
        if let Some(slot) = known.slots.get(key).or_else(|| news.slots.get(key)) {
            return slot.store(Arc::new(Arc::clone(value)));
        }
        if !known.lacks_some {
            news.slots.clone_from(&known.slots);
            self.known.store(Arc::new(Known { slots: known.slots.clone(), lacks_some: true }));
        }
        news.slots.insert(Arc::clone(key), Arc::new(ArcSwap::from_pointee(Arc::clone(value))));
        news.added += 1;
    }
}

impl Candidate for Layered {
    fn get(&self, key: &str) -> Option<Value> {
        let known = self.known.load();
        if let Some(slot) = known.slots.get(key) {
            return Some(Arc::clone(&**slot.load()));
        }
        if !known.lacks_some {
            return None;
        }
        let mut news = self.news();
        let value = news.slots.get(key).map(|slot| Arc::clone(&**slot.load()));
        news.missed += 1;
        if news.added > 0 && news.missed >= news.added {
            self.promote(&mut news);
        }
        // Whoever waited for the lock may have missed a promotion.
        value.or_else(|| self.known.load().slots.get(key).map(|slot| Arc::clone(&**slot.load())))
    }

    fn put(&self, key: &Key, value: &Value) {
        let _passing = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        match self.known.load().slots.get(key) {
            Some(slot) => slot.store(Arc::new(Arc::clone(value))),
            None => self.put_new(key, value),
        }
    }

    fn view(&self, see: &mut dyn FnMut(&str, &str)) {
        let closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.settle();
        let known = self.known.load();
        let kept: Vec<_> =
            known.slots.iter().map(|(key, slot)| (Arc::clone(key), Arc::clone(&**slot.load()))).collect();
        drop(closed);
        for (key, value) in &kept {
            see(key, value);
        }
    }

    fn settle(&self) {
        let mut news = self.news();
        if self.known.load().lacks_some {
            self.promote(&mut news);
        }
    }
}
