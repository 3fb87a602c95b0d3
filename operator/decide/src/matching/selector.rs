//! One `resourceSelectors` entry, checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::affinity::{LabelSelector, Requirement};
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

impl fmt::Display for MatchLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "the whole kind",
            Self::Labels => "its labels",
            Self::Name => "its name",
        })
    }
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

/// The first part of a selector that does not hold of an object, from what is
/// looked at first to what is looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch<'a> {
    /// It names another kind, or another version.
    Kind(&'a Gvk),
    /// The policy lives in another namespace.
    Scope(&'a Namespace),
    /// It names another namespace.
    Namespace(&'a Namespace),
    /// It names another object.
    Name(&'a str),
    /// This requirement does not hold of the labels.
    Label(&'a Requirement),
}

impl Mismatch<'_> {
    /// How near the selector came: the more of it holds, the higher.
    pub fn nearness(&self, key: &ObjectKey) -> u8 {
        match self {
            Self::Kind(gvk) if gvk.kind == key.gvk.kind && gvk.group == key.gvk.group => 1,
            Self::Kind(_) => 0,
            Self::Scope(_) => 2,
            Self::Namespace(_) => 3,
            Self::Name(_) | Self::Label(_) => 4,
        }
    }
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(gvk) => write!(f, "it selects {gvk}"),
            Self::Scope(namespace) => write!(f, "it lives in namespace {namespace} and selects there alone"),
            Self::Namespace(namespace) => write!(f, "it selects in namespace {namespace}"),
            Self::Name(name) => write!(f, "it selects the name {name}"),
            Self::Label(requirement) => write!(f, "it wants {requirement}"),
        }
    }
}

impl ResourceSelector {
    /// Whether the selector, written in a policy of `scope`, means the object,
    /// and how closely. A namespaced policy never reaches beyond its own
    /// namespace, whatever its selector says.
    pub fn matches(&self, scope: &Scope, key: &ObjectKey, labels: &BTreeMap<String, String>) -> Option<MatchLevel> {
        self.compare(scope, key, labels).ok()
    }

    /// The same, with the first part that does not hold.
    pub fn compare<'a>(
        &'a self,
        scope: &'a Scope,
        key: &ObjectKey,
        labels: &BTreeMap<String, String>,
    ) -> Result<MatchLevel, Mismatch<'a>> {
        if self.gvk != key.gvk {
            return Err(Mismatch::Kind(&self.gvk));
        }
        if let Scope::Namespaced(own) = scope
            && !scope.reaches(key)
        {
            return Err(Mismatch::Scope(own));
        }
        if let Some(namespace) = &self.namespace
            && key.namespace.as_ref() != Some(namespace)
        {
            return Err(Mismatch::Namespace(namespace));
        }
        match &self.pick {
            Pick::Name(name) if **name == *key.name => Ok(MatchLevel::Name),
            Pick::Name(name) => Err(Mismatch::Name(name)),
            Pick::Labels(selector) => {
                selector.first_unmet(labels).map_or(Ok(MatchLevel::Labels), |unmet| Err(Mismatch::Label(unmet)))
            }
            Pick::All => Ok(MatchLevel::All),
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
