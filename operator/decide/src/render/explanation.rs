//! What changes an object on its way to a cluster, as a value: the paths that
//! each override rule touched. No value of the object is in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{Observer, render_before};
use super::{Destination, Error, Manifest, Render};
use crate::overrides::OverridePolicy;

/// So many paths of one rule are told.
const TOLD: usize = 20;

/// What one rule changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Kind and name of the policy.
    pub policy: String,
    /// Place of the rule in it, from 0.
    pub rule: usize,
    /// JSON pointers of what was added, removed or replaced. Empty: the rule
    /// found everything as it wants it.
    pub paths: Vec<String>,
    /// Paths beside these.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The manifest, and what the overrides changed, in their order. After an error
/// the changes are those before it.
pub fn explain(input: &Render<'_>, destination: &Destination<'_>) -> (Result<Manifest, Error>, Vec<Changed>) {
    let mut watching = Watching::default();
    let manifest = render_before(input, destination, &mut watching);
    (manifest, watching.changes)
}

#[derive(Default)]
struct Watching {
    before: Value,
    changes: Vec<Changed>,
}

impl Observer for Watching {
    fn revised(&mut self, object: &Value) {
        self.before.clone_from(object);
    }

    fn applied(&mut self, policy: &OverridePolicy, rule: usize, object: &Value) {
        let mut paths = Vec::new();
        compare(&self.before, object, &mut String::new(), &mut paths);
        let more = paths.len().saturating_sub(TOLD);
        paths.truncate(TOLD);
        self.changes.push(Changed { policy: policy.to_string(), rule, paths, more });
        self.before.clone_from(object);
    }
}

/// The paths at which two values differ, the shallowest that say it.
fn compare(before: &Value, after: &Value, path: &mut String, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    let length = path.len();
    let mut below = |part: &str, one: Option<&Value>, other: Option<&Value>| {
        path.push('/');
        path.push_str(&part.replace('~', "~0").replace('/', "~1"));
        match (one, other) {
            (Some(one), Some(other)) => compare(one, other, path, found),
            _ => found.push(path.clone()),
        }
        path.truncate(length);
    };
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let added = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                below(key, one.get(key), other.get(key));
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for index in 0..one.len().max(other.len()) {
                below(&index.to_string(), one.get(index), other.get(index));
            }
        }
        _ => found.push(path.clone()),
    }
}
