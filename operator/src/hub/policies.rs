//! The propagation and override policies of the hub, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use atoll_crds::PolicyStatus;
use atoll_decide::ids::Gvk;
use atoll_decide::matching::{ClaimDecision, Explanation, Index, PolicyRef, Template};

use crate::validate::Invalid;
use crate::validate::policy::Policy;

/// A policy as it stands on the hub.
#[derive(Clone, Debug)]
pub enum Known {
    /// Checked and in force.
    Valid(Arc<Policy>),
    /// Not in force; its earlier valid state, if any, is in force no more.
    Invalid {
        /// `metadata.generation`
        generation: i64,
        /// What is wrong.
        problems: Arc<[Invalid]>,
    },
}

#[derive(Default)]
struct Inner {
    index: Index,
    known: BTreeMap<PolicyRef, Known>,
    statuses: BTreeMap<PolicyRef, Arc<PolicyStatus>>,
}

/// All propagation policies.
#[derive(Default)]
pub struct Policies {
    inner: RwLock<Inner>,
}

impl Policies {
    /// Puts a policy. Returns what was known of it before.
    pub fn put(&self, reference: PolicyRef, known: Known) -> Option<Known> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        match &known {
            Known::Valid(policy) => {
                inner.index.insert(Arc::clone(&policy.matching));
            }
            Known::Invalid { .. } => {
                // What it held stays held: a typo must not release anything.
            }
        }
        inner.known.insert(reference, known)
    }

    /// The policy is gone.
    pub fn remove(&self, reference: &PolicyRef) -> Option<Known> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.index.remove(reference);
        inner.statuses.remove(reference);
        inner.known.remove(reference)
    }

    /// One policy.
    pub fn get(&self, reference: &PolicyRef) -> Option<Known> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).known.get(reference).cloned()
    }

    /// The status as last seen or written.
    pub fn status(&self, reference: &PolicyRef) -> Option<Arc<PolicyStatus>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).statuses.get(reference).cloned()
    }

    /// Puts a status as seen or written.
    pub fn put_status(&self, reference: &PolicyRef, status: PolicyStatus) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.statuses.insert(reference.clone(), Arc::new(status));
    }

    /// Which policy `template` belongs to.
    pub fn claim(&self, template: &Template<'_>) -> ClaimDecision {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).index.claim(template)
    }

    /// The same with what speaks for and against every policy.
    pub fn explain(&self, template: &Template<'_>) -> Explanation {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).index.explain(template)
    }

    /// The kinds that policies select.
    pub fn kinds(&self) -> BTreeSet<Gvk> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).index.kinds().cloned().collect()
    }

    /// All policies.
    pub fn all(&self) -> Vec<(PolicyRef, Known)> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.known.iter().map(|(reference, known)| (reference.clone(), known.clone())).collect()
    }
}
