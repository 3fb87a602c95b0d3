//! The writes of a binding: made, brought to what was decided, let go.
//!
//! Each is one request, on the version that the decision was made from.

use std::sync::Arc;

use atoll_decide::binding::{Outcome, Plan};
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::ids::ObjectKey;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::DynamicObject;

use super::{Error, binding, claim, tasks};
use crate::app::App;
use crate::hub::bindings::{Binding, BindingRef};
use crate::hub::template_watch::into_value;
use crate::hub::templates::Template;
use crate::telemetry::decisions::{What, Why};
use crate::telemetry::metrics::labels::HubWriteLabel;
use crate::validate::policy::Policy;

/// Takes the claim of a policy that let go off the binding.
pub async fn release_binding(app: &App, key: &ObjectKey, binding: Arc<Binding>) -> Result<Arc<Binding>, Error> {
    if App::policy_of(&binding).is_none() {
        return Ok(binding);
    }
    let mut patch = claim::patch(None);
    patch["metadata"]["resourceVersion"] = (*binding.resource_version).into();
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let api = binding_api(app, &binding.reference);
    let written = api.patch(&binding.reference.name, &parameters, &Patch::Merge(patch)).await;
    let written = app.metrics.hub.count(HubWriteLabel::BindingUpdate, written);
    let written = written.map_err(Error::hub("releasing the binding", key))?;
    let released = read_binding(written).map_err(Error::hub("reading the binding", key))?;
    app.bindings.put(released.clone());
    Ok(Arc::new(released))
}

/// Writes the decision, once, before anything of it is carried out (promise
/// I4). Nothing is written when the binding says so already.
pub async fn write_binding(
    app: &App,
    template: &Template,
    policy: &Policy,
    plan: &Plan,
    existing: Option<&Binding>,
) -> Result<Arc<Binding>, Error> {
    let stands_anew = existing.is_none() && matches!(plan.outcome, Outcome::Stands) && !plan.targets.is_empty();
    let scheduled = stands_anew || matches!(plan.outcome, Outcome::Scheduled(_));
    let wanted = binding::build(template, policy, &plan.targets, tasks::write(&plan.tasks), existing, scheduled);
    let key = &template.key;
    let written = match existing {
        None => {
            let object = binding::created(&wanted, &uuid::Uuid::new_v4().to_string());
            let object: DynamicObject = serde_json::from_value(object).map_err(|error| Error::Hub {
                action: "building the binding",
                key: key.clone(),
                source: Box::new(kube::Error::SerdeError(error)),
            })?;
            let api = binding_api(app, &wanted.reference);
            let written = api.create(&PostParams::default(), &object).await;
            let written = app.metrics.hub.count(HubWriteLabel::BindingCreate, written);
            written.map_err(Error::hub("creating the binding", key))?
        }
        Some(existing) => {
            let Some(patch) = binding::difference(&wanted, existing) else {
                return Ok(Arc::new(existing.clone()));
            };
            let api = binding_api(app, &existing.reference);
            let parameters = PatchParams::apply(FIELD_MANAGER);
            let written = api.patch(&existing.reference.name, &parameters, &Patch::Merge(patch)).await;
            let written = app.metrics.hub.count(HubWriteLabel::BindingUpdate, written);
            written.map_err(Error::hub("updating the binding", key))?
        }
    };
    if let Outcome::Scheduled(trigger) = plan.outcome {
        app.decisions.record(Some(key), None, What::Scheduled, Why::Rule(trigger));
    }
    let binding = read_binding(written).map_err(Error::hub("reading the binding", key))?;
    app.bindings.put(binding.clone());
    Ok(Arc::new(binding))
}

pub fn binding_api(app: &App, reference: &BindingRef) -> Api<DynamicObject> {
    use atoll_crds::{ClusterResourceBinding, ResourceBinding};
    use kube::core::ApiResource;
    match &reference.namespace {
        Some(namespace) => {
            Api::namespaced_with(app.hub.clone(), namespace, &ApiResource::erase::<ResourceBinding>(&()))
        }
        None => Api::all_with(app.hub.clone(), &ApiResource::erase::<ClusterResourceBinding>(&())),
    }
}

fn read_binding(object: DynamicObject) -> Result<Binding, kube::Error> {
    use atoll_crds::{ClusterResourceBinding, ResourceBinding};
    let namespaced = object.metadata.namespace.is_some();
    let value = into_value(object);
    let binding = if namespaced {
        Binding::of(&serde_json::from_value::<ResourceBinding>(value).map_err(kube::Error::SerdeError)?)
    } else {
        Binding::of(&serde_json::from_value::<ClusterResourceBinding>(value).map_err(kube::Error::SerdeError)?)
    };
    Ok(binding)
}
