//! Schemas of `autoscaling/v2`.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{label_selector, quantity};

/// `CrossVersionObjectReference`
pub(crate) fn reference(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["kind", "name"],
        "properties": {
            "apiVersion": { "type": "string", "description": "API version, such as `apps/v1`." },
            "kind": { "type": "string", "description": "Kind, such as `Deployment`." },
            "name": { "type": "string", "description": "Name." },
        },
    })
}

/// What is measured: the values of `target` as asked for, or as read.
struct Measured {
    /// Name of the field.
    field: &'static str,
    /// Its fields and which of them are required.
    schema: Value,
}

/// The value a metric should have.
fn target(generator: &mut SchemaGenerator) -> Measured {
    let mut schema = values(generator);
    schema["required"] = json!(["type"]);
    schema["properties"]["type"] =
        json!({ "type": "string", "description": "`Utilization`, `Value` or `AverageValue`." });
    Measured { field: "target", schema }
}

/// The value a metric has.
fn current(generator: &mut SchemaGenerator) -> Measured {
    Measured { field: "current", schema: values(generator) }
}

fn values(generator: &mut SchemaGenerator) -> Value {
    json!({
        "type": "object",
        "properties": {
            "averageUtilization": {
                "type": "integer",
                "format": "int32",
                "description": "Percent of what the pods request, on average.",
            },
            "averageValue": quantity(generator),
            "value": quantity(generator),
        },
    })
}

/// `MetricIdentifier`
fn identifier(generator: &mut SchemaGenerator) -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "description": "Name of the metric." },
            "selector": label_selector(generator),
        },
    })
}

/// One metric of any source, beside the value that `measured` says.
fn metric(generator: &mut SchemaGenerator, measured: &Measured) -> Value {
    let name = json!({ "type": "string", "description": "Name of the resource, such as `cpu`." });
    let source = |fields: Vec<(&str, Value)>| {
        let mut required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        required.push(measured.field);
        required.sort_unstable();
        let mut schema = json!({ "type": "object", "required": required, "properties": {} });
        for (name, field) in fields {
            schema["properties"][name] = field;
        }
        schema["properties"][measured.field] = measured.schema.clone();
        schema
    };
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {
                "type": "string",
                "description": "Where it is measured; the field of the same name says what.",
            },
            "resource": source(vec![("name", name.clone())]),
            "containerResource": source(vec![("name", name), ("container", json!({ "type": "string" }))]),
            "pods": source(vec![("metric", identifier(generator))]),
            "object": source(vec![
                ("metric", identifier(generator)),
                ("describedObject", reference(generator).to_value()),
            ]),
            "external": source(vec![("metric", identifier(generator))]),
        },
    })
}

/// A list of `MetricSpec`
pub(crate) fn metrics(generator: &mut SchemaGenerator) -> Schema {
    let target = target(generator);
    json_schema!({ "type": "array", "items": metric(generator, &target) })
}

/// A list of `MetricStatus`
pub(crate) fn metric_statuses(generator: &mut SchemaGenerator) -> Schema {
    let current = current(generator);
    json_schema!({
        "type": "array",
        "items": metric(generator, &current),
        "x-kubernetes-list-type": "atomic",
    })
}

/// `HPAScalingRules`
fn scaling_rules(generator: &mut SchemaGenerator) -> Value {
    let number = |description: &str| json!({ "type": "integer", "format": "int32", "description": description });
    json!({
        "type": "object",
        "properties": {
            "policies": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["periodSeconds", "type", "value"],
                    "properties": {
                        "type": { "type": "string", "description": "`Pods` or `Percent`." },
                        "value": number("The most that may change."),
                        "periodSeconds": number("In how many seconds."),
                    },
                },
            },
            "selectPolicy": { "type": "string", "description": "`Max`, `Min` or `Disabled`." },
            "stabilizationWindowSeconds": number("How far back recommendations count."),
            "tolerance": quantity(generator),
        },
    })
}

/// `HorizontalPodAutoscalerBehavior`
pub(crate) fn behavior(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "scaleUp": scaling_rules(generator), "scaleDown": scaling_rules(generator) },
    })
}

/// A list of `HorizontalPodAutoscalerCondition`
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["status", "type"],
            "properties": {
                "type": { "type": "string" },
                "status": { "type": "string" },
                "reason": { "type": "string" },
                "message": { "type": "string" },
                "lastTransitionTime": { "type": "string", "format": "date-time" },
            },
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}
