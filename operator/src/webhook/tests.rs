//! Requests in, answers out; configurations as values; the server over TLS.

mod admission;
mod configured;
mod served;

use kube::core::admission::AdmissionResponse;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admit::{Request, admit};
use super::hook::Hook;

/// An id that tests can name.
pub const FRESH: Uuid = Uuid::from_u128(7);

/// A request as an API server writes it.
pub fn request(operation: &str, object: &Value, old: &Value) -> Request {
    let subject = if object.is_null() { old } else { object };
    let api_version = subject["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let request = json!({
        "uid": "u", "operation": operation, "userInfo": {},
        "kind": {"group": group, "version": version, "kind": subject["kind"]},
        "resource": {"group": group, "version": version, "resource": "any"},
        "name": subject["metadata"]["name"], "namespace": subject["metadata"]["namespace"],
        "object": object, "oldObject": old,
    });
    serde_json::from_value(request).unwrap()
}

/// The answer at a path.
pub fn ask(path: &str, request: &Request) -> AdmissionResponse {
    admit(Hook::at(path).unwrap(), request, || FRESH)
}
