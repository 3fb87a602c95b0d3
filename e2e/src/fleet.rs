//! A hub and its members on one machine, made of real control planes.
//!
//! In: how many members, and whether the network between them can be spoiled. Out: kubeconfigs and
//! clients of clusters that are ready. The clusters live exactly as long as the [`Fleet`] value: drop, panic, Ctrl-C
//! and SIGKILL of its process all end them and leave nothing behind.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let fleet = atoll_e2e::fleet::Fleet::builder().members(["m1", "m2"]).start().await?;
//! let version = fleet.member_client("m1").await?.apiserver_version().await?;
//! # Ok(()) }
//! ```

mod builder;
mod cluster;
mod component;
mod control;
pub mod control_plane;
mod faults;
pub mod guard;
mod kubeconfig;
mod layout;
mod observer;
mod pki;
mod place;
mod programs;
mod progress;
mod running;
mod spec;
mod supervisor;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::Client;
use tempfile::TempDir;

pub use builder::{FleetBuilder, GUARD_COMMAND};
pub use component::{ComponentKind, ComponentState};
pub use control::{Answer, ComponentAction, NetworkAction, Request, Status, Way, request};
pub use faults::{FleetFaults, ways};
pub use layout::Layout;
pub use programs::KUBELET_COMMAND;
pub use progress::{Progress, Step};
pub use spec::{
    ClusterDescription, FleetDescription, FleetSpec, HUB, MemberDescription, numbered_names, validate_names,
};

/// How long a dropped fleet may take to end before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// A running fleet, owned by this process.
pub struct Fleet {
    layout: Layout,
    description: FleetDescription,
    supervisor: Supervisor,
    /// The fleet's folder when nobody named one; removed after the supervisor has ended.
    folder: Option<TempDir>,
}

impl Fleet {
    /// A fleet of one member, with faults, in a folder of its own, unless told otherwise.
    pub fn builder() -> FleetBuilder {
        FleetBuilder::default()
    }

    /// A client of the hub's administrator.
    pub async fn hub_client(&self) -> Result<Client> {
        cluster::client_of(&self.description.hub.kubeconfig).await
    }

    /// A client of the administrator of the member `name`.
    pub async fn member_client(&self, name: &str) -> Result<Client> {
        cluster::client_of(&self.description.cluster(name)?.kubeconfig).await
    }

    /// A client of the administrator of the member `name` that reaches it whatever is cut, to see what a
    /// cut-off cluster does. Never for what is under test.
    pub async fn observer_client(&self, name: &str) -> Result<Client> {
        cluster::client_of(&self.description.member(name)?.observer_kubeconfig).await
    }

    /// What spoils the network, and mends it.
    pub fn faults(&self) -> FleetFaults<'_> {
        FleetFaults::new(self)
    }

    /// Kubeconfig of the hub.
    pub fn hub_kubeconfig(&self) -> &Path {
        &self.description.hub.kubeconfig
    }

    /// Kubeconfig of the member `name`.
    pub fn member_kubeconfig(&self, name: &str) -> Result<&Path> {
        Ok(&self.description.cluster(name)?.kubeconfig)
    }

    /// What runs, with all addresses.
    pub fn description(&self) -> &FleetDescription {
        &self.description
    }

    /// The fleet's folder.
    pub fn dir(&self) -> &Path {
        self.layout.root()
    }

    /// The kubectl that belongs to the fleet.
    pub fn kubectl(&self) -> PathBuf {
        self.layout.kubectl()
    }

    /// State of every process.
    pub async fn status(&self) -> Result<Status> {
        match self.request(&Request::Status).await? {
            Answer::Status { clusters } => Ok(clusters),
            other => anyhow::bail!("the fleet answered a question for its status with {other:?}"),
        }
    }

    /// Stops a process of `cluster` without ending it: a black hole.
    pub async fn freeze(&self, cluster: &str, component: ComponentKind) -> Result<()> {
        self.change(cluster, component, ComponentAction::Freeze).await
    }

    /// Ends a freeze.
    pub async fn thaw(&self, cluster: &str, component: ComponentKind) -> Result<()> {
        self.change(cluster, component, ComponentAction::Thaw).await
    }

    /// Kills a process of `cluster`: its connections are refused.
    pub async fn kill(&self, cluster: &str, component: ComponentKind) -> Result<()> {
        self.change(cluster, component, ComponentAction::Kill).await
    }

    /// Starts a process of `cluster` anew; returns when an API server is ready again.
    pub async fn restart(&self, cluster: &str, component: ComponentKind) -> Result<()> {
        self.change(cluster, component, ComponentAction::Restart).await
    }

    /// Ends the fleet and returns when nothing of it is left.
    pub async fn shutdown(self) -> Result<()> {
        tokio::task::spawn_blocking(move || drop(self)).await.context("ending the fleet")
    }

    /// Lets the fleet go on without this process, until `fleet down`.
    pub fn detach(self) -> Result<FleetDescription> {
        let Self { description, mut supervisor, folder, .. } = self;
        let pipe =
            supervisor.pipe.as_mut().context("the owner's end of the pipe is open until the fleet is dropped")?;
        pipe.write_all(b"d").context("telling the supervisor to go on alone")?;
        supervisor.detached = true;
        // From now on the folder is the supervisor's to remove.
        let _kept = folder.map(TempDir::keep);
        Ok(description)
    }

    async fn change(&self, cluster: &str, component: ComponentKind, action: ComponentAction) -> Result<()> {
        let request = Request::Component { cluster: cluster.to_owned(), component, action };
        self.request(&request).await.map(drop)
    }

    async fn request(&self, question: &Request) -> Result<Answer> {
        request(&self.layout, question).await
    }
}

/// The guard process and the pipe whose closing ends it.
struct Supervisor {
    child: Child,
    pipe: Option<ChildStdin>,
    detached: bool,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if self.detached {
            return;
        }
        let deadline = Instant::now() + END_DEADLINE;
        while Instant::now() < deadline {
            // An error means that nobody is left to wait for.
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
