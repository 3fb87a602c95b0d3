//! Which lists of the hub are complete. Nothing is decided before all are:
//! a policy that is not listed yet is unknown, not absent (promise I2).

use tokio::sync::watch;

/// The lists every decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `PropagationPolicies`.
    PropagationPolicies,
    /// `ClusterPropagationPolicies`.
    ClusterPropagationPolicies,
    /// `OverridePolicies`.
    OverridePolicies,
    /// `ClusterOverridePolicies`.
    ClusterOverridePolicies,
    /// `ResourceBindings`.
    ResourceBindings,
    /// `ClusterResourceBindings`.
    ClusterResourceBindings,
    /// Clusters.
    Clusters,
    /// Namespaces.
    Namespaces,
}

const ALL: u16 = 0b1111_1111;

/// The lists that are complete.
pub struct Synced {
    done: watch::Sender<u16>,
}

impl Default for Synced {
    fn default() -> Self {
        Self { done: watch::Sender::new(0) }
    }
}

impl Synced {
    /// This list is complete. It stays so: a later interruption leaves the
    /// last state standing.
    pub fn set(&self, list: List) {
        self.done.send_if_modified(|done| {
            let before = *done;
            *done |= 1 << (list as u16);
            *done != before
        });
    }

    /// Whether all are.
    pub fn is_complete(&self) -> bool {
        *self.done.borrow() == ALL
    }

    /// Waits until all are.
    pub async fn wait(&self) {
        let mut done = self.done.subscribe();
        // The sender lives as long as `self`.
        let _ = done.wait_for(|done| *done == ALL).await;
    }
}
