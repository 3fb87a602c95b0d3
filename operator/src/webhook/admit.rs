//! The answer to one admission request, as a function of the request.

use atoll_crds::{ClusterOverridePolicy, ClusterPropagationPolicy, OverridePolicy, PropagationPolicy};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::Resource;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, Operation};
use uuid::Uuid;

use super::hook::{Hook, Scope};
use super::refusal::Refusal;
use super::{overrides, patch, propagation, protection};

/// A request of the API server.
pub type Request = AdmissionRequest<DynamicObject>;

/// Answers `request` at `hook`. `fresh_id` makes the permanent id of a new
/// policy and is asked at most once.
///
/// An object that is being deleted passes unseen: whatever is wrong with it,
/// its finalizers must be able to go.
pub fn admit(hook: Hook, request: &Request, fresh_id: impl FnOnce() -> Uuid) -> AdmissionResponse {
    let response = AdmissionResponse::from(request);
    if is_deleting(request) {
        return response;
    }
    let outcome = match hook {
        Hook::MutatePropagation(Scope::Namespaced) => read::<PropagationPolicy>(request)
            .map(|change| propagation::additions(&change.new, change.old.as_ref(), fresh_id)),
        Hook::MutatePropagation(Scope::Cluster) => read::<ClusterPropagationPolicy>(request)
            .map(|change| propagation::additions(&change.new, change.old.as_ref(), fresh_id)),
        Hook::MutateOverride => read::<OverridePolicy>(request).map(|change| overrides::additions(&change.new)),
        Hook::ValidatePropagation(Scope::Namespaced) => validated::<PropagationPolicy>(request, propagation::check),
        Hook::ValidatePropagation(Scope::Cluster) => validated::<ClusterPropagationPolicy>(request, propagation::check),
        Hook::ValidateOverride(Scope::Namespaced) => validated::<OverridePolicy>(request, overrides::check),
        Hook::ValidateOverride(Scope::Cluster) => validated::<ClusterOverridePolicy>(request, overrides::check),
        Hook::ValidateDeletion => protection::check(request).map(|()| Vec::new()),
    };
    match outcome {
        Ok(additions) => patch::attach(response, additions),
        // Nothing to fill in where the shape is wrong; the schema refuses the
        // object right after us and says what is wrong with it.
        Err(_) if hook.mutates() => response,
        Err(refusal) => refusal.on(request, response),
    }
}

/// What a create or an update changes.
pub(super) struct Change<P> {
    /// The object as it would be stored.
    pub new: P,
    /// The object as it is stored. None on create.
    pub old: Option<P>,
}

fn is_deleting(request: &Request) -> bool {
    let deleting = |object: &Option<DynamicObject>| {
        object.as_ref().is_some_and(|object| object.metadata.deletion_timestamp.is_some())
    };
    match request.operation {
        Operation::Delete => deleting(&request.old_object),
        Operation::Create | Operation::Update | Operation::Connect => deleting(&request.object),
    }
}

fn read<P: Resource + DeserializeOwned>(request: &Request) -> Result<Change<P>, Refusal> {
    let Some(object) = &request.object else { return Err(Refusal::unreadable("the request carries no object")) };
    let mut object = object.clone();
    // A create may leave the namespace to the path of the request.
    if object.metadata.namespace.is_none() {
        object.metadata.namespace = request.namespace.clone().filter(|namespace| !namespace.is_empty());
    }
    let new = object.try_parse().map_err(|error| Refusal::unreadable(&error.to_string()))?;
    // An old object that cannot be read (from before a change of the API) has
    // nothing that could be kept.
    let old = request.old_object.as_ref().and_then(|old| old.clone().try_parse().ok());
    Ok(Change { new, old })
}

fn validated<P: Resource + DeserializeOwned>(
    request: &Request,
    check: impl FnOnce(&Change<P>) -> Result<(), Refusal>,
) -> Result<Vec<patch::Addition>, Refusal> {
    check(&read(request)?).map(|()| Vec::new())
}
