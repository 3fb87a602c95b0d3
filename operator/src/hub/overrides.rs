//! The override policies of the hub, checked.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use atoll_decide::ids::ObjectKey;
use atoll_decide::matching::PolicyRef;
use atoll_decide::overrides::{OverridePolicy, applicable};

/// All override policies.
#[derive(Default)]
pub struct Overrides {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    known: BTreeMap<PolicyRef, Arc<OverridePolicy>>,
    version: u64,
}

impl Overrides {
    /// Puts a policy; returns its earlier state. An invalid one is not put:
    /// its earlier state stays in force.
    pub fn put(&self, reference: PolicyRef, policy: Arc<OverridePolicy>) -> Option<Arc<OverridePolicy>> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.version += 1;
        inner.known.insert(reference, policy)
    }

    /// The policy is gone.
    pub fn remove(&self, reference: &PolicyRef) -> Option<Arc<OverridePolicy>> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.version += 1;
        inner.known.remove(reference)
    }

    /// Whether a policy of this name is there.
    pub fn contains(&self, reference: &PolicyRef) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).known.contains_key(reference)
    }

    /// Names of all of them.
    pub fn names(&self) -> Vec<PolicyRef> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).known.keys().cloned().collect()
    }

    /// What applies to an object, in the order it acts.
    pub fn applicable(&self, key: &ObjectKey, labels: &BTreeMap<String, String>) -> Vec<Arc<OverridePolicy>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if inner.known.is_empty() {
            return Vec::new();
        }
        let in_order = applicable(inner.known.values().map(|policy| &**policy), key, labels);
        let shared = |wanted: &OverridePolicy| {
            inner.known.values().find(|known| std::ptr::eq(&raw const ***known, wanted)).cloned()
        };
        in_order.into_iter().filter_map(shared).collect()
    }

    /// Moves with every change: equal versions mean equal policies.
    pub fn version(&self) -> u64 {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).version
    }
}
