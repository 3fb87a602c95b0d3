//! Hearing which keys changed.

use std::hash::Hash;
use std::sync::Arc;

use crate::inbox::Inbox;

/// What changed since the last call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<K> {
    /// A snapshot taken from now on has at least this version.
    pub version: u64,
    /// Which keys.
    pub changed: Changed<K>,
}

/// The keys that changed, each once, in no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed<K> {
    /// These. Compare before acting: a key may have changed and changed back.
    Keys(Vec<K>),
    /// The subscriber was too slow: look at every key.
    Everything,
}

/// One subscriber. Ends when it is dropped.
pub struct Subscription<K> {
    inbox: Arc<Inbox<K>>,
}

impl<K: Clone + Eq + Hash> Subscription<K> {
    pub(crate) fn new(inbox: Arc<Inbox<K>>) -> Self {
        Self { inbox }
    }

    /// Waits for changes. Dropping the future loses none.
    pub async fn next(&mut self) -> Changes<K> {
        loop {
            // A change between the two lines leaves a permit with `arrived`.
            if let Some(changes) = self.inbox.take() {
                return changes;
            }
            self.inbox.arrived.notified().await;
        }
    }

    /// What changed, if anything did.
    pub fn take(&mut self) -> Option<Changes<K>> {
        self.inbox.take()
    }
}
