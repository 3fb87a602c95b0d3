use serde_json::json;

use super::*;

/// Prunes an object of this kind, given without its kind.
fn pruned(api_version: &str, kind: &str, object: Value) -> Value {
    prune(&Gvk::from_api_version(api_version, kind), object).object().clone()
}

#[test]
fn a_service_loses_the_hubs_address_and_keeps_its_node_ports() {
    let ports = json!([{"port": 80, "nodePort": 30080}]);
    let allocated = json!({"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": ports}});
    assert_eq!(pruned("v1", "Service", allocated.clone()), json!({"spec": {"ports": ports}}));
    let headless = json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}});
    assert_eq!(pruned("v1", "Service", headless.clone()), headless);
    // Another group's kind of the same name is another kind.
    assert_eq!(pruned("serving.example.io/v1", "Service", allocated.clone()), allocated);
}

#[test]
fn a_job_loses_what_ties_its_pods_to_the_hubs_copy() {
    let job = json!({"spec": {
        "ttlSecondsAfterFinished": 60,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {"metadata": {"labels": {
            "app": "j", "controller-uid": "u", "job-name": "j",
            "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j",
        }}},
    }});
    let expected = json!({"spec": {"template": {"metadata": {"labels": {"app": "j"}}}}});
    assert_eq!(pruned("batch/v1", "Job", job), expected);
    let manual = json!({"spec": {"manualSelector": true, "selector": {"matchLabels": {"job-name": "mine"}}}});
    assert_eq!(pruned("batch/v1", "Job", manual.clone()), manual);
}

#[test]
fn tokens_stay_on_the_hub() {
    let annotations = json!({"kubernetes.io/service-account.uid": "u", "kubernetes.io/service-account.name": "d"});
    let kind = "kubernetes.io/service-account-token";
    let secret = json!({"type": kind, "metadata": {"annotations": annotations}, "data": {"token": "eA=="}});
    let expected = json!({"type": kind, "metadata": {"annotations": {"kubernetes.io/service-account.name": "d"}}});
    assert_eq!(pruned("v1", "Secret", secret), expected);
    let opaque = json!({"type": "Opaque", "data": {"token": "eA=="}});
    assert_eq!(pruned("v1", "Secret", opaque.clone()), opaque);

    // D4: two generated secrets in a row.
    let account = json!({
        "metadata": {"name": "d"},
        "secrets": [{"name": "d-token-a"}, {"name": "d-token-b"}, {"name": "mine"}],
    });
    let expected = json!({"metadata": {"name": "d"}, "secrets": [{"name": "mine"}]});
    assert_eq!(pruned("v1", "ServiceAccount", account), expected);
}

#[test]
fn annotations_that_the_hubs_controllers_write_stay_there() {
    for (api_version, kind, annotation) in [
        ("apps/v1", "Deployment", "deployment.kubernetes.io/revision"),
        ("apps/v1", "Deployment", "deployment.kubernetes.io/revision-history"),
        ("apps/v1", "DaemonSet", "deprecated.daemonset.template.generation"),
        ("v1", "PersistentVolumeClaim", "volume.kubernetes.io/selected-node"),
        ("v1", "PersistentVolumeClaim", "pv.kubernetes.io/bind-completed"),
    ] {
        let object = json!({"metadata": {"annotations": {annotation: "1", "mine": "2"}}});
        let expected = json!({"metadata": {"annotations": {"mine": "2"}}});
        assert_eq!(pruned(api_version, kind, object), expected, "{kind} {annotation}");
        let alone = json!({"metadata": {"annotations": {annotation: "1"}}});
        assert_eq!(pruned(api_version, kind, alone), json!({"metadata": {}}), "{kind} {annotation}");
    }
}

#[test]
fn a_pod_loses_the_token_volume_of_the_hub() {
    let pod = json!({"spec": {
        "volumes": [{"name": "kube-api-access-x1"}, {"name": "own"}],
        "containers": [{"volumeMounts": [{"name": "own"}, {"name": "kube-api-access-x1"}]}],
    }});
    let expected = json!({"spec": {"volumes": [{"name": "own"}], "containers": [{"volumeMounts": [{"name": "own"}]}]}});
    assert_eq!(pruned("v1", "Pod", pod), expected);
}

#[test]
fn nulls_go_and_items_of_lists_stay_in_place() {
    let object = json!({"spec": {"a": null, "b": [null, {"c": null}], "d": {}}});
    assert_eq!(pruned("example.io/v1", "Cache", object), json!({"spec": {"b": [null, {}], "d": {}}}));
}
