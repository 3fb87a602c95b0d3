//! Identity and end of propagation policies.
//!
//! A policy that came in while the webhook was away gets its permanent id and
//! finalizer here. One that is being deleted keeps its finalizer until no
//! template carries its claim any more; copies stay (karmada-api 2.2).

use std::sync::Arc;
use std::time::Duration;

use atoll_crds::names::finalizer;
use atoll_crds::{ClusterPropagationPolicy, PropagationPolicy};
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::matching::{PolicyRef, Scope};
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::app::App;
use crate::pipeline::claim;
use crate::queue::{AFTER_A_PANIC, Lane};
use crate::tasks::{About, Panicked, contain, fault_point};
use crate::telemetry::metrics::labels::HubWriteLabel;
use crate::telemetry::{Cause, Step};

/// A policy that waits for its templates is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Works until the task is cancelled.
pub async fn run(app: Arc<App>) {
    app.synced.wait().await;
    loop {
        let work = app.policy_identity.next().await;
        app.wait_to_lead().await;
        let step = Step::working(About::default().under(Some(work.key.clone())));
        match contain(step.run(update(&app, &work.key))).await {
            Ok(Ok(true)) => {}
            Err(Panicked) => app.policy_identity.add_after(work.key.clone(), Lane::CatchUp, AFTER_A_PANIC),
            Ok(Ok(false)) => app.policy_identity.add_after(work.key.clone(), Lane::CatchUp, LOOK_AGAIN),
            Ok(Err(error)) => {
                tracing::debug!(policy = %work.key, %error, "policy identity not written");
                app.policy_identity.add_after(work.key.clone(), Lane::CatchUp, LOOK_AGAIN * 4);
            }
        }
    }
}

/// Whether the policy is as it should be; otherwise it is looked at again.
async fn update(app: &App, reference: &PolicyRef) -> Result<bool, kube::Error> {
    fault_point!("policy identity", reference);
    let api = api(app, reference);
    let Some(policy) = api.get_metadata_opt(&reference.name).await? else { return Ok(true) };
    let finalizer = finalizer_of(reference);
    let held = policy.finalizers().iter().any(|name| name == finalizer);
    if policy.metadata.deletion_timestamp.is_some() {
        if !held {
            return Ok(true);
        }
        if is_claiming(app, reference) {
            return Ok(false);
        }
        let rest: Vec<&String> = policy.finalizers().iter().filter(|name| *name != finalizer).collect();
        write(
            app,
            reference,
            json!({"metadata": {
                "resourceVersion": policy.resource_version(), "finalizers": rest,
            }}),
        )
        .await?;
        return Ok(true);
    }
    let label = claim::id_label(reference);
    if held && policy.labels().get(label).is_some_and(|id| !id.is_empty()) {
        return Ok(true);
    }
    let mut finalizers = policy.finalizers().to_vec();
    if !held {
        finalizers.push(finalizer.to_owned());
    }
    let id = policy.labels().get(label).filter(|id| !id.is_empty()).cloned();
    let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    write(
        app,
        reference,
        json!({"metadata": {
            "resourceVersion": policy.resource_version(), "labels": {label: id}, "finalizers": finalizers,
        }}),
    )
    .await?;
    Ok(true)
}

fn is_claiming(app: &App, reference: &PolicyRef) -> bool {
    let held =
        app.templates.keys_where(|template| claim::recorded(template).is_some_and(|claim| claim.policy == *reference));
    for key in &held {
        app.reconcile.add_for(key.clone(), Lane::User, Cause::Policy);
    }
    !held.is_empty()
}

async fn write(app: &App, reference: &PolicyRef, patch: serde_json::Value) -> Result<(), kube::Error> {
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let written = api(app, reference).patch(&reference.name, &parameters, &Patch::Merge(patch)).await;
    app.metrics.hub.count(HubWriteLabel::Policy, written).map(drop)
}

fn finalizer_of(reference: &PolicyRef) -> &'static str {
    match reference.scope {
        Scope::Namespaced(_) => finalizer::PROPAGATION_POLICY,
        Scope::Cluster => finalizer::CLUSTER_PROPAGATION_POLICY,
    }
}

fn api(app: &App, reference: &PolicyRef) -> Api<DynamicObject> {
    match &reference.scope {
        Scope::Namespaced(namespace) => {
            let resource = ApiResource::erase::<PropagationPolicy>(&());
            Api::namespaced_with(app.hub.clone(), namespace.as_str(), &resource)
        }
        Scope::Cluster => Api::all_with(app.hub.clone(), &ApiResource::erase::<ClusterPropagationPolicy>(&())),
    }
}
