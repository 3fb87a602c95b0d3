//! Why an object runs where it runs: the whole answer to that question, as one
//! value that programs read and people are shown (promise I8).
//!
//! Enters: the explanations of the deciders, and what the drivers saw. Leaves:
//! an [`Explanation`] with its answer in a sentence or two. Must not: decide
//! anything anew, or hold a value of a manifest; names and paths are enough.

mod summary;

use serde::{Deserialize, Serialize};

use crate::placement::Target;
use crate::render::Changed;
use crate::{binding, matching};

pub use summary::summarize;

/// The whole answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The answer in a sentence or two.
    pub summary: String,
    /// The object.
    pub object: Object,
    /// Which policy it belongs to.
    pub claim: matching::Explanation,
    /// What keeps its policy from acting at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_up: Option<String>,
    /// How its placement comes about; None: no policy acts on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<binding::Explanation>,
    /// The binding; None: there is none, and none is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// What is changed on its way, by cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Overridden>,
    /// What became of it, by cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applies: Vec<Apply>,
    /// What waits for a person, or for something to end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// The last decisions over it that this process remembers, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
}

/// Which object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// None for a cluster-scoped object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Replicas it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}

/// The binding as written, beside the one that would be written now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// `namespace/name`, or `name`.
    pub name: String,
    /// None: there is no binding yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Vec<Target>>,
    /// What would be decided now; None: nobody decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_be: Option<Vec<Target>>,
    /// Both are the same, the open moves included.
    pub settled: bool,
    /// What is still to be written or waited for, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
    /// It carries a deletion timestamp.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
}

/// What is changed on the way to one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overridden {
    /// The cluster.
    pub cluster: String,
    /// The rules that are for it, in the order they act.
    pub changes: Vec<Changed>,
    /// Why the object cannot be made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of the object on one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Apply {
    /// The cluster.
    pub cluster: String,
    /// It is a target.
    pub wanted: bool,
    /// In one word: applied, waiting, failed, drifted, absent, leaving, unknown.
    pub state: String,
    /// Hash of what it should hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// Hash of what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// Its health there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// Why the last order was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why nothing happens now, or what happens next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When an order was last carried out or refused, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Something that is held up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The cluster; None: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What is held up, and why.
    pub why: String,
}

/// A decision of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// When, in RFC 3339.
    pub at: String,
    /// The cluster it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What was decided, in one word.
    pub what: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[cfg(test)]
mod tests;
