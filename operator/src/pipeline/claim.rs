//! The claim: labels and annotations on the template that name its policy.

use std::collections::BTreeMap;

use atoll_crds::names::{annotation, label};
use atoll_decide::matching::{Claim, PolicyRef, Scope};
use serde_json::{Map, Value, json};

use super::binding::claim_annotations;
use crate::hub::templates::Template;

/// The claim recorded on a template: complete metadata of a `PropagationPolicy`
/// first, then of a `ClusterPropagationPolicy` (karmada-api 2.2).
pub fn recorded(template: &Template) -> Option<Claim> {
    let label = |key: &str| template.labels.get(key).cloned();
    let namespaced = || {
        let namespace = template.annotation(annotation::PROPAGATION_POLICY_NAMESPACE)?;
        let name = template.annotation(annotation::PROPAGATION_POLICY_NAME)?;
        let id = label(label::PROPAGATION_POLICY_ID)?;
        Some(Claim { policy: PolicyRef::namespaced(namespace, name), id })
    };
    let cluster_wide = || {
        let name = template.annotation(annotation::CLUSTER_PROPAGATION_POLICY_NAME)?;
        let id = label(label::CLUSTER_PROPAGATION_POLICY_ID)?;
        Some(Claim { policy: PolicyRef::cluster(name), id })
    };
    namespaced().or_else(cluster_wide)
}

/// A merge patch of the metadata that records `claim`, and takes away what the
/// other kind of policy left. `None` as claim takes all of it away.
pub fn patch(claim: Option<&Claim>) -> Value {
    let mut labels = Map::from_iter(LABELS.map(|key| (key.to_owned(), Value::Null)));
    let mut annotations = Map::from_iter(ANNOTATIONS.map(|key| (key.to_owned(), Value::Null)));
    if let Some(claim) = claim {
        labels.insert(id_label(&claim.policy).to_owned(), claim.id.as_str().into());
        let named: BTreeMap<String, String> = claim_annotations(&claim.policy);
        annotations.extend(named.into_iter().map(|(key, value)| (key, value.into())));
    }
    json!({"metadata": {"labels": labels, "annotations": annotations}})
}

/// The label that carries the id of a policy of this kind.
pub fn id_label(policy: &PolicyRef) -> &'static str {
    match policy.scope {
        Scope::Namespaced(_) => label::PROPAGATION_POLICY_ID,
        Scope::Cluster => label::CLUSTER_PROPAGATION_POLICY_ID,
    }
}

const LABELS: [&str; 2] = [label::PROPAGATION_POLICY_ID, label::CLUSTER_PROPAGATION_POLICY_ID];

const ANNOTATIONS: [&str; 3] = [
    annotation::PROPAGATION_POLICY_NAMESPACE,
    annotation::PROPAGATION_POLICY_NAME,
    annotation::CLUSTER_PROPAGATION_POLICY_NAME,
];
