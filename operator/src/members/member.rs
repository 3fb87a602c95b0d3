//! One member cluster as one isolated unit: its connections, lane, copies,
//! watches and probes, and the tasks that run them (promise I3).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_crds::condition::cluster::DeletesPaused;
use atoll_decide::deletes::{Admission, Budget};
use atoll_decide::health::verdict::ApiState;
use atoll_decide::health::{Detector, Timing, Verdict};
use atoll_decide::ids::{ClusterName, Gvk, ObjectKey};
use atoll_decide::time::Mono;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::runtime::watcher;
use tokio::sync::{Notify, watch};

use super::applies::Applies;
use super::approval::{self, Approval};
use super::connection::{Connection, Endpoint};
use super::copies::Copies;
use super::discovery::{self, Apis};
use super::failure::Failure;
use super::health::{self, Health};
use super::intent::KindInfo;
use super::inventory::{Inventory, Nodes, Pods};
use super::lane::Lane;
use super::namespaces::{self, Todo};
use super::write::Address;
use super::{carry, copy_watch, facts, hub_mark, orphans};
use crate::app::App;
use crate::clock;
use crate::hub::template_watch;
use crate::queue::Queue;
use crate::tasks::{Task, TaskKind, Tasks};
use crate::telemetry::metrics::labels::WatchLabel;
use crate::watch::follow;

/// Workers of the lane: the most its budget ever allows.
const WORKERS: usize = 32;
/// The APIs a member serves are looked at so often; a look costs it two reads.
const DISCOVER_EVERY: Duration = Duration::from_secs(5);

/// The unit.
pub struct Member {
    /// Its name.
    pub name: ClusterName,
    /// The uid of its Cluster object.
    pub uid: String,
    /// How it is reached.
    pub endpoint: Endpoint,
    /// Its clients.
    pub connection: Connection,
    /// Its orders.
    pub lane: Lane,
    /// What it holds of ours.
    pub copies: Copies,
    /// Its nodes and pods, in numbers.
    pub inventory: Inventory,
    /// Its detector.
    pub health: Health,
    /// The APIs it serves, once known.
    pub apis: watch::Sender<Option<Arc<Apis>>>,
    /// Namespaces to look at.
    pub namespaces: Queue<Todo>,
    /// Something was written there.
    pub acted: Notify,
    /// What it said of the hub it last obeyed.
    pub hub_mark: hub_mark::Known,
    /// Applies whose result the watch has not shown yet.
    pub applied: Applies,
    /// A person's word on deletes that wait.
    pub approval: Approval,
    inner: Mutex<Inner>,
    tasks: Tasks,
}

/// Who a unit is for.
pub struct Identity {
    /// The cluster's name.
    pub name: ClusterName,
    /// The uid of its Cluster object.
    pub uid: String,
    /// How it is reached.
    pub endpoint: Endpoint,
    /// Data-plane targets that answered an earlier process.
    pub remembered: Vec<std::net::SocketAddr>,
}

struct Inner {
    watched: HashMap<Gvk, Tasks>,
    budget: Budget,
    /// What the last refused delete was told.
    paused: Option<String>,
    comparison: Comparison,
    taints_seen: BTreeMap<String, Mono>,
    /// Why a leave waits, as last told.
    told_of_wait: Option<&'static str>,
    /// When a leave was first looked at.
    leave_since: Option<Mono>,
    /// Orphans, as last counted.
    orphans: u64,
}

/// Whether what should and what does run there has been compared.
#[derive(Default)]
struct Comparison {
    /// Kinds whose lists are not complete again yet; None: none is running.
    pending: Option<Vec<Gvk>>,
    /// When the last one was complete.
    done: Option<Mono>,
    /// The API was lost since.
    lost: bool,
}

impl Member {
    /// A unit that does nothing yet.
    pub fn new(
        identity: Identity,
        connection: Connection,
        detector: Detector,
        timing: &Timing,
        deletes_paused: bool,
        tasks: Tasks,
    ) -> Self {
        let Identity { name, uid, endpoint, remembered } = identity;
        let inner = Inner {
            watched: HashMap::new(),
            budget: Budget::new(name.clone(), deletes_paused),
            paused: None,
            comparison: Comparison::default(),
            taints_seen: BTreeMap::new(),
            told_of_wait: None,
            leave_since: None,
            orphans: 0,
        };
        Self {
            name,
            uid,
            endpoint,
            connection,
            lane: Lane::default(),
            copies: Copies::default(),
            inventory: Inventory::default(),
            health: Health::new(detector, timing, remembered),
            apis: watch::Sender::new(None),
            namespaces: Queue::default(),
            acted: Notify::new(),
            hub_mark: hub_mark::Known::default(),
            applied: Applies::default(),
            approval: Approval::default(),
            inner: Mutex::new(inner),
            tasks,
        }
    }

    /// Starts its tasks.
    pub fn start(self: &Arc<Self>, app: &Arc<App>) {
        for _ in 0..WORKERS {
            let cancel = self.tasks.cancelled();
            let again = self.again(app, move |app, member| carry::run(app, member, cancel.clone()));
            self.tasks.spawn_to_its_end(self.task(TaskKind::Lane), again);
        }
        self.spawn(TaskKind::ApiProbe, self.again(app, health::watch_api));
        self.spawn(TaskKind::DataProbe, self.again(app, health::watch_data));
        let all = || watcher::Config::default().timeout(copy_watch::RENEW_SECONDS);
        self.spawn(
            TaskKind::NodeWatch,
            self.again(app, move |app, member| async move {
                let nodes: Api<Node> = Api::all(member.connection.work.clone());
                let broken = (app.metrics.watches.clone(), WatchLabel::Node);
                follow(nodes, all(), Nodes::new(member.inventory.clone()), broken).await;
            }),
        );
        self.spawn(
            TaskKind::PodWatch,
            self.again(app, move |app, member| async move {
                let pods: Api<Pod> = Api::all(member.connection.work.clone());
                let broken = (app.metrics.watches.clone(), WatchLabel::Pod);
                follow(pods, all(), Pods::new(member.inventory.clone()), broken).await;
            }),
        );
        self.spawn(TaskKind::Discovery, self.again(app, |app, member| member.discover(app)));
        self.spawn(TaskKind::Facts, self.again(app, facts::run));
        self.spawn(
            TaskKind::Namespaces,
            self.again(app, |app, member| {
                let todo = member.namespaces.clone();
                namespaces::run(app, member, todo)
            }),
        );
        self.spawn(TaskKind::Orphans, self.again(app, orphans::run));
        self.spawn(TaskKind::Approvals, self.again(app, approval::run));
        self.spawn(TaskKind::HubMark, self.again(app, hub_mark::run));
    }

    fn task(&self, kind: TaskKind) -> Task {
        Task::on(kind, &self.name)
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, kind: TaskKind, make: impl FnMut() -> F + Send + 'static) {
        self.tasks.spawn(self.task(kind), make);
    }

    /// Makes a task of this unit, as often as it has to be made.
    fn again<F, R>(self: &Arc<Self>, app: &Arc<App>, run: R) -> impl FnMut() -> F + Send + use<F, R>
    where
        R: Fn(Arc<App>, Arc<Self>) -> F + Send + 'static,
    {
        let (app, member) = (Arc::clone(app), Arc::clone(self));
        move || run(Arc::clone(&app), Arc::clone(&member))
    }

    /// Stops its tasks and waits for them.
    pub async fn stop(&self) {
        self.tasks.stop(Duration::from_secs(5)).await;
    }

    /// Sees to it that copies of a kind are watched.
    pub fn watch_kind(self: &Arc<Self>, app: &Arc<App>, kind: &Arc<KindInfo>) {
        let gvk = Gvk::from_api_version(&kind.resource.api_version, &kind.resource.kind);
        let mut inner = self.lock();
        inner.watched.entry(gvk.clone()).or_insert_with(|| self.start_copy_watch(app, &gvk, kind));
    }

    fn start_copy_watch(self: &Arc<Self>, app: &Arc<App>, gvk: &Gvk, kind: &Arc<KindInfo>) -> Tasks {
        let group = self.tasks.child();
        let task = self.task(TaskKind::CopyWatch).about(gvk);
        let (gvk, kind) = (gvk.clone(), Arc::clone(kind));
        let watch = move |app, member| copy_watch::run(app, member, gvk.clone(), Arc::clone(&kind));
        group.spawn(task, self.again(app, watch));
        group
    }

    /// May this object be deleted there now? If not, why, and what a person
    /// can do.
    pub fn admit_delete(&self, app: &App, key: &ObjectKey) -> Result<(), Failure> {
        if let Some(why) = self.hub_mark.pause(self) {
            return Err(Failure::Paused(why));
        }
        let owned = self.copies.len();
        let mut inner = self.lock();
        if inner.budget.is_paused()
            && let Some(token) = self.approval.offered(app, self)
            && let Ok(approved) = inner.budget.approve(&token)
        {
            tracing::warn!(cluster = %self.name, approved, "a person approved the waiting deletes");
            self.approval.take(token);
            inner.paused = None;
        }
        match inner.budget.admit(clock::mono(), owned, key) {
            Admission::Admit => Ok(()),
            Admission::Paused { waiting, allowed, token } => {
                let why = format!(
                    "{waiting} deletes wait on {}: a minute may see {allowed}; if they are meant, run \
                     `kubectl atoll approve-deletes {} {token}`",
                    self.name, self.name
                );
                inner.paused = Some(why.clone());
                Err(Failure::Paused(why))
            }
        }
    }

    /// How an object is reached there.
    pub fn address<'a>(&'a self, app: &'a App, kind: &'a KindInfo, key: &'a ObjectKey) -> Address<'a> {
        Address { client: &self.connection.work, kind, key, hub: &app.hub_uid, guard: &app.write_guard }
    }

    /// Wants nothing of the object there any more, its delete included.
    pub fn want_nothing(&self, key: &ObjectKey) {
        self.lane.forget(key);
        self.copies.forget_lost(key);
        self.settle_delete(key);
    }

    /// A delete is done, or no longer wanted.
    pub fn settle_delete(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        inner.budget.settle(key);
        if !inner.budget.is_paused() {
            inner.paused = None;
        }
    }

    /// What keeps deletes from going on, for the Cluster's condition.
    pub fn deletes_paused(&self) -> Option<(DeletesPaused, String)> {
        let by_mark = self.hub_mark.pause_to_tell(self);
        let by_budget = || {
            let inner = self.lock();
            let untold = || "deletes were paused before this process began; the next one says what waits".to_owned();
            let why = inner.budget.is_paused().then(|| inner.paused.clone().unwrap_or_else(untold));
            Some((DeletesPaused::BudgetExceeded, why?))
        };
        by_mark.or_else(by_budget)
    }

    /// Begins anew under a new leadership: orders and budget of an earlier one
    /// are the past, and what the Cluster says of paused deletes holds.
    pub fn take_over(&self, deletes_paused: bool) {
        self.hub_mark.forget();
        self.lane.clear();
        let mut inner = self.lock();
        inner.budget = Budget::new(self.name.clone(), deletes_paused);
        inner.paused = None;
    }

    /// The kinds that may have copies there and whose list is not complete;
    /// None while it is not known what the member serves.
    pub fn unlisted(&self, app: &App) -> Option<Vec<Gvk>> {
        let served = self.apis.borrow().as_ref()?.kinds();
        // A kind that the hub was not asked for yet counts as one it serves.
        let wanted = template_watch::wanted(app).into_iter();
        let there = wanted.filter(|kind| served.contains(kind) && !app.kinds.is_missing(kind));
        Some(there.filter(|kind| !self.copies.is_synced(kind)).collect())
    }

    /// When what runs there was last compared completely.
    pub fn compared(&self) -> Option<Mono> {
        self.lock().comparison.done
    }

    /// Whether a comparison is due: the API was lost and answers again. What
    /// its watches showed before is older than the silence, whatever was lost
    /// with it.
    pub fn is_compare_due(&self, verdict: &Verdict) -> bool {
        let mut inner = self.lock();
        match verdict.api {
            ApiState::Unreachable => inner.comparison.lost = true,
            ApiState::Reachable => return inner.comparison.lost && inner.comparison.pending.is_none(),
            ApiState::Unknown | ApiState::Suspect | ApiState::Returning => {}
        }
        false
    }

    /// Whether what is known of the copies there is older than a silence.
    pub fn is_stale(&self) -> bool {
        let inner = self.lock();
        inner.comparison.lost || inner.comparison.pending.is_some()
    }

    /// Lists everything of ours there anew, overwriting nothing; the pipeline
    /// then looks at every difference.
    pub fn compare(self: &Arc<Self>, app: &Arc<App>) {
        let mut inner = self.lock();
        if inner.comparison.pending.is_some() {
            return;
        }
        // What the member does not serve cannot be listed, and holds nothing.
        let served = self.apis.borrow().as_ref().map(|apis| apis.kinds());
        let is_served = |kind: &&Gvk| served.as_ref().is_none_or(|served| served.contains(*kind));
        let kinds: Vec<Gvk> = inner.watched.keys().filter(is_served).cloned().collect();
        if kinds.is_empty() {
            inner.comparison = Comparison { pending: None, done: Some(clock::mono()), lost: false };
            return;
        }
        inner.comparison.pending = Some(kinds.clone());
        for gvk in kinds {
            self.copies.set_synced(&gvk, false);
            if let (Some(kind), Some(old)) = (app.kinds.known(&gvk), inner.watched.get(&gvk)) {
                old.cancelled().cancel();
                let fresh = self.start_copy_watch(app, &gvk, &kind);
                inner.watched.insert(gvk, fresh);
            }
        }
    }

    /// The list of a kind is complete.
    pub fn listed(&self, gvk: &Gvk) {
        let mut inner = self.lock();
        let Some(pending) = &mut inner.comparison.pending else { return };
        pending.retain(|kind| kind != gvk);
        if pending.is_empty() {
            inner.comparison = Comparison { pending: None, done: Some(clock::mono()), lost: false };
        }
    }

    /// How long a leave has waited by now; asked for the first time, it begins.
    pub fn leave_waits(&self) -> Duration {
        let now = clock::mono();
        now.since(*self.lock().leave_since.get_or_insert(now))
    }

    /// Orphans there, as last counted.
    pub fn orphans(&self) -> u64 {
        self.lock().orphans
    }

    /// So many orphans were counted.
    pub fn put_orphans(&self, count: usize) {
        self.lock().orphans = count as u64;
    }

    /// Whether it is news that a leave waits for this reason.
    pub fn is_news_of_wait(&self, reason: &'static str) -> bool {
        self.lock().told_of_wait.replace(reason) != Some(reason)
    }

    /// When this process first saw each of these taints there; others are forgotten.
    pub fn taints_seen(&self, keys: impl Iterator<Item = String>) -> BTreeMap<String, Mono> {
        let mut inner = self.lock();
        let seen = keys.map(|key| {
            let since = inner.taints_seen.get(&key).copied().unwrap_or_else(clock::mono);
            (key, since)
        });
        let seen: BTreeMap<String, Mono> = seen.collect();
        inner.taints_seen.clone_from(&seen);
        seen
    }

    /// Looks at the served APIs, for ever.
    async fn discover(self: Arc<Self>, app: Arc<App>) {
        loop {
            match discovery::fetch(&self.connection.work).await {
                Ok(found) => {
                    let found = Arc::new(found);
                    let changed = self.apis.send_if_modified(|known| {
                        let changed = known.as_ref() != Some(&found);
                        *known = Some(Arc::clone(&found));
                        changed
                    });
                    if changed {
                        app.member_apis_changed(&self.name);
                        self.lane.retry_all();
                    }
                }
                Err(failure) => {
                    tracing::debug!(cluster = %self.name, %failure, "discovery failed; the last answer stands");
                }
            }
            tokio::time::sleep(DISCOVER_EVERY).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
