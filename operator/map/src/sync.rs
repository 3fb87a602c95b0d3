//! Everything by which threads meet: the locks, the wake-ups, the cell of the
//! published view, the clock. `tests/model/sync.rs` has the same names on a model checker.

use std::sync::Arc;
pub use std::sync::{Mutex, MutexGuard};

use arc_swap::ArcSwap;
pub use tokio::sync::Notify;
pub use tokio::time::{Instant, sleep_until};

/// The time of a write.
pub fn now() -> Instant {
    Instant::now()
}

/// The cell that holds the published view. Readers get a share of it without
/// waiting for anybody.
pub struct Published<V>(ArcSwap<V>);

impl<V> Published<V> {
    /// Holds `view`.
    pub fn new(view: Arc<V>) -> Self {
        Self(ArcSwap::new(view))
    }

    /// A share of what it holds now.
    pub fn load(&self) -> Arc<V> {
        self.0.load_full()
    }

    /// Holds `view` from now on.
    pub fn store(&self, view: Arc<V>) {
        self.0.store(view);
    }
}
