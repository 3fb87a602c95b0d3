//! The writes on a member's API: look, decide, write once.
//!
//! Enters: a client with its own connections, an order. Leaves: what is there
//! now. Deciding is `atoll_decide::first_write`; nothing here decides.

use std::time::Duration;

use atoll_decide::first_write::{self, FIELD_MANAGER, OnForeign, Owner, Step};
use atoll_decide::ids::ObjectKey;
use atoll_decide::interpret;
use atoll_decide::ownership::Drift;
use atoll_decide::render::{Manifest, marks};
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::Request;
use serde_json::{Value, json};

use super::failure::Failure;
use super::intent::KindInfo;
use crate::lease::WriteGuard;

/// A write to a member starts only while the leader's lease outlives this.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// How one object is reached on one member.
pub struct Address<'a> {
    /// The member's client.
    pub client: &'a Client,
    /// The kind.
    pub kind: &'a KindInfo,
    /// The object.
    pub key: &'a ObjectKey,
    /// This hub's identity: what bears another's is not ours to take away.
    pub hub: &'a str,
    /// A write starts only while the Lease outlives its deadline (promise I9).
    pub guard: &'a WriteGuard,
}

/// What an apply did.
pub struct Applied {
    /// The object as the member holds it now.
    pub live: Value,
    /// Whether something was written.
    pub wrote: bool,
    /// What had been changed there and was put back.
    pub drift: Vec<Drift>,
}

impl Address<'_> {
    /// Brings the object to what `manifest` says. `known_uid` saves the look
    /// when the member's watch has shown our copy already: the write then
    /// carries that uid, so that it can only meet the same object.
    pub async fn apply(
        &self,
        manifest: &Manifest,
        on_foreign: OnForeign,
        known_uid: Option<&str>,
    ) -> Result<Applied, Failure> {
        if let Some(uid) = known_uid {
            let mut object = manifest.object.clone();
            object["metadata"]["uid"] = uid.into();
            return self.patch(&object, true, Vec::new()).await;
        }
        let live = self.fetch().await?;
        match first_write::plan(&manifest.object, live.as_ref(), on_foreign) {
            Step::Create => self.create(manifest).await,
            Step::InSync => Ok(Applied { live: live.unwrap_or_default(), wrote: false, drift: Vec::new() }),
            Step::Update { drift } => self.patch(&manifest.object, true, drift).await,
            Step::TakeOver => self.patch(&manifest.object, true, Vec::new()).await,
            Step::Refuse { owner } => Err(Failure::Foreign(foreign_message(self.key, &owner))),
            Step::WaitDeletion => Err(Failure::Terminating(format!("{} is being deleted on the member", self.key))),
        }
    }

    /// Deletes our copy. `Ok(true)`: it is gone; `Ok(false)`: the member is
    /// still at it. A copy that is not `binding`'s counts as gone: it is not ours to delete.
    /// `admit` is asked when there is something to delete, and only then.
    pub async fn delete(&self, binding: &str, admit: impl FnOnce() -> Result<(), Failure>) -> Result<bool, Failure> {
        let Some(live) = self.fetch().await? else { return Ok(true) };
        if !self.is_ours(&live, binding) {
            return Ok(true);
        }
        if live.pointer("/metadata/deletionTimestamp").is_some() {
            return Ok(false);
        }
        admit()?;
        let preconditions = Preconditions {
            uid: live["metadata"]["uid"].as_str().map(str::to_owned),
            resource_version: live["metadata"]["resourceVersion"].as_str().map(str::to_owned),
        };
        // What must not run twice is gone only when its pods are.
        let must_end = interpret::must_not_run_twice(&self.key.gvk, &live).is_some();
        let parameters = DeleteParams {
            propagation_policy: Some(if must_end {
                PropagationPolicy::Foreground
            } else {
                PropagationPolicy::Background
            }),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let request = self.request().delete(self.name(), &parameters).map_err(|error| unbuildable(&error))?;
        match self.send(request).await {
            Ok(_) | Err(Failure::KindMissing) => Ok(self.fetch().await?.is_none()),
            Err(failure) => Err(failure),
        }
    }

    /// Takes our marks off and leaves the object.
    pub async fn release(&self, binding: &str) -> Result<(), Failure> {
        let Some(live) = self.fetch().await? else { return Ok(()) };
        if !self.is_ours(&live, binding) {
            return Ok(());
        }
        let patch = Patch::Merge(json!({"metadata": {
            "uid": live["metadata"]["uid"],
            "labels": unset(&live["metadata"]["labels"]),
            "annotations": unset(&live["metadata"]["annotations"]),
        }}));
        let parameters = PatchParams::apply(FIELD_MANAGER);
        let request = self.request().patch(self.name(), &parameters, &patch).map_err(|error| unbuildable(&error))?;
        self.send(request).await.map(|_| ())
    }

    /// The live object; None only when the member says that this object is
    /// not there. A missing kind is a failure, not an absence.
    pub async fn fetch(&self) -> Result<Option<Value>, Failure> {
        let parameters = kube::api::GetParams::default();
        let request = self.request().get(self.name(), &parameters).map_err(|error| unbuildable(&error))?;
        match tokio::time::timeout(DEADLINE, self.client.request::<Value>(request)).await {
            Ok(Ok(object)) => Ok(Some(object)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 && self.is_about_us(&status) => Ok(None),
            Ok(Err(error)) => Err(Failure::of(&error)),
            Err(_) => Err(Failure::Silent(format!("nothing within {DEADLINE:?}"))),
        }
    }

    /// It belongs to this binding, and no other hub has put its mark on it.
    fn is_ours(&self, live: &Value, binding: &str) -> bool {
        let hub = live["metadata"]["annotations"][marks::HUB_UID].as_str();
        first_write::owner(live) == Owner::Binding(binding.to_owned()) && hub.is_none_or(|hub| hub == self.hub)
    }

    async fn create(&self, manifest: &Manifest) -> Result<Applied, Failure> {
        let applied = self.patch(&manifest.object, false, Vec::new()).await?;
        if has_other_managers(&applied.live) {
            // Something appeared between our look and our write. Without force
            // nothing of it was overwritten; say so rather than keep it quietly.
            tracing::warn!(object = %self.key, "an object appeared while it was being created; both managers hold it");
        }
        Ok(applied)
    }

    async fn patch(&self, object: &Value, force: bool, drift: Vec<Drift>) -> Result<Applied, Failure> {
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), force, ..PatchParams::default() };
        let patch = Patch::Apply(object);
        let request = self.request().patch(self.name(), &parameters, &patch).map_err(|error| unbuildable(&error))?;
        let live = self.send(request).await?;
        Ok(Applied { live, wrote: true, drift })
    }

    /// Sends a write.
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<Value, Failure> {
        let Some(_permit) = self.guard.begin(DEADLINE) else {
            return Err(Failure::Busy("this replica's Lease may end before the write does".into()));
        };
        match tokio::time::timeout(DEADLINE, self.client.request::<Value>(request)).await {
            Ok(answer) => answer.map_err(|error| Failure::of(&error)),
            Err(_) => Err(Failure::Silent(format!("nothing within {DEADLINE:?}"))),
        }
    }

    fn request(&self) -> Request {
        use kube::Resource;
        use kube::core::DynamicObject;
        let namespace = self.key.namespace.as_ref().map(atoll_decide::ids::Namespace::as_str);
        Request::new(DynamicObject::url_path(&self.kind.resource, namespace))
    }

    /// A 404 about this object names it. One about an unknown path names
    /// nothing, and one about a missing namespace names that.
    fn is_about_us(&self, status: &kube::core::Status) -> bool {
        let about = |details: &kube::core::response::StatusDetails| {
            details.name == *self.key.name && details.kind == self.kind.resource.plural
        };
        status.details.as_ref().is_some_and(about)
    }

    fn name(&self) -> &str {
        &self.key.name
    }
}

fn has_other_managers(live: &Value) -> bool {
    live["metadata"]["managedFields"].as_array().is_some_and(|entries| {
        entries.iter().any(|entry| entry["manager"] != FIELD_MANAGER && entry["subresource"].is_null())
    })
}

fn foreign_message(key: &ObjectKey, owner: &Owner) -> String {
    match owner {
        Owner::Nobody => format!(
            "{key} exists on the member and is not managed by Atoll; remove it, or set conflictResolution: Overwrite"
        ),
        Owner::Binding(binding) => format!("{key} exists on the member and belongs to the binding {binding}"),
    }
}

/// A merge patch that removes every mark of ours from a map of labels or annotations.
fn unset(map: &Value) -> Value {
    let keys = map.as_object().into_iter().flatten().map(|(key, _)| key);
    Value::Object(keys.filter(|key| marks::is_of_the_federation(key)).map(|key| (key.clone(), Value::Null)).collect())
}

fn unbuildable(error: &kube::core::request::Error) -> Failure {
    Failure::Rejected(format!("the request cannot be built: {error}"))
}
