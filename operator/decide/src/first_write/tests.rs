use serde_json::{Value, json};

use super::*;

/// What we want: a `ConfigMap` of binding `n/web-configmap`.
fn manifest() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "web",
            "namespace": "n",
            "labels": {marks::MANAGED: "true"},
            "annotations": {
                marks::BINDING_NAMESPACE: "n",
                marks::BINDING_NAME: "web-configmap",
                marks::MANIFEST_HASH: "01",
            },
        },
        "data": {"a": "1", "b": "2"},
    })
}

fn own_fields() -> Value {
    json!({
        "f:metadata": {
            "f:labels": {format!("f:{}", marks::MANAGED): {}},
            "f:annotations": {
                format!("f:{}", marks::BINDING_NAMESPACE): {},
                format!("f:{}", marks::BINDING_NAME): {},
                format!("f:{}", marks::MANIFEST_HASH): {},
            },
        },
        "f:data": {"f:a": {}, "f:b": {}},
    })
}

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
}

/// Our copy as the member holds it, all fields ours.
fn copy() -> Value {
    let mut live = manifest();
    live["metadata"]["uid"] = json!("u");
    live["metadata"]["managedFields"] = json!([entry(FIELD_MANAGER, "Apply", &own_fields())]);
    live
}

fn with(mut object: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut object);
    object
}

/// Somebody else's object of that name.
fn foreign() -> Value {
    with(copy(), |live| {
        live["metadata"]["labels"] = json!({});
        live["metadata"]["annotations"] = json!({});
        live["metadata"]["managedFields"] = json!([entry("helm", "Update", &json!({"f:data": {"f:a": {}}}))]);
    })
}

/// A copy that another binding of ours stands behind.
fn of_another_binding() -> Value {
    with(copy(), |live| live["metadata"]["annotations"][marks::BINDING_NAME] = json!("other"))
}

fn plan_abort(live: &Value) -> Step {
    plan(&manifest(), Some(live), OnForeign::Abort)
}

#[test]
fn what_is_not_there_is_created_whatever_the_policy_says() {
    for on_foreign in [OnForeign::Abort, OnForeign::Overwrite] {
        assert_eq!(plan(&manifest(), None, on_foreign), Step::Create);
    }
}

#[test]
fn a_copy_as_wanted_with_all_fields_ours_is_not_written() {
    for on_foreign in [OnForeign::Abort, OnForeign::Overwrite] {
        assert_eq!(plan(&manifest(), Some(&copy()), on_foreign), Step::InSync);
    }
}

#[test]
fn what_others_add_beside_our_fields_is_no_drift() {
    let live = with(copy(), |live| {
        live["data"]["theirs"] = json!("3");
        let others = entry("kubectl-edit", "Update", &json!({"f:data": {"f:theirs": {}}}));
        live["metadata"]["managedFields"].as_array_mut().unwrap().push(others);
    });
    assert_eq!(plan_abort(&live), Step::InSync);
}

#[test]
fn a_field_that_another_manager_holds_is_put_back_and_named() {
    let live = with(copy(), |live| {
        live["data"]["a"] = json!("edited");
        let fields = live["metadata"]["managedFields"].as_array_mut().unwrap();
        fields[0]["fieldsV1"]["f:data"] = json!({"f:b": {}});
        fields.push(entry("kubectl-edit", "Update", &json!({"f:data": {"f:a": {}}})));
    });
    let drift = Drift { path: ".data.a".into(), wanted: json!("1"), manager: Some("kubectl-edit".into()) };
    assert_eq!(plan_abort(&live), Step::Update { drift: vec![drift] });
}

#[test]
fn a_field_that_was_deleted_is_put_back_and_nobody_holds_it() {
    let live = with(copy(), |live| {
        live["data"] = json!({"b": "2"});
        live["metadata"]["managedFields"][0]["fieldsV1"]["f:data"] = json!({"f:b": {}});
    });
    let drift = Drift { path: ".data.a".into(), wanted: json!("1"), manager: None };
    assert_eq!(plan_abort(&live), Step::Update { drift: vec![drift] });
}

#[test]
fn another_hash_or_none_is_an_update_without_drift() {
    for hash in [json!("02"), Value::Null] {
        let live = with(copy(), |live| live["metadata"]["annotations"][marks::MANIFEST_HASH] = hash);
        assert_eq!(plan_abort(&live), Step::Update { drift: Vec::new() });
    }
}

#[test]
fn an_object_that_is_not_ours_is_refused_or_taken_over_as_the_policy_says() {
    assert_eq!(plan_abort(&foreign()), Step::Refuse { owner: Owner::Nobody });
    assert_eq!(plan(&manifest(), Some(&foreign()), OnForeign::Overwrite), Step::TakeOver);
}

#[test]
fn marks_without_the_managed_label_make_nothing_ours() {
    let live = with(copy(), |live| live["metadata"]["labels"] = json!({}));
    assert_eq!(plan_abort(&live), Step::Refuse { owner: Owner::Nobody });
    let live = with(copy(), |live| live["metadata"]["labels"][marks::MANAGED] = json!("false"));
    assert_eq!(plan_abort(&live), Step::Refuse { owner: Owner::Nobody });
}

#[test]
fn a_copy_of_another_binding_is_not_ours_and_is_named() {
    let live = of_another_binding();
    assert_eq!(plan_abort(&live), Step::Refuse { owner: Owner::Binding("n/other".into()) });
    assert_eq!(plan(&manifest(), Some(&live), OnForeign::Overwrite), Step::TakeOver);
    let unnamed = with(copy(), |live| live["metadata"]["annotations"] = json!({}));
    assert_eq!(plan_abort(&unnamed), Step::Refuse { owner: Owner::Binding(String::new()) });
}

#[test]
fn an_object_on_its_way_out_is_waited_for_whoever_it_belongs_to() {
    for live in [copy(), foreign(), of_another_binding()] {
        let live = with(live, |live| live["metadata"]["deletionTimestamp"] = json!("2024-01-01T00:00:00Z"));
        for on_foreign in [OnForeign::Abort, OnForeign::Overwrite] {
            assert_eq!(plan(&manifest(), Some(&live), on_foreign), Step::WaitDeletion);
        }
    }
}

#[test]
fn the_owner_is_read_from_the_marks_of_either_kind_of_binding() {
    assert_eq!(owner(&manifest()), Owner::Binding("n/web-configmap".into()));
    let cluster_scoped = json!({"metadata": {
        "labels": {marks::MANAGED: "true"},
        "annotations": {marks::CLUSTER_BINDING_NAME: "reader-clusterrole"},
    }});
    assert_eq!(owner(&cluster_scoped), Owner::Binding("reader-clusterrole".into()));
    assert_eq!(owner(&json!({"metadata": {}})), Owner::Nobody);
}
