//! The cell that holds the published view. Readers get a share of it without
//! waiting for anybody.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// The cell.
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
