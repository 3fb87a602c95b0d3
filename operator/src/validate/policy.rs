//! Propagation policies (karmada-api 1.4 and 2.22).

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_crds::policy::failover::{FailoverBehavior, PurgeMode};
use atoll_crds::policy::propagation::{ActivationPreference, Policy as PolicyKind, Preemption, PropagationSpec};
use atoll_crds::policy::selector::ResourceSelector as RawSelector;
use atoll_decide::ids::Gvk;
use atoll_decide::matching::{self, Pick, PolicyRef, ResourceSelector, Scope};
use atoll_decide::placement::Placement;
use kube::ResourceExt;

use super::{Invalid, Problems, affinity, placement};

/// A checked policy: what the deciders want, beside the spec that bindings
/// carry copies of.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What matching wants.
    pub matching: Arc<matching::Policy>,
    /// The placement, checked.
    pub placement: Arc<Placement>,
    /// The placement as bindings note it in an annotation: JSON.
    pub placement_text: Arc<str>,
    /// The spec as the user wrote it, with the defaults of karmada-api 2.22.
    pub spec: Arc<PropagationSpec>,
    /// `metadata.generation`
    pub generation: i64,
}

/// Checks a policy as the API server holds it. `id` is its permanent id.
pub fn policy<P: PolicyKind>(raw: &P, id: &str) -> Result<Policy, Vec<Invalid>> {
    let mut problems = Problems::default();
    let spec = defaulted(raw.propagation().clone(), raw.namespace().as_deref());
    let scope = raw.namespace().map_or(Scope::Cluster, |namespace| Scope::Namespaced(namespace.into()));
    let selectors = selectors(&spec, &scope, &mut problems);
    check_failover(&spec, &mut problems);
    check_suspension(&spec, &mut problems);
    let checked = placement::placement("spec.placement", spec.placement.as_ref(), &mut problems);
    let placement_text = serde_json::to_string(&spec.placement).unwrap_or_default();
    let policy = Policy {
        matching: Arc::new(matching::Policy {
            reference: PolicyRef { scope, name: raw.name_any().into() },
            id: id.to_owned(),
            priority: spec.priority,
            selectors,
            deleting: raw.meta().deletion_timestamp.is_some(),
            lazy: spec.activation_preference == Some(ActivationPreference::Lazy),
            preempts: spec.preemption == Preemption::Always,
        }),
        placement: Arc::new(checked),
        placement_text: placement_text.into(),
        generation: raw.meta().generation.unwrap_or_default(),
        spec: Arc::new(spec),
    };
    problems.or(policy)
}

/// Fills in what Karmada's mutating webhook fills in, so that a policy means
/// the same whether it passed the webhook or not.
pub fn defaulted(mut spec: PropagationSpec, namespace: Option<&str>) -> PropagationSpec {
    use atoll_crds::policy::placement::{ReplicaDivisionPreference, ReplicaSchedulingType, SpreadField};
    for selector in &mut spec.resource_selectors {
        if selector.namespace.as_deref().unwrap_or_default().is_empty() {
            selector.namespace = namespace.map(str::to_owned);
        }
    }
    if let Some(placement) = &mut spec.placement {
        for constraint in &mut placement.spread_constraints {
            if constraint.spread_by_field.is_none() && constraint.spread_by_label.is_none() {
                constraint.spread_by_field = Some(SpreadField::Cluster);
            }
            constraint.min_groups.get_or_insert(1);
        }
        if let Some(strategy) = &mut placement.replica_scheduling
            && strategy.replica_scheduling_type == ReplicaSchedulingType::Divided
        {
            strategy.replica_division_preference.get_or_insert(ReplicaDivisionPreference::Weighted);
        }
    }
    if let Some(application) = spec.failover.as_mut().and_then(|failover| failover.application.as_mut())
        && application.purge_mode == PurgeMode::Gracefully
    {
        application.grace_period_seconds.get_or_insert(600);
    }
    let imports = |selector: &RawSelector| selector.kind == "ServiceImport";
    if spec.resource_selectors.iter().any(imports) {
        spec.propagate_deps = true;
    }
    spec
}

fn selectors(spec: &PropagationSpec, scope: &Scope, problems: &mut Problems) -> Vec<ResourceSelector> {
    if spec.resource_selectors.is_empty() {
        problems.add("spec.resourceSelectors", "at least one selector is needed");
    }
    let mut selectors = Vec::new();
    for (index, raw) in spec.resource_selectors.iter().enumerate() {
        let at = format!("spec.resourceSelectors[{index}]");
        if let Scope::Namespaced(own) = scope
            && raw.namespace.as_deref().is_some_and(|namespace| namespace != own.as_str())
        {
            let problem = format!(
                "{:?} is not the policy's namespace {own:?}; a PropagationPolicy selects in its own namespace only, \
                 use a ClusterPropagationPolicy for others",
                raw.namespace.as_deref().unwrap_or_default()
            );
            problems.add(format!("{at}.namespace"), problem);
        }
        if spec.preemption == Preemption::Always && raw.name.as_deref().unwrap_or_default().is_empty() {
            problems.add(format!("{at}.name"), "preemption: Always needs a name in every selector");
        }
        selectors.push(resource_selector(&at, raw, problems));
    }
    selectors
}

/// Reads one resource selector that stands at `field`.
pub fn resource_selector(field: &str, raw: &RawSelector, problems: &mut Problems) -> ResourceSelector {
    if raw.api_version.is_empty() || raw.kind.is_empty() {
        problems.add(field, "apiVersion and kind are both needed, such as apps/v1 and Deployment");
    }
    let name = raw.name.as_deref().filter(|name| !name.is_empty());
    let pick = match (name, &raw.label_selector) {
        (Some(name), _) => Pick::Name(name.to_owned()),
        (None, Some(selector)) => {
            Pick::Labels(affinity::label_selector(&format!("{field}.labelSelector"), selector, problems))
        }
        (None, None) => Pick::All,
    };
    ResourceSelector {
        gvk: Gvk::from_api_version(&raw.api_version, &raw.kind),
        namespace: raw.namespace.as_deref().filter(|namespace| !namespace.is_empty()).map(Into::into),
        pick,
    }
}

fn check_failover(spec: &PropagationSpec, problems: &mut Problems) {
    let Some(FailoverBehavior { application: Some(application), .. }) = &spec.failover else { return };
    let at = "spec.failover.application";
    if !spec.propagate_deps {
        problems.add("spec.propagateDeps", "application failover needs propagateDeps: true");
    }
    if application.decision_conditions.toleration_seconds < 0 {
        problems.add(format!("{at}.decisionConditions.tolerationSeconds"), "it is negative; use 0 or more");
    }
    match (application.purge_mode, application.grace_period_seconds) {
        (PurgeMode::Gracefully, Some(seconds)) if seconds <= 0 => {
            problems.add(format!("{at}.gracePeriodSeconds"), format!("{seconds} is no period; use 1 or more"));
        }
        (PurgeMode::Directly | PurgeMode::Never, Some(_)) => {
            problems.add(format!("{at}.gracePeriodSeconds"), "it has a meaning only with purgeMode: Gracefully");
        }
        _ => {}
    }
}

fn check_suspension(spec: &PropagationSpec, problems: &mut Problems) {
    let Some(suspension) = &spec.suspension else { return };
    let listed = suspension.dispatching_on_clusters.iter().flat_map(|clusters| &clusters.cluster_names);
    let listed: BTreeSet<_> = listed.collect();
    if suspension.dispatching == Some(true) && !listed.is_empty() {
        problems.add(
            "spec.suspension.dispatchingOnClusters",
            "dispatching: true suspends every cluster already; keep one of the two",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_crds::PropagationPolicy;
    use serde_json::json;

    fn read(spec: &serde_json::Value) -> Result<Policy, Vec<Invalid>> {
        let object = json!({
            "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
            "metadata": {"name": "p", "namespace": "shop"}, "spec": spec,
        });
        policy(&serde_json::from_value::<PropagationPolicy>(object).unwrap(), "id")
    }

    #[test]
    fn every_problem_is_named_with_its_field() {
        let problems = read(&json!({
            "resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap", "namespace": "other"}],
            "placement": {"spreadConstraints": [{"spreadByField": "region", "minGroups": 3, "maxGroups": 2}]},
        }))
        .unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "spec.resourceSelectors[0].namespace",
                "spec.placement.spreadConstraints[0].maxGroups",
                "spec.placement.spreadConstraints",
            ]
        );
    }

    #[test]
    fn a_selector_without_a_namespace_gets_the_policys_own() {
        let policy = read(&json!({"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]})).unwrap();
        assert_eq!(policy.matching.selectors[0].namespace, Some("shop".into()));
    }
}
