//! The Lease object, and where it is kept.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// What a candidate wants the Lease to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// None: nobody holds it.
    pub holder: Option<Arc<str>>,
    /// How long it lasts, in whole seconds.
    pub duration: Duration,
    /// Changes of holder so far.
    pub transitions: i32,
    /// Whether this write changes the holder.
    pub acquires: bool,
}

/// The Lease as the API server has it. Its times are left out: they are some
/// other machine's wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// resourceVersion.
    pub version: Arc<str>,
    /// None: nobody holds it.
    pub holder: Option<Arc<str>>,
    /// How long it lasts after a renewal.
    pub duration: Duration,
    /// Changes of holder so far.
    pub transitions: i32,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else wrote the Lease since it was read; nothing was changed.
    #[error("the Lease was changed by somebody else")]
    Conflict,
    /// No usable answer. A write may or may not have happened.
    #[error("{0}")]
    Unavailable(String),
}

/// Where the Lease is kept.
pub trait Store: Send + Sync {
    /// Reads it. None: it surely does not exist.
    fn fetch(&self) -> impl Future<Output = Result<Option<Lease>, Error>> + Send;
    /// Makes it; a conflict when it exists.
    fn create(&self, spec: &Spec) -> impl Future<Output = Result<Lease, Error>> + Send;
    /// Writes it if it still has this version; else a conflict.
    fn replace(&self, version: &str, spec: &Spec) -> impl Future<Output = Result<Lease, Error>> + Send;
}

/// A `coordination.k8s.io/v1` Lease on an API server.
pub struct KubeStore {
    api: Api<api::Lease>,
    name: String,
}

impl KubeStore {
    /// The Lease `name` in the namespace of `api`.
    pub fn new(api: Api<api::Lease>, name: impl Into<String>) -> Self {
        Self { api, name: name.into() }
    }

    fn unavailable(&self, action: &str, error: &kube::Error) -> Error {
        Error::Unavailable(format!("{action} Lease {} on the hub: {error}", self.name))
    }
}

impl Store for KubeStore {
    async fn fetch(&self) -> Result<Option<Lease>, Error> {
        match self.api.get_opt(&self.name).await {
            Ok(lease) => Ok(lease.map(parse)),
            Err(error) => Err(self.unavailable("read", &error)),
        }
    }

    async fn create(&self, spec: &Spec) -> Result<Lease, Error> {
        let mut lease = api::Lease { spec: Some(build_spec(spec, Timestamp::now())), ..api::Lease::default() };
        lease.metadata.name = Some(self.name.clone());
        match self.api.create(&PostParams::default(), &lease).await {
            Ok(lease) => Ok(parse(lease)),
            Err(kube::Error::Api(status)) if status.code == 409 => Err(Error::Conflict),
            Err(error) => Err(self.unavailable("create", &error)),
        }
    }

    async fn replace(&self, version: &str, spec: &Spec) -> Result<Lease, Error> {
        let patch = build_patch(version, spec, Timestamp::now());
        match self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(lease) => Ok(parse(lease)),
            // 404: deleted since it was read. To read it again is right for both.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Err(Error::Conflict),
            Err(error) => Err(self.unavailable("write", &error)),
        }
    }
}

fn parse(lease: api::Lease) -> Lease {
    let spec = lease.spec.unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
    Lease {
        version: lease.metadata.resource_version.unwrap_or_default().into(),
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()).map(Arc::from),
        duration: Duration::from_secs(seconds),
        transitions: spec.lease_transitions.unwrap_or(0),
    }
}

fn build_spec(spec: &Spec, now: Timestamp) -> api::LeaseSpec {
    api::LeaseSpec {
        holder_identity: spec.holder.as_deref().map(str::to_owned),
        lease_duration_seconds: Some(i32::try_from(spec.duration.as_secs()).unwrap_or(i32::MAX).max(1)),
        lease_transitions: Some(spec.transitions),
        acquire_time: spec.acquires.then_some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        ..api::LeaseSpec::default()
    }
}

/// A merge patch, so that labels and annotations others put there stay; the
/// version in it makes the server refuse it when anything changed meanwhile.
fn build_patch(version: &str, spec: &Spec, now: Timestamp) -> Value {
    let mut fields = json!(build_spec(spec, now));
    if spec.holder.is_none() {
        // Newer API servers refuse an empty holder; absent means the same.
        fields["holderIdentity"] = Value::Null;
    }
    json!({ "metadata": { "resourceVersion": version }, "spec": fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(holder: Option<&str>) -> Spec {
        Spec { holder: holder.map(Arc::from), duration: Duration::from_secs(4), transitions: 3, acquires: false }
    }

    #[test]
    fn a_renewal_keeps_the_acquire_time_and_names_the_version_it_was_read_at() {
        let patch = build_patch("17", &spec(Some("me")), Timestamp::UNIX_EPOCH);
        assert_eq!(
            patch,
            json!({
                "metadata": { "resourceVersion": "17" },
                "spec": {
                    "holderIdentity": "me",
                    "leaseDurationSeconds": 4,
                    "leaseTransitions": 3,
                    "renewTime": "1970-01-01T00:00:00.000000Z",
                }
            })
        );
    }

    #[test]
    fn a_release_removes_the_holder() {
        let patch = build_patch("17", &spec(None), Timestamp::UNIX_EPOCH);
        assert_eq!(patch["spec"].get("holderIdentity"), Some(&Value::Null));
    }

    #[test]
    fn an_empty_holder_is_nobody() {
        let lease: api::Lease =
            serde_json::from_value(json!({ "metadata": {}, "spec": { "holderIdentity": "" } })).unwrap();
        assert_eq!(parse(lease).holder, None);
    }
}
