//! Writes of a kubelet about its pods.
//!
//! In: a pod and what shall be said of it. Out: the pod as the API server has it then. Only so many writes are under
//! way at a time; it must not decide what to write.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::node::FIELD_MANAGER;
use super::pod_status::build_patch;

/// More than keeps one API server of a fleet busy, few enough for its other clients to be heard.
const WRITES: usize = 16;
/// A write that takes longer has lost its API server.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// The kubelet's way to write.
pub struct PodApi {
    client: Client,
    writes: Semaphore,
}

impl PodApi {
    pub fn new(client: Client) -> Self {
        Self { client, writes: Semaphore::new(WRITES) }
    }

    /// Says `status` of `pod`. `None`: the pod is gone.
    pub async fn apply_status(&self, pod: &Pod, status: &PodStatus) -> Result<Option<Pod>> {
        let patch = Patch::Strategic(build_patch(pod, status).context("rendering a pod's status")?);
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (pods, name) = self.find(pod);
        let written = self.write(pods.patch_status(&name, &parameters, &patch)).await;
        written.with_context(|| format!("writing the status of the pod {name}"))
    }

    /// Drops the object of `pod`, which nobody runs any more, and of no later pod of its name.
    pub async fn remove(&self, pod: &Pod) -> Result<()> {
        let uid = Preconditions { uid: pod.uid(), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(uid), ..DeleteParams::default().grace_period(0) };
        let (pods, name) = self.find(pod);
        let removed = self.write(pods.delete(&name, &parameters)).await;
        removed.map(drop).with_context(|| format!("removing the pod {name}"))
    }

    fn find(&self, pod: &Pod) -> (Api<Pod>, String) {
        (Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default()), pod.name_any())
    }

    /// `None` when the object is not there. A conflict stays an error: it says that another pod has the name by now,
    /// which the watch will tell, or that others wrote at the same time, and then the write has to be made again.
    async fn write<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<Option<T>> {
        let _permit = self.writes.acquire().await.context("the kubelet no longer writes")?;
        match timeout(WRITE_TIMEOUT, call).await.with_context(|| format!("no answer in {WRITE_TIMEOUT:?}"))? {
            Ok(written) => Ok(Some(written)),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
