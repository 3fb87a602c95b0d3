//! What moved off an isolated cluster, appended to its IsolationSnapshot.
//!
//! Enters: news of moves from the pipeline. Leaves: the snapshot's status, at
//! most once a second. News that cannot be kept is dropped and logged: the
//! bindings say the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atoll_crds::IsolationSnapshot;
use atoll_crds::atoll::isolation_snapshot::{BindingReference, IsolationSnapshotStatus, Move, MovePhase};
use atoll_crds::work::binding::TargetCluster;
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::ids::{ClusterName, ObjectKey};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use crate::app::App;
use crate::clock;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::labels::{DropLabel, HubWriteLabel};

/// News that waits to be written.
const QUEUE: usize = 4096;
/// Between two writes.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// One piece of news.
#[derive(Clone, Debug)]
pub struct News {
    /// The template.
    pub key: ObjectKey,
    /// The cluster it moves off.
    pub from: ClusterName,
    /// How far it is.
    pub phase: MovePhase,
    /// Why, in one word.
    pub reason: &'static str,
}

/// Tells; clones share the queue.
#[derive(Clone)]
pub struct Moves {
    queue: mpsc::Sender<News>,
    metrics: Arc<Metrics>,
}

/// What was told and not written yet.
pub struct Told(Mutex<mpsc::Receiver<News>>);

/// A teller, and what was told.
pub fn moves(metrics: Arc<Metrics>) -> (Moves, Told) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Moves { queue: sender, metrics }, Told(Mutex::new(receiver)))
}

impl Moves {
    /// Tells.
    pub fn tell(&self, news: News) {
        let (cluster, object) = (news.from.clone(), news.key.clone());
        if self.queue.try_send(news).is_err() {
            self.metrics.telling.dropped.inc(DropLabel::Move);
            tracing::warn!(%cluster, %object, "news of a move was dropped: too much waits to be written");
        }
    }
}

/// Writes until the task is cancelled.
pub async fn run(app: Arc<App>, told: Arc<Told>) {
    let mut queue = told.0.lock().await;
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        while let Ok(more) = queue.try_recv() {
            batch.push(more);
        }
        let mut by_cluster: BTreeMap<ClusterName, Vec<News>> = BTreeMap::new();
        for news in batch {
            by_cluster.entry(news.from.clone()).or_default().push(news);
        }
        for (cluster, news) in by_cluster {
            if let Err(error) = append(&app, &cluster, &news).await {
                tracing::warn!(%cluster, %error, "moves not appended to the isolation snapshot");
            }
        }
        tokio::time::sleep(AT_MOST_EVERY).await;
    }
}

async fn append(app: &App, cluster: &ClusterName, news: &[News]) -> Result<(), kube::Error> {
    let api: Api<IsolationSnapshot> = Api::all(app.hub.clone());
    let all = api.list(&ListParams::default()).await?;
    let own = all.items.into_iter().filter(|snapshot| snapshot.spec.cluster == cluster.as_str());
    // The first part of the latest isolation carries the moves.
    let latest = own.filter(|snapshot| snapshot.spec.part == 1).max_by_key(|snapshot| snapshot.spec.taken_at.0);
    let Some(latest) = latest else { return Ok(()) };
    let before = latest.status.clone().unwrap_or_default();
    let mut status = before.clone();
    for one in news {
        fold(app, &mut status, one);
    }
    let healthy = |one: &&Move| matches!(one.phase, MovePhase::Replaced | MovePhase::Completed);
    status.moved = i32::try_from(status.moves.iter().filter(healthy).count()).ok();
    if status == before {
        return Ok(());
    }
    let patch = json!({"metadata": {"resourceVersion": latest.resource_version()}, "status": status});
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let written = api.patch_status(&latest.name_any(), &parameters, &Patch::Merge(patch)).await;
    app.metrics.hub.count(HubWriteLabel::Snapshot, written).map(drop)
}

fn fold(app: &App, status: &mut IsolationSnapshotStatus, news: &News) {
    let Some(binding) = app.bindings.get(&news.key) else { return };
    let reference = BindingReference {
        namespace: binding.reference.namespace.as_deref().map(str::to_owned),
        name: binding.reference.name.to_string(),
    };
    let known = status.moves.iter_mut().find(|one| one.binding == reference && one.from == news.from.as_str());
    match known {
        Some(one) => {
            // The end of a copy matters only to a move that got so far.
            if news.phase != MovePhase::Completed || one.phase == MovePhase::Replaced {
                one.phase = news.phase;
                news.reason.clone_into(&mut one.reason);
            }
        }
        None if news.phase == MovePhase::Completed => {}
        None => status.moves.push(Move {
            binding: reference,
            from: news.from.to_string(),
            to: gains(&binding.spec.clusters, &news.from),
            at: clock::micro_time_of(clock::wall()),
            phase: news.phase,
            reason: news.reason.to_owned(),
        }),
    }
}

fn gains(targets: &[TargetCluster], from: &ClusterName) -> Vec<TargetCluster> {
    targets.iter().filter(|target| target.name != from.as_str()).cloned().collect()
}
