//! Schemas of Services and of `networking.k8s.io/v1`.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::CONDITION_TYPE;

/// `SessionAffinityConfig`
pub(crate) fn session_affinity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "clientIP": {
            "type": "object",
            "properties": { "timeoutSeconds": {
                "type": "integer",
                "format": "int32",
                "description": "Seconds that a client stays with one endpoint.",
            }},
        }},
    })
}

/// One address of a load balancer.
fn ingress_point() -> Value {
    json!({
        "type": "object",
        "properties": {
            "hostname": { "type": "string" },
            "ip": { "type": "string" },
            "ports": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["error", "port", "protocol"],
                    "properties": {
                        "error": {
                            "type": "string",
                            "maxLength": 316,
                            "pattern": CONDITION_TYPE,
                            "description": "What is wrong with the port.",
                        },
                        "port": { "type": "integer", "format": "int32" },
                        "protocol": { "type": "string" },
                    },
                },
            },
        },
    })
}

fn addresses(point: &Value) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "ingress": { "type": "array", "x-kubernetes-list-type": "atomic", "items": point } },
    })
}

/// `LoadBalancerStatus` of a Service
pub(crate) fn load_balancer(_: &mut SchemaGenerator) -> Schema {
    let mut point = ingress_point();
    point["properties"]["ipMode"] = json!({ "type": "string", "description": "`VIP` or `Proxy`." });
    addresses(&point)
}

/// `IngressLoadBalancerStatus`
pub(crate) fn ingress_load_balancer(_: &mut SchemaGenerator) -> Schema {
    addresses(&ingress_point())
}

/// `IngressBackend`
fn backend(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "properties": {
            "service": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": { "type": "string", "description": "The Service." },
                    "port": {
                        "type": "object",
                        "x-kubernetes-map-type": "atomic",
                        "properties": {
                            "name": { "type": "string" },
                            "number": { "type": "integer", "format": "int32" },
                        },
                    },
                },
            },
            "resource": {
                "type": "object",
                "x-kubernetes-map-type": "atomic",
                "required": ["kind", "name"],
                "properties": {
                    "apiGroup": { "type": "string" },
                    "kind": { "type": "string" },
                    "name": { "type": "string" },
                },
            },
        },
    })
}

/// `IngressSpec`
pub(crate) fn ingress_spec(_: &mut SchemaGenerator) -> Schema {
    let path = json!({
        "type": "object",
        "required": ["backend", "pathType"],
        "properties": {
            "path": { "type": "string", "description": "Start of the path, or the whole of it." },
            "pathType": { "type": "string", "description": "`Exact`, `Prefix` or `ImplementationSpecific`." },
            "backend": backend("Where the requests go."),
        },
    });
    let paths = json!({ "type": "array", "x-kubernetes-list-type": "atomic", "items": path });
    let hosts = json!({ "type": "array", "x-kubernetes-list-type": "atomic", "items": { "type": "string" } });
    let rule = json!({
        "type": "object",
        "properties": {
            "host": { "type": "string", "description": "The host; unset means every host." },
            "http": { "type": "object", "required": ["paths"], "properties": { "paths": paths } },
        },
    });
    let tls = json!({
        "type": "object",
        "properties": {
            "hosts": hosts,
            "secretName": { "type": "string", "description": "Secret with key and certificate." },
        },
    });
    json_schema!({
        "type": "object",
        "properties": {
            "ingressClassName": { "type": "string", "description": "Which implementation is meant." },
            "defaultBackend": backend("Where requests go that no rule takes."),
            "rules": { "type": "array", "description": "Hosts and their paths.", "x-kubernetes-list-type": "atomic", "items": rule },
            "tls": { "type": "array", "description": "Certificates by hosts.", "x-kubernetes-list-type": "atomic", "items": tls },
        },
    })
}
