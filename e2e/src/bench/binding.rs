//! The raw client's bindings: as large as real ones and checked by the same schema, but of an API group that no operator knows.
//!
//! In: a template and the members. Out: the definition, a binding, its status.

use std::time::Duration;

use anyhow::{Context, Result};
use atoll_crds::policy::placement::Placement;
use atoll_crds::policy::selector::ClusterAffinity;
use atoll_crds::work::binding::{BindingSpec, ObjectReference, TargetCluster};
use atoll_crds::{ResourceBinding, all_crds};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};

use super::names::GROUP;
use crate::stage::wait;

/// On every copy: what the raw client's own watch on a member selects.
pub const MANAGED: &str = "bench.atoll.dev/managed";
const PLURAL: &str = "rawbindings";
const KIND: &str = "RawBinding";
/// A definition is served within a second of its making.
const SERVED_DEADLINE: Duration = Duration::from_secs(30);

/// How the raw bindings are addressed.
pub fn resource() -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: "v1alpha2".to_owned(),
        api_version: format!("{GROUP}/v1alpha2"),
        kind: KIND.to_owned(),
        plural: PLURAL.to_owned(),
    }
}

/// The definition of `ResourceBinding` under another name.
fn build_definition() -> Result<CustomResourceDefinition> {
    let kind = ResourceBinding::kind(&());
    let original = all_crds().into_iter().find(|definition| definition.spec.names.kind == kind);
    let mut definition = original.with_context(|| format!("there is no definition of {kind}"))?;
    definition.metadata.name = Some(format!("{PLURAL}.{GROUP}"));
    let spec = &mut definition.spec;
    GROUP.clone_into(&mut spec.group);
    KIND.clone_into(&mut spec.names.kind);
    PLURAL.clone_into(&mut spec.names.plural);
    spec.names.singular = Some(KIND.to_lowercase());
    spec.names.list_kind = Some(format!("{KIND}List"));
    spec.names.short_names = None;
    spec.names.categories = None;
    Ok(definition)
}

/// Makes the definition on the hub and waits until it is served.
pub async fn install(hub: &Client) -> Result<()> {
    let definition = build_definition()?;
    let api: Api<CustomResourceDefinition> = Api::all(hub.clone());
    match api.create(&PostParams::default(), &definition).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => return Err(error).context("making the definition of the raw client's bindings"),
    }
    let bindings: Api<DynamicObject> = Api::all_with(hub.clone(), &resource());
    wait::until("the hub serves the raw client's bindings", SERVED_DEADLINE, async || {
        bindings.list(&ListParams::default().limit(1)).await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// Removes the definition.
pub async fn uninstall(hub: &Client) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(hub.clone());
    match api.delete(&format!("{PLURAL}.{GROUP}"), &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error).context("removing the definition of the raw client's bindings"),
    }
}

/// The binding of a template that goes to all members. What a real one has as a finalizer is an
/// annotation of the same length here, so that a namespace of them goes without anybody's help.
pub fn build(template: &ConfigMap, members: &[String]) -> Result<DynamicObject> {
    let (name, namespace) = (template.name_any(), template.namespace().context("a template has a namespace")?);
    let uid = template.uid().context("the hub gives every template a uid")?;
    let placement = placement(members);
    let spec = BindingSpec {
        resource: ObjectReference {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: Some(namespace.clone()),
            name: name.clone(),
            uid: Some(uid.clone()),
            resource_version: template.resource_version(),
        },
        clusters: members.iter().map(|name| TargetCluster { name: name.clone(), ..TargetCluster::default() }).collect(),
        placement: Some(placement.clone().into()),
        scheduler_name: Some("default-scheduler".to_owned()),
        ..BindingSpec::default()
    };
    let applied = serde_json::to_string(&placement).context("writing a placement")?;
    let object = json!({
        "apiVersion": resource().api_version,
        "kind": KIND,
        "metadata": {
            "name": format!("{name}-configmap"),
            "namespace": namespace,
            "labels": {
                "propagationpolicy.bench.atoll.dev/permanent-id": uid,
                "resourcebinding.bench.atoll.dev/permanent-id": uid,
            },
            "annotations": {
                "propagationpolicy.bench.atoll.dev/namespace": namespace,
                "propagationpolicy.bench.atoll.dev/name": "propagation",
                "bench.atoll.dev/applied-placement": applied,
                "bench.atoll.dev/finalizer": "karmada.io/binding-controller",
            },
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    serde_json::from_value(object).with_context(|| format!("building the binding of {name}"))
}

fn placement(members: &[String]) -> Placement {
    let affinity = ClusterAffinity { cluster_names: members.to_vec(), ..ClusterAffinity::default() };
    Placement { cluster_affinity: Some(affinity), ..Placement::default() }
}

/// The one status of a binding whose copies are all in place.
pub fn build_status(members: &[String], generation: i64, now: &str) -> Value {
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now});
    let item = |name: &String| json!({"clusterName": name, "applied": true, "health": "Healthy"});
    json!({"status": {
        "schedulerObservedGeneration": generation,
        "lastScheduledTime": now,
        "conditions": [
            condition("Scheduled", "Success", "Binding has been scheduled successfully."),
            condition("FullyApplied", "FullyAppliedSuccess", "All works have been successfully applied"),
        ],
        "aggregatedStatus": members.iter().map(item).collect::<Vec<_>>(),
    }})
}

/// A merge patch of the template's metadata, as long as a real claim.
pub fn build_claim(namespace: &str, id: &str) -> Value {
    json!({"metadata": {
        "labels": {"propagationpolicy.bench.atoll.dev/permanent-id": id},
        "annotations": {
            "propagationpolicy.bench.atoll.dev/namespace": namespace,
            "propagationpolicy.bench.atoll.dev/name": "propagation",
        },
    }})
}

/// What goes to a member: the template with marks like those of a real copy.
pub fn build_copy(template: &ConfigMap, hub_uid: &str) -> Result<Value> {
    let (name, namespace) = (template.name_any(), template.namespace().context("a template has a namespace")?);
    let uid = template.uid().context("the hub gives every template a uid")?;
    let mut labels = template.labels().clone();
    labels.insert(MANAGED.to_owned(), "true".to_owned());
    labels.insert("resourcebinding.bench.atoll.dev/permanent-id".to_owned(), uid.clone());
    Ok(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {
                "resourcebinding.bench.atoll.dev/namespace": namespace,
                "resourcebinding.bench.atoll.dev/name": format!("{name}-configmap"),
                "resourcetemplate.bench.atoll.dev/uid": uid,
                "resourcetemplate.bench.atoll.dev/generation": "0",
                "bench.atoll.dev/hub-uid": hub_uid,
                "bench.atoll.dev/manifest-hash": "0123456789abcdef",
            },
        },
        "data": template.data,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::names::Load;
    use crate::bench::templates;

    fn template() -> ConfigMap {
        let mut template = templates::build("shop", "raw-000001", Load::Raw);
        template.metadata.uid = Some("1f3c".to_owned());
        template
    }

    #[test]
    fn the_definition_keeps_the_schema_and_no_name_of_the_original() {
        let definition = build_definition().unwrap();
        let original = all_crds().into_iter().find(|one| one.spec.names.kind == "ResourceBinding").unwrap();
        assert_eq!(definition.spec.versions, original.spec.versions);
        assert_eq!(definition.spec.group, "bench.atoll.dev");
        assert_eq!(definition.metadata.name.as_deref(), Some("rawbindings.bench.atoll.dev"));
        assert_eq!(definition.spec.names.short_names, None);
    }

    #[test]
    fn no_operator_takes_a_raw_object_for_its_own() {
        let members = ["m1".to_owned()];
        let binding = serde_json::to_value(build(&template(), &members).unwrap()).unwrap();
        let copy = build_copy(&template(), "77").unwrap();
        let claim = build_claim("shop", "id");
        for object in [&binding, &copy, &claim] {
            for map in ["labels", "annotations"] {
                let keys = object["metadata"][map].as_object().into_iter().flatten().map(|(key, _)| key);
                assert!(keys.clone().all(|key| key.contains("bench.atoll.dev/")), "{:?}", keys.collect::<Vec<_>>());
            }
        }
        assert_eq!(binding["metadata"].get("finalizers"), None);
        assert_eq!(binding["spec"]["clusters"][0]["name"], "m1");
    }
}
