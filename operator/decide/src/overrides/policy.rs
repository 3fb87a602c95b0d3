//! Override policies, and which of them mean an object.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Overriders;
use crate::affinity::ClusterAffinity;
use crate::cluster::Cluster;
use crate::ids::ObjectKey;
use crate::matching::{MatchLevel, ResourceSelector, Scope};

/// A checked `OverridePolicy` or `ClusterOverridePolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverridePolicy {
    /// Its name.
    pub name: Arc<str>,
    /// Which of the two kinds, and in which namespace.
    pub scope: Scope,
    /// The objects it means; none: all within its scope.
    pub selectors: Vec<ResourceSelector>,
    /// Its rules, in order. The deprecated single rule is one of them.
    pub rules: Vec<Rule>,
}

/// Changes for a set of clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// None: every cluster.
    pub target: Option<ClusterAffinity>,
    /// The changes.
    pub overriders: Overriders,
}

impl Rule {
    /// Whether the rule is for this cluster.
    pub fn targets(&self, cluster: &Cluster) -> bool {
        self.target.as_ref().is_none_or(|target| target.matches(cluster))
    }
}

impl OverridePolicy {
    /// How closely the policy means the object; None: not at all.
    pub fn matches(&self, key: &ObjectKey, labels: &BTreeMap<String, String>) -> Option<MatchLevel> {
        if self.selectors.is_empty() {
            return self.scope.reaches(key).then_some(MatchLevel::All);
        }
        ResourceSelector::best_match(&self.selectors, &self.scope, key, labels)
    }
}

impl fmt::Display for OverridePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Namespaced(namespace) => write!(f, "OverridePolicy {namespace}/{}", self.name),
            Scope::Cluster => write!(f, "ClusterOverridePolicy {}", self.name),
        }
    }
}

/// The policies that mean the object, in the order they act: cluster-wide ones
/// first, then looser matches before closer ones, then by name. Later ones win
/// (karmada-api 2.4).
pub fn applicable<'a>(
    policies: impl IntoIterator<Item = &'a OverridePolicy>,
    key: &ObjectKey,
    labels: &BTreeMap<String, String>,
) -> Vec<&'a OverridePolicy> {
    let mut matching: Vec<(bool, MatchLevel, &OverridePolicy)> = policies
        .into_iter()
        .filter_map(|policy| Some((policy.scope != Scope::Cluster, policy.matches(key, labels)?, policy)))
        .collect();
    matching.sort_by(|a, b| (a.0, a.1, &a.2.name).cmp(&(b.0, b.1, &b.2.name)));
    matching.into_iter().map(|(_, _, policy)| policy).collect()
}
