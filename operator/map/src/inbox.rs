//! What one subscriber has not read yet: a bounded set of keys.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::PoisonError;

use crate::stats::Count;
use crate::subscription::{Changed, Changes};
use crate::sync::{Mutex, MutexGuard, Notify};

type Wants<K> = Box<dyn Fn(&K) -> bool + Send + Sync>;

/// The unread keys.
pub struct Inbox<K> {
    wants: Wants<K>,
    capacity: usize,
    unread: Mutex<Unread<K>>,
    /// Told when something comes in.
    pub arrived: Notify,
}

struct Unread<K> {
    keys: HashSet<K>,
    /// More came than fits: the keys are given up, everything is to be looked at.
    overflowed: bool,
    version: u64,
}

impl<K: Clone + Eq + Hash> Inbox<K> {
    /// An empty one.
    pub fn new(capacity: usize, wants: Wants<K>) -> Self {
        let unread = Unread { keys: HashSet::new(), overflowed: false, version: 0 };
        Self { wants, capacity, unread: Mutex::new(unread), arrived: Notify::new() }
    }

    /// Adds the wanted ones of `keys`. Returns true, so that it can stand in a
    /// filter of living inboxes.
    pub fn tell(&self, version: u64, keys: &[K], resyncs: &Count) -> bool {
        let mut unread = self.lock();
        let mut wanted = keys.iter().filter(|key| (self.wants)(key)).peekable();
        if wanted.peek().is_none() {
            return true;
        }
        unread.version = version;
        if !unread.overflowed {
            unread.keys.extend(wanted.cloned());
            if unread.keys.len() > self.capacity {
                unread.keys = HashSet::new();
                unread.overflowed = true;
                resyncs.inc();
            }
        }
        drop(unread);
        self.arrived.notify_one();
        true
    }

    /// Takes out what is unread.
    pub fn take(&self) -> Option<Changes<K>> {
        let mut unread = self.lock();
        let changed = if std::mem::take(&mut unread.overflowed) {
            Changed::Everything
        } else if unread.keys.is_empty() {
            return None;
        } else {
            Changed::Keys(unread.keys.drain().collect())
        };
        Some(Changes { version: unread.version, changed })
    }

    fn lock(&self) -> MutexGuard<'_, Unread<K>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
