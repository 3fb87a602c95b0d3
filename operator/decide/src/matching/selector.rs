//! One `resourceSelectors` entry, checked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::affinity::LabelSelector;
use crate::ids::{Gvk, Namespace, ObjectKey};
use crate::matching::Scope;

/// How closely a selector names an object, from loose to close; the closer
/// one wins between policies of equal priority (karmada-api 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MatchLevel {
    /// Every object of the kind.
    All,
    /// By its labels.
    Labels,
    /// By its name.
    Name,
}

/// Which objects of a kind are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pick {
    /// The one with this name; a label selector next to a name is ignored
    /// (karmada-api 1.2), so there is none here.
    Name(String),
    /// Those with such labels.
    Labels(LabelSelector),
    /// Every one.
    All,
}

/// A checked resource selector of a propagation or override policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceSelector {
    /// The kind, version included: `apps/v1` does not select `apps/v1beta1`.
    pub gvk: Gvk,
    /// None: the policy's namespace for a namespaced policy, any namespace
    /// for a cluster-wide one.
    pub namespace: Option<Namespace>,
    /// Which objects.
    pub pick: Pick,
}

impl ResourceSelector {
    /// Whether the selector, written in a policy of `scope`, means the object,
    /// and how closely. A namespaced policy never reaches beyond its own
    /// namespace, whatever its selector says.
    pub fn matches(&self, scope: &Scope, key: &ObjectKey, labels: &BTreeMap<String, String>) -> Option<MatchLevel> {
        if self.gvk != key.gvk || !scope.reaches(key) {
            return None;
        }
        if self.namespace.is_some() && self.namespace != key.namespace {
            return None;
        }
        match &self.pick {
            Pick::Name(name) => (**name == *key.name).then_some(MatchLevel::Name),
            Pick::Labels(selector) => selector.matches(labels).then_some(MatchLevel::Labels),
            Pick::All => Some(MatchLevel::All),
        }
    }

    /// The closest match of a list of selectors. An empty list matches
    /// nothing: what it means is for the policy kind to say (an override
    /// policy without selectors applies to everything).
    pub fn best_match(
        selectors: &[Self],
        scope: &Scope,
        key: &ObjectKey,
        labels: &BTreeMap<String, String>,
    ) -> Option<MatchLevel> {
        selectors.iter().filter_map(|selector| selector.matches(scope, key, labels)).max()
    }
}
