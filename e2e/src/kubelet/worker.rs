//! One pod, from the moment it is bound to this node until its object is gone.
//!
//! In: the pod, each time it changes. Out: its status, its server, in the end its removal. What to do is decided by
//! [`life`], what to say by [`pod_status`]; the worker does it, one step at a time, whatever other pods do.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::utils::Backoff;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::addresses::{AddressPool, PodUid};
use super::life::{self, Step};
use super::pauses::Pauses;
use super::pod_api::PodApi;
use super::pod_status::{self, Obstacle, Place, Readiness, Stage};
use super::serve::{self, Server};

/// How often a pod that serves is asked whether it does.
const PROBE_PERIOD: Duration = Duration::from_secs(1);
/// How soon a pod without an address asks again.
const ADDRESS_RETRY: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(4);

/// What all workers share.
pub struct Shared {
    pub cluster: String,
    pub node_address: Ipv4Addr,
    pub api: PodApi,
    pub addresses: Mutex<AddressPool>,
}

impl Shared {
    /// The pool, for a moment: never held while waiting.
    pub fn addresses(&self) -> MutexGuard<'_, AddressPool> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to look again though nothing changed.
type Wake = Option<Duration>;

/// The life of one pod.
pub struct Worker {
    shared: Arc<Shared>,
    uid: PodUid,
    /// The pod as last seen or written, whichever is later.
    pod: Arc<Pod>,
    server: Option<Server>,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, uid: PodUid, pod: Arc<Pod>) -> Self {
        Self { shared, uid, pod, server: None }
    }

    /// Lives until the object is gone (the sender of `updates` is dropped) or `cancel`; gives everything back.
    pub async fn run(mut self, mut updates: watch::Receiver<Arc<Pod>>, cancel: CancellationToken) {
        let mut retries = Pauses::new(FIRST_RETRY, LAST_RETRY);
        loop {
            let Some(advanced) = cancel.run_until_cancelled(self.advance()).await else { break };
            let wake = match advanced {
                Ok(wake) => {
                    retries.reset();
                    wake
                }
                Err(error) => {
                    self.warn(&error);
                    retries.next()
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                changed = updates.changed() => match changed {
                    Ok(()) => self.observe(updates.borrow_and_update().clone()),
                    Err(_gone) => break,
                },
                () = sleep(wake.unwrap_or_default()), if wake.is_some() => {}
            }
        }
        self.stop_serving().await;
        self.shared.addresses().release(&self.uid);
    }

    /// A watch may be behind what the worker itself wrote; acting on that would write it again.
    fn observe(&mut self, pod: Arc<Pod>) {
        if life::is_newer(&pod, &self.pod) {
            self.pod = pod;
        }
    }

    /// Takes the next step.
    async fn advance(&mut self) -> Result<Wake> {
        match life::decide(&self.pod, Timestamp::now()) {
            Step::Rest => {
                self.end().await;
                Ok(None)
            }
            Step::Hold => self.report(None, Stage::Held(Obstacle::MissingImage)).await.map(|()| None),
            Step::Run { finish_in } => self.run_containers(finish_in).await,
            Step::End(ending) => {
                self.stop_serving().await;
                let address = self.recorded_address();
                self.report(address, Stage::Ended(ending)).await?;
                // Whatever comes after the end (rest, removal) is a step of its own.
                Ok(Some(Duration::ZERO))
            }
            Step::Remove => {
                self.stop_serving().await;
                self.shared.api.remove(&self.pod).await?;
                self.end().await;
                Ok(None)
            }
        }
    }

    async fn run_containers(&mut self, finish_in: Wake) -> Result<Wake> {
        let Some(address) = self.claim_address() else {
            self.report(None, Stage::Held(Obstacle::NoAddress)).await?;
            return Ok(Some(ADDRESS_RETRY));
        };
        let (readiness, probe_in) = match self.check_serving(address).await {
            Ok(probe_in) => (Readiness::Ready, probe_in),
            Err(error) => (Readiness::NotReady(error.to_string()), Some(PROBE_PERIOD)),
        };
        self.report(Some(address), Stage::Running(readiness)).await?;
        Ok([finish_in, probe_in].into_iter().flatten().min())
    }

    /// A pod on its host's network has its host's address.
    fn claim_address(&self) -> Option<Ipv4Addr> {
        let is_on_host = self.pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
        if is_on_host { Some(self.shared.node_address) } else { self.shared.addresses().claim(&self.uid) }
    }

    fn recorded_address(&self) -> Option<Ipv4Addr> {
        self.pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
    }

    /// Makes the pod serve what its annotation says now, and asks it. Says when to ask again.
    async fn check_serving(&mut self, address: Ipv4Addr) -> Result<Wake, serve::Error> {
        let offer = serve::validate(&self.pod);
        let wanted = offer.as_ref().ok().copied().flatten();
        if self.server.as_ref().map(Server::offer) != wanted {
            self.stop_serving().await;
        }
        let Some(offer) = offer? else { return Ok(None) };
        if self.server.is_none() {
            let identity = serve::Identity::new(&self.shared.cluster, &self.pod);
            self.server = Some(Server::start(offer, address, identity).await?);
        }
        if let Some(server) = &self.server {
            server.probe().await?;
        }
        Ok(Some(PROBE_PERIOD))
    }

    /// Says how far the pod has come, unless its status says so already.
    async fn report(&mut self, address: Option<Ipv4Addr>, stage: Stage) -> Result<()> {
        let place = Place { node: self.shared.node_address, pod: address };
        let status = pod_status::build(&self.pod, place, &stage, Timestamp::now());
        if pod_status::is_reported(&self.pod, &status) {
            return Ok(());
        }
        // A pod that is gone is ended by the watch.
        if let Some(written) = self.shared.api.apply_status(&self.pod, &status).await? {
            self.observe(Arc::new(written));
        }
        Ok(())
    }

    async fn end(&mut self) {
        self.stop_serving().await;
        self.shared.addresses().release(&self.uid);
    }

    async fn stop_serving(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    fn warn(&self, error: &anyhow::Error) {
        let (namespace, pod) = (self.pod.namespace().unwrap_or_default(), self.pod.name_any());
        tracing::warn!(namespace, pod, error = format!("{error:#}"), "pod not advanced, trying again");
    }
}
