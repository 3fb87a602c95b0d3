//! Manifests as users write them survive the Rust types: nothing is lost, and
//! what was left out gets the defaults the API server would give.

use atoll_crds::cluster::SyncMode;
use atoll_crds::policy::failover::{ClusterPurgeMode, PurgeMode};
use atoll_crds::policy::placement::{ReplicaSchedulingType, SpreadField};
use atoll_crds::policy::propagation::{ConflictResolution, Preemption};
use atoll_crds::{Cluster, ClusterPropagationPolicy, OverridePolicy, Policy, PropagationPolicy, ResourceBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads `manifest` as a `T` and gives it back as JSON, beside what was read.
fn round_trip<T: Serialize + DeserializeOwned>(manifest: &str) -> (T, Value, Value) {
    let object: T = serde_saphyr::from_str(manifest).expect("the manifest fits the type");
    let written = serde_json::to_value(&object).expect("the object is JSON");
    let read = serde_saphyr::from_str(manifest).expect("the manifest is YAML");
    (object, read, written)
}

#[test]
fn a_policy_with_every_field_is_given_back_as_it_was() {
    let (policy, read, written) = round_trip::<PropagationPolicy>(include_str!("data/policy.yaml"));
    assert_eq!(written, read);
    let placement = policy.spec.placement.unwrap();
    assert_eq!(placement.cluster_affinities[0].affinity_name, "near");
    assert_eq!(placement.cluster_affinities[0].overflow_affinities[0].affinity.cluster_names, ["m3"]);
    assert_eq!(placement.spread_constraints[1].spread_by_field, Some(SpreadField::Region));
    let failover = policy.spec.failover.unwrap();
    assert_eq!(failover.application.unwrap().purge_mode, PurgeMode::Gracefully);
    assert_eq!(failover.cluster.unwrap().purge_mode, ClusterPurgeMode::Directly);
}

#[test]
fn a_short_policy_gets_the_defaults_of_the_schema() {
    let manifest = "
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterPropagationPolicy
metadata: { name: short }
spec:
  resourceSelectors: [{ apiVersion: apps/v1, kind: Deployment }]
  placement: { replicaScheduling: {} }
  failover: { application: { decisionConditions: {} } }
";
    let (policy, _, written) = round_trip::<ClusterPropagationPolicy>(manifest);
    assert_eq!(policy.spec.preemption, Preemption::Never);
    assert_eq!(policy.propagation().conflict_resolution, ConflictResolution::Abort);
    assert_eq!(
        written["spec"],
        json!({
            "resourceSelectors": [{ "apiVersion": "apps/v1", "kind": "Deployment" }],
            "priority": 0,
            "preemption": "Never",
            "schedulerName": "default-scheduler",
            "conflictResolution": "Abort",
            "placement": { "replicaScheduling": { "replicaSchedulingType": "Divided" } },
            "failover": { "application": {
                "decisionConditions": { "tolerationSeconds": 300 },
                "purgeMode": "Gracefully",
            }},
        })
    );
    let scheduling = policy.spec.placement.as_ref().unwrap().replica_scheduling.as_ref().unwrap();
    assert_eq!(scheduling.replica_scheduling_type, ReplicaSchedulingType::Divided);
}

#[test]
fn override_values_of_any_type_are_given_back_as_they_were() {
    let (policy, read, written) = round_trip::<OverridePolicy>(include_str!("data/override.yaml"));
    assert_eq!(written, read);
    let rule = &policy.spec.override_rules[0].overriders;
    assert_eq!(rule.plaintext[1].value, Some(json!({ "list": [1, true, "y"] })));
    assert_eq!(rule.plaintext[2].value, None);
}

#[test]
fn a_binding_is_given_back_as_it_was() {
    let (binding, read, written) = round_trip::<ResourceBinding>(include_str!("data/binding.yaml"));
    assert_eq!(written, read);
    let suspension = binding.spec.suspension.unwrap();
    assert!(suspension.holds("m3"));
    assert!(!suspension.holds("m1"));
}

#[test]
fn a_cluster_written_by_another_client_is_read() {
    let (cluster, _, written) = round_trip::<Cluster>(include_str!("data/cluster.yaml"));
    assert_eq!(cluster.spec.sync_mode, SyncMode::Push);
    assert_eq!(cluster.spec.all_zones(), ["eu-1"]);
    assert_eq!(written["spec"]["insecureSkipTLSVerification"], true);
    assert_eq!(written["spec"]["proxyURL"], "http://proxy:3128");
    let conditions = cluster.status.unwrap().conditions;
    assert_eq!(conditions.len(), 2);
    assert_eq!(conditions[1].reason, "");
}
