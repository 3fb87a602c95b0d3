//! The policies by what they might match.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::Gvk;
use crate::matching::claim::{ClaimDecision, decide};
use crate::matching::explanation::{self, Explanation};
use crate::matching::policy::{Policy, PolicyRef, Scope, Template};

/// All policies, found by kind and scope, so that a template is compared only
/// with the policies of its namespace and the cluster-wide ones that name its
/// kind.
#[derive(Clone, Debug, Default)]
pub struct Index {
    policies: BTreeMap<PolicyRef, Arc<Policy>>,
    by_kind: HashMap<Gvk, BTreeMap<Scope, BTreeSet<PolicyRef>>>,
}

impl Index {
    /// Puts a policy in, or a newer state of it. Returns the earlier state.
    pub fn insert(&mut self, policy: Arc<Policy>) -> Option<Arc<Policy>> {
        let earlier = self.remove(&policy.reference);
        for selector in &policy.selectors {
            self.by_kind
                .entry(selector.gvk.clone())
                .or_default()
                .entry(policy.reference.scope.clone())
                .or_default()
                .insert(policy.reference.clone());
        }
        self.policies.insert(policy.reference.clone(), policy);
        earlier
    }

    /// Takes a policy out.
    pub fn remove(&mut self, reference: &PolicyRef) -> Option<Arc<Policy>> {
        let policy = self.policies.remove(reference)?;
        for selector in &policy.selectors {
            self.unlist(&selector.gvk, reference);
        }
        Some(policy)
    }

    fn unlist(&mut self, gvk: &Gvk, reference: &PolicyRef) {
        let Some(scopes) = self.by_kind.get_mut(gvk) else { return };
        if let Some(references) = scopes.get_mut(&reference.scope) {
            references.remove(reference);
            if references.is_empty() {
                scopes.remove(&reference.scope);
            }
        }
        if scopes.is_empty() {
            self.by_kind.remove(gvk);
        }
    }

    /// A policy by name.
    pub fn get(&self, reference: &PolicyRef) -> Option<&Arc<Policy>> {
        self.policies.get(reference)
    }

    /// All policies, ordered by reference.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Policy>> + Clone {
        self.policies.values()
    }

    /// The kinds any policy selects; nothing else needs to be watched.
    pub fn kinds(&self) -> impl Iterator<Item = &Gvk> {
        self.by_kind.keys()
    }

    /// Decides for one template.
    ///
    /// A claim stands while its policy exists (under the recorded id), is not
    /// being deleted and matches. Otherwise the policies of the template's
    /// namespace come before the cluster-wide ones; among them the highest
    /// priority wins, then the closest match, then the smallest name
    /// (karmada-api 2.2).
    pub fn claim(&self, template: &Template<'_>) -> ClaimDecision {
        let holder = template.claimed_by.and_then(|claim| self.get(&claim.policy)).map(|policy| &**policy);
        decide(template, holder, self.candidates(template))
    }

    /// The same decision with what speaks for and against every policy.
    pub fn explain(&self, template: &Template<'_>) -> Explanation {
        explanation::explain(&self.claim(template), template, self.iter().map(|policy| &**policy))
    }

    fn candidates<'s>(&'s self, template: &Template<'_>) -> impl Iterator<Item = &'s Policy> {
        let scopes = self.by_kind.get(&template.key.gvk);
        let own = template.key.namespace.clone().map(Scope::Namespaced);
        [own, Some(Scope::Cluster)]
            .into_iter()
            .flatten()
            .filter_map(move |scope| scopes?.get(&scope))
            .flatten()
            .filter_map(|reference| self.get(reference).map(|policy| &**policy))
    }
}
