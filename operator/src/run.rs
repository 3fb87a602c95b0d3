//! `atoll run`: connect, elect, watch, work, and stop in order; again when the
//! hub was put back to a backup.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use atoll_decide::ids::Gvk;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::ListParams;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tower::timeout::TimeoutLayer;

use crate::app::{App, Outside};
use crate::args::Run;
use crate::events;
use crate::failover::{Watchkeeper, moves};
use crate::hub::{policy_identity, template_watch, watches};
use crate::install;
use crate::lease::{KubeStore, LeaderElector, Timing, WentBack, unique_identity};
use crate::members::registry;
use crate::pipeline::{self, policy_status, status};
use crate::serve;
use crate::tasks::{TaskKind, Tasks};
use crate::telemetry::{self, Readiness, Telemetry};

/// How long the parts get to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// The head of an answer comes within this, that of a watch as well, whatever
/// the connection went through. Longer than a busy hub takes for any list.
const HUB_ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// A hub that was put back and does not answer yet is asked again after this.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);
/// Bindings whose statuses are written side by side.
const STATUS_WORKERS: usize = 12;

/// Why one life of the operator has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Somebody asked for it.
    Asked,
    /// A task that the process needs has ended by itself.
    Broken,
    /// The hub was put back to a backup: all that this life knew of it is void.
    HubWentBack(WentBack),
}

/// Runs until a signal, or until a task that the process needs has ended. A hub
/// that went back begins a new life, which knows nothing and compares the hub
/// with what every member remembers of it before anything is written there.
pub async fn run(mut settings: Run, telemetry: Telemetry) -> Result<()> {
    // What sends traces outlives what they are about.
    let tracing = Tasks::root(telemetry.panics.clone());
    if let Some(export) = telemetry.export.clone() {
        let cancel = tracing.cancelled();
        tracing.spawn_to_its_end(TaskKind::TraceExport, move || Arc::clone(&export).run(cancel.clone()));
    }
    let ended = lives(&mut settings, &telemetry).await;
    tracing.stop(STOP_WITHIN).await;
    ended
}

async fn lives(settings: &mut Run, telemetry: &Telemetry) -> Result<()> {
    let mut asked = Asked::listen()?;
    let mut went_back = false;
    loop {
        match live(settings, telemetry, &mut asked).await {
            Ok(End::Asked) => return Ok(()),
            Ok(End::Broken) => bail!("a task that the process needs has ended; the log says which"),
            Ok(End::HubWentBack(WentBack { from, to })) => {
                tracing::warn!(from, to, "the hub was put back to an older state; starting anew");
                went_back = true;
            }
            // A hub that was just put back may stumble once more.
            Err(error) if went_back => {
                tracing::warn!(error = format!("{error:#}"), "starting anew failed; trying again");
                tokio::select! {
                    () = tokio::time::sleep(BEGIN_AGAIN) => {}
                    () = asked.wait() => return Ok(()),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn live(settings: &mut Run, telemetry: &Telemetry, asked: &mut Asked) -> Result<End> {
    // A hub that hangs must not keep anybody from ending this.
    let life = tokio::select! {
        begun = begin(settings, telemetry) => begun?,
        () = asked.wait() => return Ok(End::Asked),
    };
    life.last(asked).await
}

/// What runs between two looks at what the hub is.
struct Life {
    app: Arc<App>,
    tasks: Tasks,
    /// Elected apart from the rest: the Lease is handed over last.
    election: Tasks,
    went_back: oneshot::Receiver<WentBack>,
}

impl Life {
    /// Waits for its end, and stops everything in order.
    async fn last(mut self, asked: &mut Asked) -> Result<End> {
        let ended = self.tasks.cancelled();
        let end = tokio::select! {
            () = asked.wait() => End::Asked,
            () = ended.cancelled() => self.went_back.try_recv().map_or(End::Broken, End::HubWentBack),
        };
        tracing::info!("stopping");
        // Orders that have begun come to their end while the Lease is held.
        let members = self.app.members.all();
        futures::future::join_all(members.iter().map(|member| member.stop())).await;
        self.tasks.stop(STOP_WITHIN).await;
        self.election.stop(STOP_WITHIN).await;
        Ok(end)
    }
}

async fn begin(settings: &mut Run, telemetry: &Telemetry) -> Result<Life> {
    let hub = connect(settings.kubeconfig.as_deref(), settings.context.as_deref()).await?;
    let hub_uid = fetch_hub_uid(&hub).await?;
    if settings.install_crds {
        let installed = install::install_crds(&hub).await.context("installing the CRDs on the hub")?;
        tracing::info!(written = ?installed.written, left_to_others = ?installed.left, "CRDs are installed");
        for error in &installed.failed {
            tracing::warn!(error, "a CRD of a kind that nothing reads yet is not in place");
        }
    }
    let missing = install::missing(&hub).await.context("asking the hub which kinds it serves")?;
    ensure!(
        missing.is_empty(),
        "the hub does not serve {}: run with --install-crds, or install the CRDs of Atoll first",
        missing.join(", ")
    );
    ensure_namespace(&hub, &settings.lease_namespace).await?;
    let metrics = Arc::new(telemetry.metrics());
    let tasks = Tasks::root(metrics.tasks.panics.clone());
    let election = tasks.sibling();
    let store = KubeStore::new(Api::<Lease>::namespaced(hub.clone(), &settings.lease_namespace), &settings.lease_name);
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "atoll".into());
    let elector = LeaderElector::new(store, unique_identity(&host), Timing::default());
    let (moves, told_moves) = moves::moves(Arc::clone(&metrics));
    let (events, event_writer) = events::events(hub.clone(), Arc::clone(&metrics));
    let app = Arc::new(App::new(Outside {
        hub,
        hub_uid: hub_uid.into(),
        settings: settings.shared(),
        leadership: elector.subscribe(),
        write_guard: elector.guard(),
        events,
        moves,
        metrics,
        tasks: tasks.register(),
    }));
    refuse_kinds_the_hub_runs(&app).await?;
    let address = serve::start(&app, &tasks, settings, readiness(&app)).await?;
    // Who looks at this life's health finds the next one's there as well.
    settings.listen = address;
    settings.debug_bind = serve::debugging(&app, &tasks, settings, (telemetry, readiness(&app))).await?;
    let map = Arc::downgrade(&app);
    telemetry::panics::read_map_version(move || map.upgrade().map(|app| app.fleet.version()));
    tracing::info!(%address, hub = %app.hub_uid, "atoll is running");
    let cancel = election.cancelled();
    let (tell, went_back) = oneshot::channel();
    election.spawn_once(TaskKind::LeaderElection, async move {
        if let Some(back) = elector.run(cancel).await {
            // Only a life that is ending anyway does not listen.
            let _ = tell.send(back);
        }
    });
    serve::admission(&app, &tasks, settings).await?;
    start(&app, &tasks, told_moves, event_writer);
    Ok(Life { app, tasks, election, went_back })
}

/// Starts all that works with `app`, but for its servers and its election.
pub fn start(app: &Arc<App>, tasks: &Tasks, moves: moves::Told, events: events::Writer) {
    let (fleet, cancel) = (Arc::clone(app), tasks.cancelled());
    tasks.spawn_once(TaskKind::FleetMap, async move { fleet.fleet.run(cancel).await });
    let events = Arc::new(events);
    tasks.spawn(TaskKind::Events, move || Arc::clone(&events).run());
    let moves = Arc::new(moves);
    tasks.spawn(TaskKind::Moves, again(app, move |app| moves::run(app, Arc::clone(&moves))));
    watches::start(app, tasks);
    let (group, wanted) = (tasks.clone(), app.wanted_kinds.subscribe());
    let watch_templates = move |app| template_watch::run(app, group.child(), wanted.clone());
    tasks.spawn(TaskKind::TemplateWatches, again(app, watch_templates));
    let units = tasks.clone();
    tasks.spawn(TaskKind::Members, again(app, move |app| registry::run(app, units.clone())));
    tasks.spawn(TaskKind::Verdicts, again(app, |app| Watchkeeper::new(app).run()));
    for _ in 0..pipeline::WORKERS {
        tasks.spawn(TaskKind::Pipeline, again(app, pipeline::run));
    }
    for _ in 0..STATUS_WORKERS {
        tasks.spawn(TaskKind::Status, again(app, status::run));
    }
    tasks.spawn(TaskKind::PolicyStatus, again(app, policy_status::run));
    tasks.spawn(TaskKind::PolicyIdentity, again(app, policy_identity::run));
}

/// Makes a task, as often as it has to be made.
fn again<F, R>(app: &Arc<App>, run: R) -> impl FnMut() -> F + Send + use<F, R>
where
    R: Fn(Arc<App>) -> F + Send + 'static,
{
    let app = Arc::clone(app);
    move || run(Arc::clone(&app))
}

async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client> {
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
            let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
            Config::from_custom_kubeconfig(file, &options).await.with_context(|| format!("using {}", path.display()))?
        }
        None => Config::incluster().context("no --kubeconfig is given, and this is no pod of a cluster")?,
    };
    config.disable_compression = true;
    let bounded = TimeoutLayer::new(HUB_ANSWERS_WITHIN);
    Ok(ClientBuilder::try_from(config)?.with_layer(&bounded).build())
}

/// The hub's identity. Without it nothing may be marked or deleted.
async fn fetch_hub_uid(hub: &Client) -> Result<String> {
    let namespaces: Api<Namespace> = Api::all(hub.clone());
    let system = namespaces.get("kube-system").await.context("reading the namespace kube-system of the hub")?;
    system.uid().context("the namespace kube-system of the hub has no uid")
}

async fn ensure_namespace(hub: &Client, name: &str) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(hub.clone());
    if namespaces.get_opt(name).await.with_context(|| format!("reading namespace {name}"))?.is_some() {
        return Ok(());
    }
    let namespace = Namespace {
        metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..Namespace::default()
    };
    match namespaces.create(&kube::api::PostParams::default(), &namespace).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("creating namespace {name}")),
    }
}

/// Kinds that a cluster with nodes runs itself.
const RUN_BY_A_CLUSTER: [(&str, &str); 10] = [
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "PersistentVolumeClaim"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
];

/// A hub with nodes runs what is put on it: workload kinds are no templates
/// there (architecture section 3). A hub that cannot be asked is not served:
/// guessing wrong would run every workload twice.
async fn refuse_kinds_the_hub_runs(app: &App) -> Result<()> {
    let nodes: Api<Node> = Api::all(app.hub.clone());
    let found = nodes.list(&ListParams::default().limit(1)).await.context("looking for nodes on the hub")?;
    if found.items.is_empty() {
        return Ok(());
    }
    let kinds = RUN_BY_A_CLUSTER.map(|(version, kind)| Gvk::from_api_version(version, kind));
    tracing::warn!("the hub has nodes and would run workloads itself: workload kinds are not propagated from it");
    app.refused_kinds.send_replace(Arc::new(BTreeSet::from(kinds)));
    Ok(())
}

fn readiness(app: &Arc<App>) -> Readiness {
    let readiness = Readiness::default();
    let shared = Arc::clone(app);
    readiness.add("hub lists", move || {
        if shared.synced.is_complete() { Ok(()) } else { Err("the hub's objects are not all listed yet".into()) }
    });
    readiness
}

/// The signals that ask for the end. One that comes between two lives is not
/// lost.
struct Asked {
    interrupt: Signal,
    terminate: Signal,
}

impl Asked {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Sets up logs, traces and the panic hook.
pub fn init(settings: &Run) -> Result<Telemetry> {
    let telemetry = telemetry::subscriber::start(settings)?;
    telemetry::panics::install();
    Ok(telemetry)
}
