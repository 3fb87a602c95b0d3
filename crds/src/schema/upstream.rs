//! Schemas of Kubernetes types.
//!
//! The library's own schemas leave out what the API server checks and how
//! lists merge; these say both.

pub(crate) mod autoscaling;
pub(crate) mod networking;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// A quantity as Kubernetes reads it.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// A reason in one word.
const REASON: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

/// A label key, with or without prefix.
const CONDITION_TYPE: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";

/// Requirements on the value of a key.
fn requirements() -> Value {
    json!({
        "type": "array",
        "x-kubernetes-list-type": "atomic",
        "items": {
            "type": "object",
            "required": ["key", "operator"],
            "properties": {
                "key": { "type": "string" },
                "operator": { "type": "string" },
                "values": {
                    "type": "array",
                    "items": { "type": "string" },
                    "x-kubernetes-list-type": "atomic",
                },
            },
        },
    })
}

/// `LabelSelector`
pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": { "type": "object", "additionalProperties": { "type": "string" } },
            "matchExpressions": requirements(),
        },
    })
}

/// `NodeSelector`
pub(crate) fn node_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "required": ["nodeSelectorTerms"],
        "properties": {
            "nodeSelectorTerms": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {
                        "matchExpressions": requirements(),
                        "matchFields": requirements(),
                    },
                },
            },
        },
    })
}

/// A list of `Toleration`
pub(crate) fn tolerations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "key": { "type": "string", "description": "Key of the taint; empty means every key." },
                "operator": { "type": "string", "description": "`Equal` (when unset) or `Exists`." },
                "value": { "type": "string", "description": "Value of the taint; none with `Exists`." },
                "effect": { "type": "string", "description": "Effect of the taint; empty means every effect." },
                "tolerationSeconds": {
                    "type": "integer",
                    "format": "int64",
                    "description": "How long a `NoExecute` taint is tolerated; unset means for ever.",
                },
            },
        },
    })
}

/// A list of `Taint`: a map by key and effect, so that each writer patches its
/// own entry alone.
pub(crate) fn taints(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["key", "effect"],
        "items": {
            "type": "object",
            "required": ["key", "effect"],
            "properties": {
                "key": { "type": "string", "minLength": 1, "description": "Key of the taint." },
                "value": { "type": "string", "description": "Its value." },
                "effect": {
                    "type": "string",
                    "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                    "description": "What it does to workloads that do not tolerate it.",
                },
                "timeAdded": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When it was put there; tolerated seconds count from then.",
                },
            },
        },
    })
}

/// `Quantity`: text or number.
pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "integer" }, { "type": "string" }],
        "pattern": QUANTITY,
        "x-kubernetes-int-or-string": true,
    })
}

/// Quantities by resource name.
pub(crate) fn quantities(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": quantity(generator) })
}

/// A list of `Condition` as Kubernetes checks it.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": { "type": "string", "maxLength": 316, "pattern": CONDITION_TYPE },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                "reason": { "type": "string", "minLength": 1, "maxLength": 1024, "pattern": REASON },
                "message": { "type": "string", "maxLength": 32768 },
                "lastTransitionTime": { "type": "string", "format": "date-time" },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
            },
        },
    })
}

/// The same list, as a map by type.
pub(crate) fn condition_map(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = conditions(generator);
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert("x-kubernetes-list-map-keys".into(), json!(["type"]));
    schema
}

/// A whole number of no stated width.
pub(crate) fn integer(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer" })
}

/// `WebhookClientConfig`
pub(crate) fn webhook_client(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "caBundle": {
                "type": "string",
                "format": "byte",
                "description": "PEM bundle that the server's certificate is checked against.",
            },
            "url": { "type": "string", "description": "Where it answers, outside of the hub." },
            "service": {
                "type": "object",
                "required": ["name", "namespace"],
                "properties": {
                    "namespace": { "type": "string" },
                    "name": { "type": "string" },
                    "path": { "type": "string" },
                    "port": { "type": "integer", "format": "int32", "description": "Unset means 443." },
                },
            },
        },
    })
}
