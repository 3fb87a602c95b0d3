//! What matching knows of a propagation policy and of a template.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{Namespace, ObjectKey};
use crate::matching::{MatchLevel, ResourceSelector};

/// Where a policy lives and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// In a namespace, for objects of that namespace only.
    Namespaced(Namespace),
    /// Cluster-wide, for objects of every namespace and of none.
    Cluster,
}

impl Scope {
    /// Whether a policy of this scope may mean the object at all.
    pub fn reaches(&self, key: &ObjectKey) -> bool {
        match self {
            Self::Namespaced(namespace) => key.namespace.as_ref() == Some(namespace),
            Self::Cluster => true,
        }
    }
}

/// The name of a `PropagationPolicy` or `ClusterPropagationPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Which of the two, and where.
    pub scope: Scope,
    /// Its name.
    pub name: Arc<str>,
}

impl PolicyRef {
    /// A `PropagationPolicy`.
    pub fn namespaced(namespace: impl Into<Namespace>, name: &str) -> Self {
        Self { scope: Scope::Namespaced(namespace.into()), name: name.into() }
    }

    /// A `ClusterPropagationPolicy`.
    pub fn cluster(name: &str) -> Self {
        Self { scope: Scope::Cluster, name: name.into() }
    }
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Namespaced(namespace) => write!(f, "PropagationPolicy {namespace}/{}", self.name),
            Scope::Cluster => write!(f, "ClusterPropagationPolicy {}", self.name),
        }
    }
}

/// A policy as far as matching needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub reference: PolicyRef,
    /// The permanent id label; tells a policy from a later one of the same
    /// name.
    pub id: String,
    /// `spec.priority`
    pub priority: i32,
    /// `spec.resourceSelectors`
    pub selectors: Vec<ResourceSelector>,
    /// The object carries a deletion timestamp: it claims nothing new and
    /// gives up what it has.
    pub deleting: bool,
    /// `activationPreference: Lazy`. Matching is the same, and nothing else looks
    /// at it yet.
    pub lazy: bool,
    /// `preemption: Always`
    pub preempts: bool,
}

impl Policy {
    /// How closely the policy means the template; None: not at all. Neither
    /// claims nor deletion are looked at.
    pub fn matches(&self, template: &Template<'_>) -> Option<MatchLevel> {
        ResourceSelector::best_match(&self.selectors, &self.reference.scope, template.key, template.labels)
    }
}

/// The claim recorded on a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// The claiming policy.
    pub policy: PolicyRef,
    /// Its permanent id.
    pub id: String,
}

/// A template as far as matching needs it.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// Kind, namespace, name.
    pub key: &'a ObjectKey,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The recorded claim, complete or None.
    pub claimed_by: Option<&'a Claim>,
}
