//! The traces of applies whose result the member's watch has not shown yet.
//!
//! Bounded, and empty while nobody listens to traces.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_decide::ids::ObjectKey;
use tokio::time::Instant;

use crate::telemetry::Origin;

/// So many are kept on each member; the oldest goes.
const KEPT: usize = 256;
/// What the watch shows later than this comes from something else.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// The applies of one member.
#[derive(Default)]
pub struct Applies(Mutex<VecDeque<(ObjectKey, Origin, Instant)>>);

impl Applies {
    /// This apply of the object begins.
    pub fn note(&self, key: &ObjectKey, origin: Origin) {
        if origin.is_empty() {
            return;
        }
        let mut kept = self.lock();
        kept.retain(|(known, ..)| known != key);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((key.clone(), origin, Instant::now()));
    }

    /// It changed nothing that a watch would show.
    pub fn forget(&self, key: &ObjectKey) {
        self.take(key);
    }

    /// The apply that the watch shows the result of, asked once.
    pub fn take(&self, key: &ObjectKey) -> Origin {
        let mut kept = self.lock();
        let found = kept.iter().position(|(known, ..)| known == key).and_then(|index| kept.remove(index));
        found.filter(|(.., at)| at.elapsed() <= SHOWN_WITHIN).map(|(_, origin, _)| origin).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(ObjectKey, Origin, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
