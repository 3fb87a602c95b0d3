//! The list of karmada-api 2.3, by kind.

use serde_json::Value;

use super::{map, remove_keys};
use crate::ids::Gvk;

const ANNOTATIONS: &str = "/metadata/annotations";

/// Labels with which the hub's API server ties the pods of a Job to its uid.
const JOB_LABELS: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// What a volume controller writes about a binding that exists on no member.
const CLAIM_ANNOTATIONS: [&str; 3] =
    ["volume.kubernetes.io/selected-node", "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"];

pub(super) fn prune(gvk: &Gvk, object: &mut Value) {
    match (&*gvk.group, &*gvk.kind) {
        ("apps", "Deployment") => remove_keys(
            object,
            ANNOTATIONS,
            &["deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"],
        ),
        // The API server writes it on reading, and counts it on each cluster anew.
        ("apps", "DaemonSet") => remove_keys(object, ANNOTATIONS, &["deprecated.daemonset.template.generation"]),
        ("batch", "Job") => prune_job(object),
        ("", "Secret") => prune_secret(object),
        ("", "ServiceAccount") => prune_service_account(object),
        ("", "Service") => prune_service(object),
        ("", "PersistentVolumeClaim") => remove_keys(object, ANNOTATIONS, &CLAIM_ANNOTATIONS),
        ("", "Pod") => prune_pod(object),
        _ => {}
    }
}

/// A Job that selects its pods by hand keeps its selector.
fn prune_job(object: &mut Value) {
    if let Some(spec) = map(object, "/spec") {
        spec.remove("ttlSecondsAfterFinished");
    }
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    remove_keys(object, "/spec/selector/matchLabels", &JOB_LABELS);
    remove_keys(object, "/spec/selector", &[]);
    remove_keys(object, "/spec/template/metadata/labels", &JOB_LABELS);
}

/// A token is worth nothing outside the cluster that signed it.
fn prune_secret(object: &mut Value) {
    if object["type"] != "kubernetes.io/service-account-token" {
        return;
    }
    remove_keys(object, ANNOTATIONS, &["kubernetes.io/service-account.uid"]);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("data");
    }
}

/// Token secrets that the hub generated, every one of them (D4).
fn prune_service_account(object: &mut Value) {
    let generated = format!("{}-token-", object["metadata"]["name"].as_str().unwrap_or_default());
    if let Some(secrets) = object.get_mut("secrets").and_then(Value::as_array_mut) {
        secrets.retain(|secret| !secret["name"].as_str().is_some_and(|name| name.starts_with(&generated)));
        if secrets.is_empty()
            && let Some(fields) = object.as_object_mut()
        {
            fields.remove("secrets");
        }
    }
}

/// Addresses of the hub's own range; `None` is the user's word for headless.
fn prune_service(object: &mut Value) {
    if object.pointer("/spec/clusterIP").is_some_and(|ip| ip != "None")
        && let Some(spec) = map(object, "/spec")
    {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
}

/// The token volume that the hub's admission added: the member adds its own.
fn prune_pod(object: &mut Value) {
    let is_token = |name: &Value| name.as_str().is_some_and(|name| name.starts_with("kube-api-access-"));
    let Some(spec) = map(object, "/spec") else { return };
    for (list, mounts) in [("containers", true), ("initContainers", true), ("volumes", false)] {
        let Some(items) = spec.get_mut(list).and_then(Value::as_array_mut) else { continue };
        if mounts {
            let mounted = items.iter_mut().filter_map(|item| item.get_mut("volumeMounts")?.as_array_mut());
            mounted.for_each(|mounts| mounts.retain(|mount| !is_token(&mount["name"])));
        } else {
            items.retain(|volume| !is_token(&volume["name"]));
        }
    }
}
