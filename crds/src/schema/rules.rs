//! What the API server checks beyond the shape: CEL rules, limits, patterns.
//!
//! Each rule says what Karmada's webhook says (karmada-api 1.4, 1.5, 2.22), as
//! far as CEL can say it; the operator checks the rest. DIFFERENCES.md names the
//! rules whose wording leaves room for being stricter.
//! Rules hold for what users write: bindings carry a copy of the placement,
//! which the policy's rules have seen already. The limits are there because the
//! API server bounds the cost of rules by them; they lie far above what an
//! object of 1.5 MB holds in practice.

mod autoscaling;
mod cluster;
mod interpreter;
mod networking;
mod overrides;
mod propagation;
mod quota;
mod snapshot;
mod taint;

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
    /// The same, where what to say is an expression too and names the values.
    CelSaying(&'static str, &'static str),
    /// A number or a text that one word of JSON Schema bounds, such as
    /// `maximum`; the API server names field and value by itself.
    Bound(&'static str, i64),
    /// The pattern of a text.
    Pattern(&'static str),
    /// The words taken.
    Words(&'static [&'static str]),
    /// A list is a map by these fields, so that no two entries agree in all.
    MapBy(&'static [&'static str]),
    /// No entry of a list is there twice.
    Set,
}

/// A DNS label.
const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// A DNS label or nothing: Go clients write an empty name.
const LABEL_OR_NOTHING: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$";

/// A DNS label that begins with a letter, as names of Services do.
const SERVICE_LABEL: &str = "^[a-z]([-a-z0-9]*[a-z0-9])?$";

/// A name that can stand in a path.
const PATH_SEGMENT: &str = "^[^/%]+$";

/// A quantity that is not negative, as text.
const NOT_NEGATIVE: &str =
    r"^\+?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

const fn cel(path: &'static str, rule: &'static str, message: &'static str) -> Rule {
    Rule { path, check: Check::Cel(rule, message) }
}

const fn saying(path: &'static str, rule: &'static str, message: &'static str) -> Rule {
    Rule { path, check: Check::CelSaying(rule, message) }
}

const fn bound(path: &'static str, word: &'static str, limit: i64) -> Rule {
    Rule { path, check: Check::Bound(word, limit) }
}

const fn max_items(path: &'static str, limit: i64) -> Rule {
    bound(path, "maxItems", limit)
}

const fn pattern(path: &'static str, pattern: &'static str) -> Rule {
    Rule { path, check: Check::Pattern(pattern) }
}

const fn words(path: &'static str, words: &'static [&'static str]) -> Rule {
    Rule { path, check: Check::Words(words) }
}

const fn map_by(path: &'static str, fields: &'static [&'static str]) -> Rule {
    Rule { path, check: Check::MapBy(fields) }
}

const fn set(path: &'static str) -> Rule {
    Rule { path, check: Check::Set }
}

/// The rules of a kind.
pub(super) fn of(kind: &str) -> &'static [Rule] {
    match kind {
        "Cluster" => cluster::RULES,
        "PropagationPolicy" | "ClusterPropagationPolicy" => propagation::RULES,
        "OverridePolicy" | "ClusterOverridePolicy" => overrides::RULES,
        "IsolationSnapshot" => snapshot::RULES,
        "FederatedResourceQuota" => quota::RULES,
        "ClusterTaintPolicy" => taint::RULES,
        "FederatedHPA" => autoscaling::RULES,
        "CronFederatedHPA" => autoscaling::CRON_RULES,
        "MultiClusterService" => networking::SERVICE_RULES,
        "MultiClusterIngress" => networking::INGRESS_RULES,
        "ResourceInterpreterWebhookConfiguration" => interpreter::RULES,
        _ => &[],
    }
}

/// Puts the rules of `kind` into its schema.
pub(super) fn apply(kind: &str, root: &mut Value) {
    if let Some((length, pattern)) = name_of(kind) {
        limit_name(root, length, pattern);
    }
    for rule in of(kind) {
        let schema = place::find(root, rule.path)
            .and_then(Value::as_object_mut)
            .expect("a rule's path names a field of its kind");
        add(schema, &rule.check);
    }
}

fn add(schema: &mut Map<String, Value>, check: &Check) {
    let mut put = |word: &str, value: Value| schema.insert(word.to_owned(), value);
    match check {
        Check::Cel(rule, message) => add_rule(schema, json!({ "rule": rule, "message": message })),
        Check::CelSaying(rule, message) => add_rule(schema, json!({ "rule": rule, "messageExpression": message })),
        Check::Bound(word, limit) => _ = put(word, json!(limit)),
        Check::Pattern(pattern) => _ = put("pattern", json!(pattern)),
        Check::Words(words) => _ = put("enum", json!(words)),
        Check::MapBy(fields) => {
            put("x-kubernetes-list-type", json!("map"));
            put("x-kubernetes-list-map-keys", json!(fields));
        }
        Check::Set => _ = put("x-kubernetes-list-type", json!("set")),
    }
}

fn add_rule(schema: &mut Map<String, Value>, rule: Value) {
    let rules = schema.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Some(rules) = rules.as_array_mut() {
        rules.push(rule);
    }
}

/// Longest name of the objects of a kind, and its pattern where a name is
/// narrower than any.
fn name_of(kind: &str) -> Option<(usize, Option<&'static str>)> {
    match kind {
        // A DNS label short enough for its execution namespace.
        "Cluster" => Some((crate::names::CLUSTER_NAME_MAX, Some(LABEL))),
        // It becomes the value of a label.
        "FederatedResourceQuota" => Some((63, None)),
        // It is the name of a Service.
        "MultiClusterService" => Some((63, Some(SERVICE_LABEL))),
        _ => None,
    }
}

fn limit_name(root: &mut Value, length: usize, pattern: Option<&str>) {
    let mut name = json!({ "type": "string", "maxLength": length });
    if let Some(pattern) = pattern {
        name["pattern"] = json!(pattern);
    }
    if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("metadata".to_owned(), json!({ "type": "object", "properties": { "name": name } }));
    }
}
