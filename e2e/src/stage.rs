//! A fleet with the operator on it: what tests, demo and benches act upon.
//!
//! In: how many members, and how the operator is started. Out: members that have joined and are Ready, clients,
//! and ways to say what shall be and to wait for it. Everything is done as a user would do it: the programs are
//! processes, joining is `kubectl atoll join`, the hub is told by manifests. It must not know the operator from inside.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let stage = atoll_e2e::stage::Stage::builder().fleet(|fleet| fleet.members(["m1", "m2", "m3"])).start().await?;
//! stage.apply_file(std::path::Path::new("e2e/demo/app.yaml")).await?;
//! stage.fleet().faults().isolate("m2").await?;
//! stage.shutdown().await
//! # }
//! ```

mod builder;
pub mod http;
pub mod keeper;
mod manifests;
mod operator;
mod programs;
pub mod timeline;
pub mod wait;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_crds::Cluster;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::process::Command;

pub use builder::StageBuilder;
pub use operator::Operator;
pub use programs::Programs;
pub use timeline::{Moment, Timeline};
pub use wait::Objects;

use crate::fleet::{Fleet, FleetDescription, Layout};

/// Joining and the first look at a member take 2 s; this is for a machine that runs a whole test suite beside it.
const JOIN_DEADLINE: Duration = Duration::from_mins(1);

/// A running fleet with an operator on its hub.
///
/// Dropping it ends the operators first, then the clusters.
pub struct Stage {
    operator: Operator,
    programs: Programs,
    hub: Client,
    fleet_up: Duration,
    fleet: Fleet,
}

impl Stage {
    /// Three members with faults, all joined, unless told otherwise.
    pub fn builder() -> StageBuilder {
        StageBuilder::default()
    }

    /// The clusters, their faults and their processes.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The operator the stage was started with.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The programs under test.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// How long hub and members took to start.
    pub fn fleet_up(&self) -> Duration {
        self.fleet_up
    }

    /// A client of the hub's administrator.
    pub fn hub(&self) -> Client {
        self.hub.clone()
    }

    /// A client of the administrator of the member `name`.
    pub async fn member(&self, name: &str) -> Result<Client> {
        self.fleet.member_client(name).await
    }

    /// The same past every fault, to see what a cut-off member does.
    pub async fn observer(&self, name: &str) -> Result<Client> {
        self.fleet.observer_client(name).await
    }

    /// Starts one more operator on the same hub, with its own log; the stage's settings are not repeated for it.
    /// Returns when it is ready, be it as leader or as standby.
    pub async fn start_operator(&self, name: &str, arguments: &[&str]) -> Result<Operator> {
        let operator = Operator::new(name, &self.fleet, &self.programs, arguments)?;
        operator.start().await?;
        Ok(operator)
    }

    /// Lets the member `name` join, as a user does: `kubectl atoll join`.
    pub async fn join(&self, name: &str) -> Result<()> {
        let member = self.fleet.member_kubeconfig(name)?.to_owned();
        self.cli(&["join", name, "--cluster-kubeconfig", &member.to_string_lossy()]).await.map(drop)
    }

    /// Runs `kubectl atoll` against the hub and returns what it said on standard output.
    ///
    /// # Errors
    /// With what it said on standard error, when it failed.
    pub async fn cli(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.programs.cli)
            .args(arguments)
            .arg("--kubeconfig")
            .arg(self.fleet.hub_kubeconfig())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("running {}", self.programs.cli.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`kubectl atoll {}` failed: {}", arguments.join(" "), said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until these members' Clusters are `Ready=True`.
    pub async fn wait_until_ready(&self, members: &[String]) -> Result<()> {
        let clusters: Api<Cluster> = Api::all(self.hub());
        let ready = |seen: &Objects<Cluster>| {
            let missing: Vec<String> = members.iter().filter_map(|name| not_ready(name, seen.get(name))).collect();
            if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
        };
        self.watch("all members are Ready", JOIN_DEADLINE, clusters, ready).await
    }

    /// Applies the manifests of a file to the hub, as `kubectl apply --server-side` does.
    pub async fn apply_file(&self, path: &Path) -> Result<Vec<DynamicObject>> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        self.apply_yaml(&text).await.with_context(|| format!("applying {}", path.display()))
    }

    /// Applies manifests of any kind to the hub, in their order.
    pub async fn apply_yaml(&self, text: &str) -> Result<Vec<DynamicObject>> {
        manifests::apply(&self.hub, text).await
    }

    /// Waits until `probe` succeeds, asking again and again. What nobody can watch is waited for like this; objects
    /// are waited for with [`Stage::watch`].
    ///
    /// # Errors
    /// After `deadline`, with what `probe` saw last and the end of the operator's log.
    pub async fn wait_for<T, F>(&self, what: &str, deadline: Duration, probe: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, String>>,
    {
        wait::until(what, deadline, probe).await.map_err(|error| self.explain(error))
    }

    /// Watches the objects of `api` until `judge` finds what it looks for: it is called with all of them after every change,
    /// and says what it saw instead.
    ///
    /// # Errors
    /// After `deadline`, with what was seen last and the end of the operator's log.
    pub async fn watch<K, T>(
        &self,
        what: &str,
        deadline: Duration,
        api: Api<K>,
        judge: impl FnMut(&Objects<K>) -> Result<T, String>,
    ) -> Result<T>
    where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let watched = wait::watch(what, deadline, (api, watcher::Config::default()), judge).await;
        watched.map_err(|error| self.explain(error))
    }

    /// [`Stage::watch`] for the one object called `name`.
    pub async fn watch_one<K, T>(
        &self,
        what: &str,
        deadline: Duration,
        (api, name): (Api<K>, &str),
        mut judge: impl FnMut(Option<&K>) -> Result<T, String>,
    ) -> Result<T>
    where
        K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let one = |seen: &Objects<K>| judge(seen.values().next());
        wait::watch(what, deadline, (api, config), one).await.map_err(|error| self.explain(error))
    }

    /// Adds what the operator said last.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let log = self.operator.log().display();
        error.context(format!("the end of the operator's log {log}:\n{}", self.operator.log_tail()))
    }

    /// Copies the logs of operators and clusters to a folder that outlives the stage, and returns it.
    pub fn save_logs(&self) -> Result<PathBuf> {
        let saved = tempfile::Builder::new().prefix("atoll-logs-").tempdir().context("making a folder for logs")?;
        let logs = Layout::new(self.fleet.dir())?.logs();
        let context = || format!("copying the logs in {}", logs.display());
        for entry in fs::read_dir(&logs).with_context(context)? {
            let entry = entry.with_context(context)?;
            fs::copy(entry.path(), saved.path().join(entry.file_name())).with_context(context)?;
        }
        Ok(saved.keep())
    }

    /// Ends everything in order; returns when nothing of it is left.
    pub async fn shutdown(self) -> Result<()> {
        self.operator.stop().await?;
        self.fleet.shutdown().await
    }

    /// Lets clusters and operator go on without this process, until `fleet down`.
    pub fn detach(self) -> Result<FleetDescription> {
        self.operator.detach();
        self.fleet.detach()
    }
}

/// Why the member's Cluster is not what it should be; `None` when it is.
fn not_ready(name: &str, cluster: Option<&Cluster>) -> Option<String> {
    let Some(cluster) = cluster else { return Some(format!("{name} has no Cluster")) };
    let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
    match conditions.into_iter().find(|condition| condition.type_ == "Ready") {
        None => Some(format!("{} has no condition Ready", cluster.name_any())),
        Some(ready) if ready.status == "True" => None,
        Some(ready) => Some(format!("{name} is Ready={} ({}: {})", ready.status, ready.reason, ready.message)),
    }
}
