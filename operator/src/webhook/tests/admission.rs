use kube::core::admission::AdmissionResponse;
use serde_json::{Value, json};

use super::{FRESH, ask, request};
use crate::webhook::hook::Hook;

const ID: &str = "propagationpolicy.karmada.io/permanent-id";

fn policy(metadata: &Value, spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "web", "namespace": "shop"}, "spec": spec,
    });
    for (key, value) in metadata.as_object().unwrap() {
        object["metadata"][key] = value.clone();
    }
    object
}

fn config_maps() -> Value {
    json!({"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop"}]})
}

/// The operations of the answer's patch, as path and value.
fn patch(response: &AdmissionResponse) -> Vec<(String, Value)> {
    let Some(patch) = &response.patch else { return Vec::new() };
    let operations: Vec<Value> = serde_json::from_slice(patch).unwrap();
    assert!(operations.iter().all(|operation| operation["op"] == "add"));
    operations.iter().map(|one| (one["path"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
}

fn fields(response: &AdmissionResponse) -> Vec<&str> {
    let details = response.result.details.as_ref().unwrap();
    details.causes.iter().map(|cause| cause.field.as_str()).collect()
}

#[test]
fn a_new_policy_gets_its_id_its_finalizer_and_the_defaults_that_differ() {
    let object = policy(
        &json!({}),
        &json!({
            "resourceSelectors": [
                {"apiVersion": "apps/v1", "kind": "Deployment"},
                {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop"},
            ],
            "placement": {
                "spreadConstraints": [{"maxGroups": 2}],
                "replicaScheduling": {"replicaSchedulingType": "Divided"},
            },
        }),
    );
    let response = ask("/mutate-propagationpolicy", &request("CREATE", &object, &Value::Null));
    assert!(response.allowed);
    let mut added = patch(&response);
    added.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("/metadata/finalizers", json!(["karmada.io/propagation-policy-controller"])),
        ("/metadata/labels", json!({ID: FRESH.to_string()})),
        ("/spec/placement/replicaScheduling/replicaDivisionPreference", json!("Weighted")),
        ("/spec/placement/spreadConstraints/0/minGroups", json!(1)),
        ("/spec/placement/spreadConstraints/0/spreadByField", json!("cluster")),
        ("/spec/resourceSelectors/0/namespace", json!("shop")),
    ];
    assert_eq!(added, expected.map(|(path, value)| (path.to_owned(), value)));
}

#[test]
fn a_copied_policy_gets_an_id_of_its_own_beside_its_labels() {
    let object = policy(&json!({"labels": {"app": "web", ID: "copied"}, "finalizers": ["mine"]}), &config_maps());
    let response = ask("/mutate-propagationpolicy", &request("CREATE", &object, &Value::Null));
    let expected = [
        ("/metadata/labels/propagationpolicy.karmada.io~1permanent-id", json!(FRESH.to_string())),
        ("/metadata/finalizers/-", json!("karmada.io/propagation-policy-controller")),
    ];
    assert_eq!(patch(&response), expected.map(|(path, value)| (path.to_owned(), value)));
}

#[test]
fn a_cluster_policy_keeps_selectors_without_a_namespace() {
    let object = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterPropagationPolicy",
        "metadata": {"name": "all"},
        "spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ServiceImport"}]},
    });
    let response = ask("/mutate-clusterpropagationpolicy", &request("CREATE", &object, &Value::Null));
    let expected = [
        ("/spec/propagateDeps", json!(true)),
        ("/metadata/labels", json!({"clusterpropagationpolicy.karmada.io/permanent-id": FRESH.to_string()})),
        ("/metadata/finalizers", json!(["karmada.io/cluster-propagation-policy-controller"])),
    ];
    assert_eq!(patch(&response), expected.map(|(path, value)| (path.to_owned(), value)));
}

#[test]
fn an_update_that_leaves_the_id_out_keeps_it_and_is_otherwise_untouched() {
    let old = policy(&json!({"labels": {ID: "kept"}}), &config_maps());
    let without = policy(&json!({}), &config_maps());
    let response = ask("/mutate-propagationpolicy", &request("UPDATE", &without, &old));
    assert_eq!(patch(&response), [("/metadata/labels".to_owned(), json!({ID: "kept"}))]);
    let response = ask("/mutate-propagationpolicy", &request("UPDATE", &old, &old));
    assert_eq!(response.patch, None);
}

#[test]
fn what_does_not_have_its_kinds_shape_is_left_to_the_schema() {
    let object = policy(&json!({}), &json!({"resourceSelectors": "all"}));
    let response = ask("/mutate-propagationpolicy", &request("CREATE", &object, &Value::Null));
    assert!(response.allowed);
    assert_eq!(response.patch, None);
    let response = ask("/validate-propagationpolicy", &request("CREATE", &object, &Value::Null));
    assert!(!response.allowed);
    assert_eq!(response.result.code, 400);
}

#[test]
fn every_problem_stands_in_the_message_and_as_a_cause() {
    let spec = json!({
        "resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap", "namespace": "other"}],
        "placement": {"spreadConstraints": [{"spreadByField": "region"}]},
    });
    let object = policy(&json!({}), &spec);
    let response = ask("/validate-propagationpolicy", &request("CREATE", &object, &Value::Null));
    assert!(!response.allowed);
    assert_eq!(response.result.code, 422);
    assert_eq!(response.result.reason, "Invalid");
    assert_eq!(fields(&response), ["spec.resourceSelectors[0].namespace", "spec.placement.spreadConstraints"]);
    for cause in &response.result.details.as_ref().unwrap().causes {
        assert!(response.result.message.contains(&format!("{}: {}", cause.field, cause.message)));
    }
    assert!(response.result.message.starts_with("PropagationPolicy shop/web is invalid: "));
}

#[test]
fn the_namespace_of_the_request_counts_where_the_object_names_none() {
    let mut object = policy(&json!({}), &config_maps());
    object["metadata"].as_object_mut().unwrap().remove("namespace");
    let mut asked = request("CREATE", &object, &Value::Null);
    asked.namespace = Some("other".to_owned());
    let response = ask("/validate-propagationpolicy", &asked);
    assert_eq!(fields(&response), ["spec.resourceSelectors[0].namespace"]);
}

#[test]
fn scheduler_and_id_cannot_change() {
    let old = policy(&json!({"labels": {ID: "one"}}), &config_maps());
    let mut new = policy(&json!({"labels": {ID: "two"}}), &config_maps());
    new["spec"]["schedulerName"] = json!("mine");
    let response = ask("/validate-propagationpolicy", &request("UPDATE", &new, &old));
    assert_eq!(fields(&response), ["spec.schedulerName", "metadata.labels[propagationpolicy.karmada.io/permanent-id]"]);
    let unchanged = ask("/validate-propagationpolicy", &request("UPDATE", &old, &old));
    assert!(unchanged.allowed);
}

#[test]
fn a_policy_that_is_being_deleted_passes_whatever_it_says() {
    let deleting = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    let object = policy(&deleting, &json!({"resourceSelectors": []}));
    let old = policy(&deleting, &config_maps());
    for path in ["/validate-propagationpolicy", "/mutate-propagationpolicy"] {
        let response = ask(path, &request("UPDATE", &object, &old));
        assert!(response.allowed, "{path}");
        assert_eq!(response.patch, None, "{path}");
    }
}

fn override_policy(kind: &str, spec: &Value) -> Value {
    let namespace = (kind == "OverridePolicy").then_some("shop");
    json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": kind,
        "metadata": {"name": "tune", "namespace": namespace}, "spec": spec,
    })
}

#[test]
fn selectors_of_an_override_policy_get_its_namespace() {
    let spec = json!({"resourceSelectors": [
        {"apiVersion": "v1", "kind": "Secret", "namespace": "shop"}, {"apiVersion": "v1", "kind": "ConfigMap"},
    ]});
    let object = override_policy("OverridePolicy", &spec);
    let response = ask("/mutate-overridepolicy", &request("CREATE", &object, &Value::Null));
    assert_eq!(patch(&response), [("/spec/resourceSelectors/1/namespace".to_owned(), json!("shop"))]);
}

#[test]
fn override_policies_of_both_scopes_are_refused_with_the_field() {
    let spec =
        json!({"overrideRules": [{"overriders": {"plaintext": [{"path": "/spec/replicas", "operator": "add"}]}}]});
    let paths =
        [("OverridePolicy", "/validate-overridepolicy"), ("ClusterOverridePolicy", "/validate-clusteroverridepolicy")];
    for (kind, path) in paths {
        let object = override_policy(kind, &spec);
        let response = ask(path, &request("CREATE", &object, &Value::Null));
        assert_eq!(fields(&response), ["spec.overrideRules[0].overriders.plaintext[0].value"], "{kind}");
    }
}

fn protected(value: &str) -> Value {
    let labels = json!({"resourcetemplate.karmada.io/deletion-protected": value});
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "keep", "namespace": "shop", "labels": labels}, "data": {"a": "b"},
    })
}

#[test]
fn a_protected_object_is_not_deleted() {
    let path = "/validate-resourcedeletionprotection";
    let response = ask(path, &request("DELETE", &Value::Null, &protected("Always")));
    assert!(!response.allowed);
    assert_eq!(response.result.code, 403);
    assert_eq!(
        response.result.message,
        "ConfigMap shop/keep is protected against deletion; \
         remove its label resourcetemplate.karmada.io/deletion-protected=Always first"
    );
    assert!(ask(path, &request("DELETE", &Value::Null, &protected("Never"))).allowed);
    let mut deleting = protected("Always");
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(ask(path, &request("DELETE", &Value::Null, &deleting)).allowed);
}

#[test]
fn every_hook_is_found_at_its_own_path_and_nothing_elsewhere() {
    for hook in Hook::ALL {
        assert_eq!(Hook::at(&format!("/{}", hook.name())), Some(hook));
    }
    assert_eq!(Hook::at("/validate"), None);
    assert_eq!(Hook::at("validate-propagationpolicy"), None);
}
