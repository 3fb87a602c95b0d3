//! What the API server checks beyond the shape: CEL rules, limits, patterns.
//!
//! Each rule says what Karmada's webhook says (karmada-api 1.4, 1.5, 2.22), as
//! far as CEL can say it; the operator checks the rest. DIFFERENCES.md names the
//! rules whose wording leaves room for being stricter.
//! Rules hold for what users write: bindings carry a copy of the placement,
//! which the policy's rules have seen already. The limits are there because the
//! API server bounds the cost of rules by them; they lie far above what an
//! object of 1.5 MB holds in practice.

mod cluster;
mod overrides;
mod propagation;
mod snapshot;

use serde_json::{Map, Value, json};

use super::place;

/// One addition to the schema of one field.
pub(super) struct Rule {
    /// Where, as [`place::find`] takes it.
    path: &'static str,
    /// What.
    check: Check,
}

/// What is added.
enum Check {
    /// A CEL expression that must hold, and what to say when it does not.
    Cel(&'static str, &'static str),
    /// The longest list taken.
    MaxItems(u32),
}

const fn cel(path: &'static str, rule: &'static str, message: &'static str) -> Rule {
    Rule { path, check: Check::Cel(rule, message) }
}

const fn max_items(path: &'static str, limit: u32) -> Rule {
    Rule { path, check: Check::MaxItems(limit) }
}

/// The rules of a kind.
pub(super) fn of(kind: &str) -> &'static [Rule] {
    match kind {
        "Cluster" => cluster::RULES,
        "PropagationPolicy" | "ClusterPropagationPolicy" => propagation::RULES,
        "OverridePolicy" | "ClusterOverridePolicy" => overrides::RULES,
        "IsolationSnapshot" => snapshot::RULES,
        _ => &[],
    }
}

/// Puts the rules of `kind` into its schema.
pub(super) fn apply(kind: &str, root: &mut Value) {
    if kind == "Cluster" {
        limit_name(root);
    }
    for rule in of(kind) {
        let schema = place::find(root, rule.path)
            .and_then(Value::as_object_mut)
            .expect("a rule's path names a field of its kind");
        add(schema, &rule.check);
    }
}

fn add(schema: &mut Map<String, Value>, check: &Check) {
    match check {
        Check::Cel(rule, message) => {
            let rules = schema.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
            if let Some(rules) = rules.as_array_mut() {
                rules.push(json!({ "rule": rule, "message": message }));
            }
        }
        Check::MaxItems(limit) => {
            schema.insert("maxItems".to_owned(), json!(limit));
        }
    }
}

/// A Cluster's name is a DNS label short enough for its execution namespace.
fn limit_name(root: &mut Value) {
    let metadata = json!({
        "type": "object",
        "properties": { "name": {
            "type": "string",
            "maxLength": crate::names::CLUSTER_NAME_MAX,
            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        }},
    });
    if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("metadata".to_owned(), metadata);
    }
}
