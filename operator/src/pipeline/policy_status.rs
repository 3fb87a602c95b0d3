//! The status of propagation policies: what became of them, in one line.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use atoll_crds::condition::policy::Ready;
use atoll_crds::condition::{ConditionValue, set_condition};
use atoll_crds::policy::propagation::PolicyStatus;
use atoll_crds::{ClusterPropagationPolicy, PropagationPolicy};
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::matching::{PolicyRef, Scope};
use atoll_decide::time::Mono;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::claim;
use crate::app::App;
use crate::clock;
use crate::hub::bindings::Binding;
use crate::hub::policies::Known;
use crate::queue::{AFTER_A_PANIC, Lane};
use crate::tasks::{About, Panicked, contain, fault_point};
use crate::telemetry::Step;
use crate::telemetry::metrics::labels::HubWriteLabel;
use crate::validate;

/// Between two statuses of one policy.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Works until the task is cancelled.
pub async fn run(app: Arc<App>) {
    app.synced.wait().await;
    let mut written: HashMap<PolicyRef, Mono> = HashMap::new();
    loop {
        let work = app.policy_status.next().await;
        let since = written.get(&work.key).map(|at| clock::mono().since(*at));
        if let Some(since) = since.filter(|since| *since < AT_MOST_EVERY) {
            app.policy_status.add_after(work.key.clone(), Lane::CatchUp, AT_MOST_EVERY.saturating_sub(since));
            continue;
        }
        if !app.leads() {
            app.policy_status.add_after(work.key.clone(), Lane::CatchUp, AT_MOST_EVERY);
            continue;
        }
        let step = Step::working(About::default().under(Some(work.key.clone())));
        match contain(step.run(update(&app, &work.key))).await {
            Ok(Ok(true)) => {
                written.insert(work.key.clone(), clock::mono());
            }
            Ok(Ok(false)) => {}
            Err(Panicked) => app.policy_status.add_after(work.key.clone(), Lane::CatchUp, AFTER_A_PANIC),
            Ok(Err(error)) => {
                tracing::debug!(policy = %work.key, %error, "policy status not written");
                app.policy_status.add_after(work.key.clone(), Lane::CatchUp, AT_MOST_EVERY);
            }
        }
    }
}

async fn update(app: &App, reference: &PolicyRef) -> Result<bool, kube::Error> {
    fault_point!("policy status", reference);
    let Some(known) = app.policies.get(reference) else { return Ok(false) };
    if let Known::Valid(policy) = &known {
        let mut kinds = policy.matching.selectors.iter().map(|selector| &selector.gvk);
        let refused = app.refused_kinds.borrow().clone();
        let told = |kind| app.kinds.is_missing(kind) || app.kinds.is_forbidden(kind) || refused.contains(kind);
        if kinds.any(|kind| !app.templates.is_listed(kind) && !told(kind)) {
            // Its templates are not listed yet; their list brings us back.
            return Ok(false);
        }
    }
    let before = app.policies.status(reference);
    let after = build(app, reference, &known, before.as_deref());
    if before.as_deref() == Some(&after) {
        return Ok(false);
    }
    let patch = Patch::Merge(json!({"status": after}));
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let answer = match &reference.scope {
        Scope::Namespaced(namespace) => {
            let api: Api<PropagationPolicy> = Api::namespaced(app.hub.clone(), namespace.as_str());
            api.patch_status(&reference.name, &parameters, &patch).await.map(|_| ())
        }
        Scope::Cluster => {
            let api: Api<ClusterPropagationPolicy> = Api::all(app.hub.clone());
            api.patch_status(&reference.name, &parameters, &patch).await.map(|_| ())
        }
    };
    match app.metrics.hub.count(HubWriteLabel::PolicyStatus, answer) {
        Ok(()) => {
            app.policies.put_status(reference, after);
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

fn build(app: &App, reference: &PolicyRef, known: &Known, before: Option<&PolicyStatus>) -> PolicyStatus {
    let held =
        app.templates.keys_where(|template| claim::recorded(template).is_some_and(|claim| claim.policy == *reference));
    let bindings: Vec<Arc<Binding>> = held.iter().filter_map(|key| app.bindings.get(key)).collect();
    let (value, message) = judge(app, known, held.len(), &bindings);
    let (matched, failed) = clusters(&bindings);
    let generation = match known {
        Known::Valid(policy) => policy.generation,
        Known::Invalid { generation, .. } => *generation,
    };
    let mut status = before.cloned().unwrap_or_default();
    set_condition(&mut status.conditions, value.condition(message, Some(generation), clock::api_time()));
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    status.observed_generation = Some(generation);
    status.state = Some(value.state());
    status.reason = Some(value.reason().to_owned());
    status.clusters_matched = Some(count(matched.len()));
    status.clusters_failed = Some(count(failed.len()));
    status.templates = Some(count(held.len()));
    status
}

fn clusters(bindings: &[Arc<Binding>]) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut matched = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for binding in bindings {
        let items = binding.status.iter().flat_map(|status| &status.aggregated_status);
        let failing = items.filter(|item| !item.applied && item.applied_message.is_some());
        failed.extend(failing.map(|item| item.cluster_name.clone()));
        matched.extend(binding.spec.clusters.iter().map(|target| target.name.clone()));
    }
    (matched, failed)
}

fn judge(app: &App, known: &Known, held: usize, bindings: &[Arc<Binding>]) -> (Ready, String) {
    let policy = match known {
        Known::Invalid { problems, .. } => return (Ready::InvalidPolicy, validate::sentence(problems)),
        Known::Valid(policy) => policy,
    };
    let refused = app.refused_kinds.borrow();
    let selected = policy.matching.selectors.iter().map(|selector| &selector.gvk);
    if let Some(kind) = selected.clone().find(|kind| refused.contains(*kind)) {
        let message =
            format!("this hub runs {} itself, so it cannot be a template here; use a hub without nodes", kind.kind);
        return (Ready::HubRunsWorkloads, message);
    }
    if let Some(kind) = selected.clone().find(|kind| app.kinds.is_missing(kind)) {
        return (Ready::KindNotInstalled, format!("the hub does not serve {kind} yet; install its CRD there"));
    }
    if let Some(kind) = selected.clone().find(|kind| app.kinds.is_forbidden(kind)) {
        let message = format!(
            "the operator may not read {kind} on the hub; let it get, list, watch and patch the kind there (hub.kinds in \
             the chart's values)"
        );
        return (Ready::KindNotPermitted, message);
    }
    if let Some(missing) = app.missing_override(policy) {
        return (Ready::MissingOverride, format!("spec.dependentOverrides: {missing} does not exist yet"));
    }
    if held == 0 {
        return (Ready::NoTemplate, "no object on the hub is selected yet".to_owned());
    }
    let told = |binding: &&Arc<Binding>| binding.status.is_some();
    if bindings.iter().filter(told).count() < held {
        return (
            Ready::Progressing,
            format!("{} of {held} templates have answered", bindings.iter().filter(told).count()),
        );
    }
    let is_false = |binding: &Binding, type_: &str| {
        let conditions = binding.status.iter().flat_map(|status| &status.conditions);
        conditions.clone().find(|held| held.type_ == type_ && held.status == "False").map(|held| held.message.clone())
    };
    if let Some((binding, why)) = bindings.iter().find_map(|one| Some((one, is_false(one, "Scheduled")?))) {
        return (Ready::NotScheduled, format!("{}: {why}", binding.reference));
    }
    if let Some((binding, why)) = bindings.iter().find_map(|one| Some((one, is_false(one, "FullyApplied")?))) {
        return (Ready::ClusterFailed, format!("{}: {why}", binding.reference));
    }
    (Ready::Success, format!("{held} templates are applied"))
}
