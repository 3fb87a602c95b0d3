//! The examples of `crds/examples`: one for each kind, and none loses a word in
//! the Rust types.

use std::collections::BTreeSet;
use std::path::Path;

use atoll_crds::{
    Cluster, ClusterOverridePolicy, ClusterPropagationPolicy, ClusterResourceBinding, ClusterTaintPolicy,
    CronFederatedHPA, FederatedHPA, FederatedResourceQuota, IsolationSnapshot, MultiClusterIngress,
    MultiClusterService, OverridePolicy, PropagationPolicy, Remedy, ResourceBinding, ResourceInterpreterContext,
    ResourceInterpreterCustomization, ResourceInterpreterWebhookConfiguration, ServiceExport, ServiceImport, Work,
    WorkloadRebalancer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The example of a kind as a `T`, after a check that it is given back as it
/// was.
fn example<T: kube::Resource<DynamicType = ()> + Serialize + DeserializeOwned>() -> T {
    let name = format!("{}.yaml", T::plural(&()));
    let text = std::fs::read_to_string(folder().join(&name)).expect(&name);
    let read: Value = serde_saphyr::from_str(&text).expect("the example is YAML");
    let object: T = serde_saphyr::from_str(&text).expect("the example fits its type");
    assert_eq!(serde_json::to_value(&object).expect("the object is JSON"), read, "{name}");
    object
}

#[test]
fn there_is_an_example_of_every_kind_and_of_nothing_else() {
    let files = std::fs::read_dir(folder()).unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let kinds: BTreeSet<String> =
        atoll_crds::all_crds().into_iter().map(|crd| format!("{}.yaml", crd.spec.names.plural)).collect();
    assert_eq!(files, kinds);
}

#[test]
fn examples_of_policies_are_given_back_as_they_were() {
    example::<PropagationPolicy>();
    example::<ClusterPropagationPolicy>();
    example::<OverridePolicy>();
    example::<ClusterOverridePolicy>();
    let taints: ClusterTaintPolicy = example();
    assert_eq!(taints.spec.taints[1].effect, "NoExecute");
    assert_eq!(taints.spec.add_on_conditions[0].status_values, ["True"]);
    let quota: FederatedResourceQuota = example();
    assert_eq!(quota.spec.overall["requests.memory"].0, "200Gi");
    assert_eq!(quota.spec.static_assignments[1].hard["requests.cpu"].0, "2500m");
}

#[test]
fn examples_of_what_the_operator_writes_are_given_back_as_they_were() {
    example::<ResourceBinding>();
    example::<ClusterResourceBinding>();
    example::<IsolationSnapshot>();
    let cluster: Cluster = example();
    assert_eq!(cluster.spec.all_zones(), ["eu-1"]);
    let work: Work = example();
    assert_eq!(work.spec.workload.unwrap().manifests[0].0["data"]["colour"], "blue");
    assert_eq!(work.spec.preserve_resources_on_deletion, Some(true));
}

#[test]
fn examples_of_autoscaling_are_given_back_as_they_were() {
    let scaled: FederatedHPA = example();
    assert_eq!(scaled.spec.metrics[2].pods.as_ref().unwrap().target.average_value.as_ref().unwrap().0, "1500m");
    assert_eq!(scaled.spec.behavior.unwrap().scale_down.unwrap().stabilization_window_seconds, Some(120));
    let timed: CronFederatedHPA = example();
    assert_eq!(timed.spec.rules[0].time_zone.as_deref(), Some("Europe/Berlin"));
    assert!(timed.spec.rules[1].suspend);
}

#[test]
fn a_rule_of_a_clock_gets_the_defaults_of_the_schema() {
    let rule = json!({ "name": "noon", "schedule": "0 12 * * *", "targetReplicas": 1 });
    let rule: atoll_crds::autoscaling::cron_federated_hpa::CronFederatedHPARule = serde_json::from_value(rule).unwrap();
    assert_eq!((rule.successful_history_limit, rule.failed_history_limit, rule.suspend), (3, 3, false));
}

#[test]
fn examples_of_networking_are_given_back_as_they_were() {
    example::<ServiceExport>();
    let imported: ServiceImport = example();
    assert_eq!(imported.spec.spec.unwrap().ips, ["10.96.7.7"]);
    let exposed: MultiClusterService = example();
    assert_eq!(exposed.spec.consumer_clusters[1].name, "m3");
    let ingress: MultiClusterIngress = example();
    let rules = ingress.spec.spec.unwrap().rules.unwrap();
    assert_eq!(rules[0].http.as_ref().unwrap().paths[0].path_type, "Prefix");
}

#[test]
fn an_import_and_an_ingress_without_a_spec_are_read() {
    let metadata = json!({ "name": "bare", "namespace": "default" });
    let import = json!({ "apiVersion": "v1", "kind": "ServiceImport", "metadata": metadata });
    assert!(serde_json::from_value::<ServiceImport>(import).unwrap().spec.spec.is_none());
    let ingress = json!({ "apiVersion": "v1", "kind": "MultiClusterIngress", "metadata": metadata });
    assert!(serde_json::from_value::<MultiClusterIngress>(ingress).unwrap().spec.spec.is_none());
}

#[test]
fn examples_of_interpreters_and_requests_are_given_back_as_they_were() {
    example::<WorkloadRebalancer>();
    example::<Remedy>();
    let scripts: ResourceInterpreterCustomization = example();
    assert!(scripts.spec.customizations.health_interpretation.unwrap().lua_script.starts_with("function"));
    let hooks: ResourceInterpreterWebhookConfiguration = example();
    assert_eq!(hooks.spec.webhooks[0].client_config.ca_bundle.as_ref().unwrap().0, b"CA");
    assert_eq!(hooks.spec.webhooks[1].rules[0].api_groups, [""]);
}

#[test]
fn an_interpreters_question_and_answer_are_given_back_as_they_were() {
    let message = json!({
        "apiVersion": "config.karmada.io/v1alpha1",
        "kind": "ResourceInterpreterContext",
        "request": {
            "uid": "1",
            "kind": { "group": "stable.example.com", "version": "v1", "kind": "CronTab" },
            "name": "tab",
            "namespace": "default",
            "operation": "ReviseReplica",
            "object": { "spec": { "replicas": 1 } },
            "replicas": 4,
        },
        "response": {
            "uid": "1",
            "successful": true,
            "patch": "W10=",
            "patchType": "JSONPatch",
            "dependencies": [{ "apiVersion": "v1", "kind": "Secret", "namespace": "default", "name": "key" }],
            "replicaRequirements": { "resourceRequest": { "cpu": "1" } },
            "healthy": false,
        },
    });
    let read: ResourceInterpreterContext = serde_json::from_value(message.clone()).unwrap();
    assert_eq!(read.response.as_ref().unwrap().patch.as_ref().unwrap().0, b"[]");
    assert_eq!(serde_json::to_value(&read).unwrap(), message);
}
