//! The pods of one node.
//!
//! In: the watch of pods bound to the node. Out: a [`Worker`] for each, told of every change and ended when the object
//! is gone. It must not know what workers do.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::addresses::PodUid;
use super::life;
use super::pauses::Pauses;
use super::worker::{Shared, Worker};

/// An API server that comes back is noticed soon.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Watches the pods of `node` and lets each live, until `cancel`. Fails when a worker does, which is a fault of ours.
pub async fn drive(client: Client, node: &str, shared: Arc<Shared>, cancel: CancellationToken) -> Result<()> {
    let selection = watcher::Config::default().fields(&format!("spec.nodeName={node}")).streaming_lists();
    let mut events =
        pin!(watcher(Api::<Pod>::all(client), selection).modify(strip).backoff(Pauses::new(FIRST_PAUSE, LAST_PAUSE)));
    // Dropping the table on the way out of an error aborts the workers; `stop` lets them give everything back.
    let mut pods = PodTable::new(shared, cancel.child_token());
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(ended) = pods.workers.join_next() => ended.context("the worker of a pod failed")?,
            event = events.next() => match event {
                Some(Ok(event)) => pods.observe(event),
                Some(Err(error)) => tracing::warn!(node, %error, "watching pods, trying again"),
                None => bail!("the watch of the pods of {node} ended, which it never does"),
            },
        }
    }
    pods.stop().await
}

/// Who wrote what is of no interest here, and most of a pod's size.
fn strip(pod: &mut Pod) {
    pod.managed_fields_mut().clear();
}

struct PodTable {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    changes: HashMap<PodUid, watch::Sender<Arc<Pod>>>,
    workers: JoinSet<()>,
    /// What a list under way has shown so far. Its pods start together when it is complete: until then it is not
    /// known which addresses are taken.
    listed: Vec<Pod>,
}

impl PodTable {
    fn new(shared: Arc<Shared>, cancel: CancellationToken) -> Self {
        Self { shared, cancel, changes: HashMap::new(), workers: JoinSet::new(), listed: Vec::new() }
    }

    fn observe(&mut self, event: Event<Pod>) {
        match event {
            Event::Apply(pod) => self.observe_pod(pod),
            Event::Delete(pod) => self.forget(&uid_of(&pod)),
            Event::Init => self.listed.clear(),
            Event::InitApply(pod) => self.listed.push(pod),
            Event::InitDone => self.observe_all(),
        }
    }

    fn observe_pod(&mut self, pod: Pod) {
        let (uid, pod) = (uid_of(&pod), Arc::new(pod));
        if let Some(changes) = self.changes.get(&uid) {
            changes.send_replace(pod);
            return;
        }
        let (sender, changes) = watch::channel(pod.clone());
        let worker = Worker::new(self.shared.clone(), uid.clone(), pod);
        self.workers.spawn(worker.run(changes, self.cancel.clone()));
        self.changes.insert(uid, sender);
    }

    /// Without its sender a worker ends.
    fn forget(&mut self, uid: &PodUid) {
        self.changes.remove(uid);
    }

    /// A complete list: what is not in it is gone. Addresses that pods have come before those that pods want.
    fn observe_all(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let there: HashSet<_> = listed.iter().map(uid_of).collect();
        self.changes.retain(|uid, _changes| there.contains(uid));
        for pod in &listed {
            self.reserve_address(pod);
        }
        for pod in listed {
            self.observe_pod(pod);
        }
    }

    fn reserve_address(&self, pod: &Pod) {
        let recorded = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()?.parse().ok());
        if let Some(address) = recorded.filter(|_| !life::has_ended(pod)) {
            self.shared.addresses().reserve(&uid_of(pod), address);
        }
    }

    async fn stop(mut self) -> Result<()> {
        self.cancel.cancel();
        while let Some(ended) = self.workers.join_next().await {
            ended.context("the worker of a pod failed")?;
        }
        Ok(())
    }
}

fn uid_of(pod: &Pod) -> PodUid {
    PodUid(pod.uid().unwrap_or_default())
}
