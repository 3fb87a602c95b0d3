//! From Rust types to the custom resource definitions an API server takes.
//!
//! Enters: what the derive makes of a type. Leaves: a structural schema that
//! takes what Karmada's schema takes, with the validation rules of
//! `rules` in it.

mod columns;
mod place;
mod rules;
pub(crate) mod upstream;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::{
    Cluster, ClusterOverridePolicy, ClusterPropagationPolicy, ClusterResourceBinding, ClusterTaintPolicy,
    CronFederatedHPA, FederatedHPA, FederatedResourceQuota, IsolationSnapshot, MultiClusterIngress,
    MultiClusterService, OverridePolicy, PropagationPolicy, Remedy, ResourceBinding, ResourceInterpreterCustomization,
    ResourceInterpreterWebhookConfiguration, ServiceExport, ServiceImport, Work, WorkloadRebalancer,
};

/// Every kind of this crate, sorted by group and plural.
pub fn all_crds() -> Vec<CustomResourceDefinition> {
    let makers: [fn() -> CustomResourceDefinition; 21] = [
        WorkloadRebalancer::crd,
        IsolationSnapshot::crd,
        CronFederatedHPA::crd,
        FederatedHPA::crd,
        Cluster::crd,
        ResourceInterpreterCustomization::crd,
        ResourceInterpreterWebhookConfiguration::crd,
        ServiceExport::crd,
        ServiceImport::crd,
        MultiClusterIngress::crd,
        MultiClusterService::crd,
        ClusterOverridePolicy::crd,
        ClusterPropagationPolicy::crd,
        ClusterTaintPolicy::crd,
        FederatedResourceQuota::crd,
        OverridePolicy::crd,
        PropagationPolicy::crd,
        Remedy::crd,
        ClusterResourceBinding::crd,
        ResourceBinding::crd,
        Work::crd,
    ];
    makers.iter().map(|make| mend(make())).collect()
}

/// File name and text of the manifest of `crd`.
///
/// # Errors
/// When the definition cannot be written as YAML.
pub fn render_manifest(crd: &CustomResourceDefinition) -> Result<(String, String), serde_saphyr::ser::Error> {
    let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
    Ok((name, serde_saphyr::to_string(crd)?))
}

/// What the derive leaves to do: nulls go, the types of quantities come back,
/// rules and printer columns come.
fn mend(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(crd).expect("a definition is JSON");
    let kind = value["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned();
    for version in value["spec"]["versions"].as_array_mut().into_iter().flatten() {
        let root = &mut version["schema"]["openAPIV3Schema"];
        refuse_nulls(root);
        restore_quantities(root);
        rules::apply(&kind, root);
        columns::apply(&kind, version);
    }
    serde_json::from_value(value).expect("a mended definition is a definition")
}

/// Optional fields are left out, never null, as in Karmada's schema. The one
/// exception is the time of a condition on a Cluster: Go writes a zero time as
/// null, and Karmada's server takes it.
fn refuse_nulls(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("nullable");
            for (name, field) in fields.iter_mut().filter(|(name, _)| *name != "lastTransitionTime") {
                if name != "default" {
                    refuse_nulls(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(refuse_nulls),
        _ => {}
    }
}

/// kube takes the types out of the branches of `anyOf`. The API server looks at
/// the mark alone; clients that read the schema look at the types.
fn restore_quantities(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
                fields.insert("anyOf".to_owned(), json!([{ "type": "integer" }, { "type": "string" }]));
            }
            fields.values_mut().for_each(restore_quantities);
        }
        Value::Array(items) => items.iter_mut().for_each(restore_quantities),
        _ => {}
    }
}

/// Any JSON value.
pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// Any JSON object.
pub(crate) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

#[cfg(test)]
mod tests;
