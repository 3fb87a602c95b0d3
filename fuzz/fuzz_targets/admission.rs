//! Admission requests of any content at every hook: they are answered, the
//! answer is for the request, and a patch can be applied to its object.
#![no_main]

use atoll_fuzz::webhook::admit::{Request, admit};
use atoll_fuzz::webhook::hook::Hook;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let hook = Hook::ALL[usize::from(*choice) % Hook::ALL.len()];
    let request = atoll_fuzz::read::<Request>(rest).or_else(|| around(atoll_fuzz::read(rest)?));
    let Some(request) = request else { return };
    let answer = admit(hook, &request, Uuid::nil);
    assert_eq!(answer.uid, request.uid);
    assert!(answer.allowed || !answer.result.message.is_empty(), "a refusal says why");
    if let (Some(patch), Some(object)) = (answer.patch, &request.object) {
        let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a patch is JSON");
        let mut object = serde_json::to_value(object).expect("an object is JSON");
        json_patch::patch(&mut object, &patch).expect("a patch fits its object");
    }
});

/// A request to create `object`, so that objects alone are input too.
fn around(object: Value) -> Option<Request> {
    let request = json!({
        "uid": "1",
        "kind": { "group": "policy.karmada.io", "version": "v1alpha1", "kind": object["kind"] },
        "resource": { "group": "policy.karmada.io", "version": "v1alpha1", "resource": "objects" },
        "name": "a",
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {},
        "object": object,
        "dryRun": false,
    });
    serde_json::from_value(request).ok()
}
