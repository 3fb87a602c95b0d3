//! Which clusters a rule means: `ClusterAffinity` and label selectors, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::ids::ClusterName;

/// How a requirement compares a key's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// The value is one of these.
    In(BTreeSet<String>),
    /// The value is none of these; an absent key satisfies it.
    NotIn(BTreeSet<String>),
    /// The key is there.
    Exists,
    /// The key is not there.
    DoesNotExist,
}

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// What its value must be.
    pub operator: Operator,
}

/// A label selector: all requirements must hold; none selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LabelSelector {
    /// `matchLabels` and `matchExpressions`, both as requirements.
    pub requirements: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether `labels` satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.first_unmet(labels).is_none()
    }

    /// The first requirement that `labels` do not satisfy.
    pub fn first_unmet(&self, labels: &BTreeMap<String, String>) -> Option<&Requirement> {
        self.requirements.iter().find(|requirement| {
            let value = labels.get(&requirement.key);
            !match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

impl Operator {
    fn write(&self, f: &mut fmt::Formatter<'_>, of: &str, key: &str) -> fmt::Result {
        let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::In(values) if values.len() == 1 => write!(f, "the {of} {key}={}", list(values)),
            Self::In(values) => write!(f, "the {of} {key} to be one of {}", list(values)),
            Self::NotIn(values) => write!(f, "the {of} {key} to be none of {}", list(values)),
            Self::Exists => write!(f, "the {of} {key}"),
            Self::DoesNotExist => write!(f, "no {of} {key}"),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operator.write(f, "label", &self.key)
    }
}

/// The cluster fields a field selector may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClusterField {
    /// `spec.provider`
    Provider,
    /// `spec.region`
    Region,
    /// `spec.zones`
    Zone,
}

/// One requirement on a cluster field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldRequirement {
    /// Which field.
    pub field: ClusterField,
    /// What its value must be. For zones: `In` wants at least one zone in the
    /// list, `NotIn` wants none of them there.
    pub operator: Operator,
}

/// A set of clusters (karmada-api 1.2). Every stated part must match; an
/// affinity without any part means every cluster; `exclude` wins over all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterAffinity {
    /// On the cluster's labels.
    pub labels: Option<LabelSelector>,
    /// On provider, region and zones.
    pub fields: Vec<FieldRequirement>,
    /// When not empty, only these.
    pub names: BTreeSet<ClusterName>,
    /// Never these.
    pub exclude: BTreeSet<ClusterName>,
}

/// The first part of an affinity that keeps a cluster out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet<'a> {
    /// It is excluded by name.
    Excluded,
    /// It is not among the names.
    NotNamed(&'a BTreeSet<ClusterName>),
    /// This requirement does not hold of its labels.
    Label(&'a Requirement),
    /// This requirement does not hold of its fields.
    Field(&'a FieldRequirement),
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded => f.write_str("exclude names it"),
            Self::NotNamed(names) => {
                let names: Vec<_> = names.iter().map(ClusterName::as_str).collect();
                write!(f, "clusterNames are {}", names.join(", "))
            }
            Self::Label(requirement) => write!(f, "it wants {requirement}"),
            Self::Field(requirement) => {
                f.write_str("it wants ")?;
                requirement.operator.write(f, "field", requirement.field.name())
            }
        }
    }
}

impl ClusterField {
    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Region => "region",
            Self::Zone => "zone",
        }
    }
}

impl ClusterAffinity {
    /// Whether `cluster` belongs to the set.
    pub fn matches(&self, cluster: &Cluster) -> bool {
        self.first_unmet(cluster).is_none()
    }

    /// What keeps `cluster` out, if anything.
    pub fn first_unmet(&self, cluster: &Cluster) -> Option<Unmet<'_>> {
        if self.exclude.contains(&cluster.name) {
            return Some(Unmet::Excluded);
        }
        if !self.names.is_empty() && !self.names.contains(&cluster.name) {
            return Some(Unmet::NotNamed(&self.names));
        }
        let label = self.labels.as_ref().and_then(|selector| selector.first_unmet(&cluster.labels)).map(Unmet::Label);
        label.or_else(|| self.fields.iter().find(|requirement| !requirement.matches(cluster)).map(Unmet::Field))
    }
}

impl FieldRequirement {
    fn matches(&self, cluster: &Cluster) -> bool {
        match self.field {
            ClusterField::Provider => self.operator.holds_for_one(&cluster.provider),
            ClusterField::Region => self.operator.holds_for_one(&cluster.region),
            ClusterField::Zone => match &self.operator {
                Operator::In(values) => cluster.zones.iter().any(|zone| values.contains(zone)),
                Operator::NotIn(values) => !cluster.zones.iter().any(|zone| values.contains(zone)),
                Operator::Exists => !cluster.zones.is_empty(),
                Operator::DoesNotExist => cluster.zones.is_empty(),
            },
        }
    }
}

impl Operator {
    /// For a field that is always there and empty when unset.
    fn holds_for_one(&self, value: &str) -> bool {
        match self {
            Self::In(values) => values.contains(value),
            Self::NotIn(values) => !values.contains(value),
            Self::Exists => !value.is_empty(),
            Self::DoesNotExist => value.is_empty(),
        }
    }
}
