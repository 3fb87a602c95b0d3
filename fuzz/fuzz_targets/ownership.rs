//! `managedFields` of any shape: reading them ends, and a manager that owns
//! every field of a manifest has lost none.
#![no_main]

use atoll_decide::ownership::{fingerprint, missing, own_fields};
use atoll_fuzz::json::Json;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

fuzz_target!(|input: (Json, Json, Json)| {
    let (Json(manifest), Json(mut live), Json(fields)) = input;
    let _ = own_fields(&live, "atoll").map(fingerprint);
    let _ = missing(&manifest, &live, "atoll");
    if !live.is_object() || live["metadata"].as_object().is_none_or(Map::is_empty) {
        live = json!({ "metadata": {} });
    }
    live["metadata"]["managedFields"] = json!([entry(&fields)]);
    let _ = missing(&manifest, &live, "atoll");
    live["metadata"]["managedFields"] = json!([entry(&all(&manifest))]);
    let lost = missing(&manifest, &live, "atoll");
    assert!(lost.is_empty(), "{lost:?}");
});

fn entry(fields: &Value) -> Value {
    json!({ "manager": "atoll", "operation": "Apply", "fieldsV1": fields })
}

/// The field set of every field of `value`; lists are owned as wholes.
fn all(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    Value::Object(fields.map(|(name, field)| (format!("f:{name}"), all(field))).collect())
}
