//! The end of a binding: its copies go, or are released, and only then does
//! our finalizer (promise I2).
//!
//! A binding that somebody deletes while its template stands is no word about
//! the template: it is let go, made anew where it was, and the copies stay.

use std::sync::Arc;

use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::ids::ObjectKey;
use atoll_decide::matching::{ClaimDecision, Template as Matched};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use serde_json::json;

use super::{Claimed, Error, binding, binding_api, claim, template_api, with_policy};
use crate::app::App;
use crate::hub::bindings::Binding;
use crate::hub::templates::Template;
use crate::members::failure::Failure;
use crate::members::intent::{Intent, KindInfo, Order};
use crate::members::member::Member;
use crate::pipeline::binding::finalizer_of;
use crate::queue::Lane;
use crate::telemetry::Cause;
use crate::telemetry::metrics::labels::HubWriteLabel;

/// One step towards the end. Each copy that goes brings us back here.
pub async fn drive(app: &App, key: &ObjectKey, binding: &Binding) -> Result<(), Error> {
    let finalizer = finalizer_of(&binding.reference);
    if !binding.finalizers.iter().any(|held| held == finalizer) {
        return Ok(());
    }
    if is_wanted_still(app, key, binding).await? {
        let message = "its binding was deleted and is made anew; the copies stay. To remove them, delete the template or \
                       change its policy";
        app.note_once(key, "BindingMadeAnew", message);
        app.bindings.let_go(key, binding);
        for member in app.members.all() {
            // Deletes that an earlier look ordered, when nobody claimed the template.
            if member.lane.pending(key).is_some_and(|order| !matches!(order.intent, Intent::Apply { .. })) {
                member.want_nothing(key);
            }
        }
        return take_finalizer_off(app, key, binding, finalizer).await;
    }
    app.bindings.forget_former(key);
    let kind = match app.kinds.resolve(&key.gvk).await {
        Ok(kind) => kind,
        Err(error) => {
            // Without the kind its copies cannot be named; they stay, and so
            // does the binding, until the kind is known again.
            tracing::warn!(object = %key, binding = %binding.reference, %error, "the copies of a deleted template wait");
            app.reconcile.add_after_for(key.clone(), Lane::CatchUp, Cause::Retry, std::time::Duration::from_secs(5));
            return Ok(());
        }
    };
    let mark = binding.reference.to_string();
    let release = binding.spec.preserve_resources_on_deletion == Some(true);
    let mut waiting = false;
    for name in holders(app, key, binding, &mark) {
        let Some(member) = app.members.get(&name) else {
            // The Cluster is gone: its copies stay there, and there is no way
            // to them any more.
            if app.clusters.get(&name).is_some() {
                waiting = true;
            }
            continue;
        };
        waiting |= !is_gone(app, &member, key, &kind, &mark, release);
    }
    if waiting {
        return Ok(());
    }
    take_finalizer_off(app, key, binding, finalizer).await
}

/// Whether the hub says, asked now, that the template stands and will be bound
/// again: neither it nor its namespace is going, and a policy claims it.
async fn is_wanted_still(app: &App, key: &ObjectKey, binding: &Binding) -> Result<bool, Error> {
    let Some(template) = app.templates.get(key).filter(|template| is_about(binding, template)) else {
        return Ok(false);
    };
    if !will_be_bound(app, &template) {
        return Ok(false);
    }
    let live = template_api(app, key).get_metadata_opt(&key.name).await;
    let live = live.map_err(Error::hub("looking for the template of a deleted binding", key))?;
    let stands = |metadata: &ObjectMeta| metadata.deletion_timestamp.is_none();
    if !live.is_some_and(|live| live.metadata.uid.as_deref() == Some(&*template.uid) && stands(&live.metadata)) {
        return Ok(false);
    }
    let Some(namespace) = &key.namespace else { return Ok(true) };
    let namespaces: Api<Namespace> = Api::all(app.hub.clone());
    let live = namespaces.get_metadata_opt(namespace.as_str()).await;
    let live = live.map_err(Error::hub("looking for the namespace of a deleted binding", key))?;
    Ok(live.is_some_and(|live| stands(&live.metadata)))
}

fn is_about(binding: &Binding, template: &Template) -> bool {
    !template.deleting && !template.is_claimed_elsewhere() && binding.is_about(&template.uid)
}

/// Whether the next look makes a binding for it, instead of waiting for its
/// policy to become usable.
fn will_be_bound(app: &App, template: &Arc<Template>) -> bool {
    let recorded = claim::recorded(template);
    let matched = Matched { key: &template.key, labels: &template.labels, claimed_by: recorded.as_ref() };
    let (ClaimDecision::Keep(claim) | ClaimDecision::Claim { claim, .. }) = app.policies.claim(&matched) else {
        return false;
    };
    !claim.id.is_empty() && matches!(with_policy(app, Arc::clone(template), &claim.policy), Claimed::By(..))
}

/// The template went before the binding that was let go was made anew. One is
/// made all the same, for the garbage collector to find without its owner: by
/// its end, and by no other way, the copies go.
pub async fn make_anew_to_go(app: &App, key: &ObjectKey, former: &Binding) -> Result<(), Error> {
    let object = binding::again(former);
    let object: DynamicObject = serde_json::from_value(object).map_err(|error| {
        Error::hub("building the binding of a deleted template", key)(kube::Error::SerdeError(error))
    })?;
    let made = binding_api(app, &former.reference).create(&PostParams::default(), &object).await;
    match app.metrics.hub.count(HubWriteLabel::BindingCreate, made) {
        Ok(_) => {}
        // Somebody was quicker.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        // Nothing can be made in a namespace that is going: what is left is reported as an orphan.
        Err(error) if is_namespace_going(&error) => {
            tracing::warn!(object = %key, binding = %former.reference, %error, "the copies of a template that went with its namespace are left");
        }
        Err(error) => return Err(Error::hub("making the binding of a deleted template", key)(error)),
    }
    app.bindings.forget_former(key);
    Ok(())
}

fn is_namespace_going(error: &kube::Error) -> bool {
    matches!(Failure::of(error), Failure::Terminating(_) | Failure::NamespaceMissing(_))
}

async fn take_finalizer_off(app: &App, key: &ObjectKey, binding: &Binding, finalizer: &str) -> Result<(), Error> {
    let rest: Vec<&String> = binding.finalizers.iter().filter(|held| *held != finalizer).collect();
    let patch = json!({"metadata": {"resourceVersion": binding.resource_version, "finalizers": rest}});
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let api = binding_api(app, &binding.reference);
    let written = api.patch(&binding.reference.name, &parameters, &Patch::Merge(patch)).await;
    match app.metrics.hub.count(HubWriteLabel::BindingFinalizer, written) {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(Error::hub("releasing the binding", key)(error)),
    }
}

/// Clusters that hold, or may hold, a copy: those the binding names, and those
/// where one was seen.
fn holders(
    app: &App,
    key: &ObjectKey,
    binding: &Binding,
    mark: &str,
) -> std::collections::BTreeSet<atoll_decide::ids::ClusterName> {
    let seen = app
        .members
        .all()
        .into_iter()
        .filter(|member| member.copies.get(key).is_some_and(|copy| copy.is_of(mark, &app.hub_uid)));
    binding.named_clusters().chain(seen.map(|member| member.name.clone())).collect()
}

/// Whether the member surely holds no copy any more; orders it away otherwise.
fn is_gone(app: &App, member: &Arc<Member>, key: &ObjectKey, kind: &Arc<KindInfo>, mark: &str, release: bool) -> bool {
    if app.fleet.is_confirmed_gone(key, &member.name) && !member.lane.is_applying(key) {
        return true;
    }
    let is_ordered = member.lane.pending(key).is_some_and(|order| !matches!(order.intent, Intent::Apply { .. }));
    if !is_ordered {
        let binding = mark.to_owned();
        let intent = if release { Intent::Release { binding } } else { Intent::Delete { binding } };
        member.lane.submit(key.clone(), Order { intent, kind: Arc::clone(kind) }, Lane::User);
    }
    false
}
