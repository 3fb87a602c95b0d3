//! Keeps the units in step with the Cluster objects.

use std::sync::Arc;
use std::time::Duration;

use atoll_crds::Cluster;
use atoll_crds::cluster::SyncMode;
use atoll_crds::condition::cluster::Ready;
use atoll_crds::condition::{ConditionValue, set_condition};
use atoll_crds::names::finalizer;
use atoll_decide::health::Detector;
use atoll_decide::ids::ClusterName;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};

use super::connection::{Connection, Endpoint};
use super::leave;
use super::member::Member;
use crate::app::App;
use crate::clock;
use crate::hub::cluster_write::{self, Written};
use crate::queue::{AFTER_A_PANIC, Lane};
use crate::tasks::{About, Panicked, Tasks, contain, fault_point};
use crate::telemetry::Step;
use crate::validate;

/// A Cluster that could not be worked on is looked at again after this.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// See [`within`].
const HUB_WITHIN: Duration = Duration::from_secs(10);
/// Credentials are compared with the Secret so often: a renewed token must not
/// wait for a change of the Cluster object.
const CHECK_SECRET_EVERY: Duration = Duration::from_secs(20);

/// Why a Cluster cannot be reached as written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is missing.
    #[error("{field} is not set; {hint}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The Secret is not there or lacks a key.
    #[error("Secret {namespace}/{name}: {problem}")]
    Secret {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No client can be made.
    #[error(transparent)]
    Connection(#[from] super::connection::Error),
    /// Neither did it refuse.
    #[error("the hub did not answer within {HUB_WITHIN:?}")]
    Slow,
    /// The hub did not answer.
    #[error("the hub did not answer: {0}")]
    Hub(#[from] kube::Error),
}

/// Works until the task is cancelled.
pub async fn run(app: Arc<App>, tasks: Tasks) {
    loop {
        let work = app.members.changed.next().await;
        let name = work.key.clone();
        let step = Step::working(About::cluster(&name));
        let next = match contain(step.run(update(&app, &tasks, &name))).await {
            Ok(Ok(())) => CHECK_SECRET_EVERY,
            Err(Panicked) => AFTER_A_PANIC,
            Ok(Err(error)) => {
                tracing::warn!(cluster = %name, %error, "cluster cannot be worked on");
                tell(&app, &name, &error).await;
                TRY_AGAIN
            }
        };
        if app.clusters.get(&name).is_some() {
            app.members.changed.add_after(name, Lane::CatchUp, next);
        }
    }
}

/// One Cluster's reads and writes on the hub hold up the others no longer than this.
async fn within<T, E: Into<Error>>(request: impl Future<Output = Result<T, E>>) -> Result<T, Error> {
    tokio::time::timeout(HUB_WITHIN, request).await.map_or(Err(Error::Slow), |answer| answer.map_err(Into::into))
}

async fn update(app: &Arc<App>, tasks: &Tasks, name: &ClusterName) -> Result<(), Error> {
    fault_point!("member", name);
    let Some(cluster) = app.clusters.get(name) else {
        remove(app, name).await;
        return Ok(());
    };
    app.publish_cluster(name, None);
    if cluster.metadata.deletion_timestamp.is_some() {
        let unknown = app.members.get(name).is_none() && app.leads();
        if unknown && cluster.finalizers().iter().any(|held| held == finalizer::CLUSTER) {
            // It was leaving when this process began: its copies are there all the same.
            start_if_possible(app, tasks, &cluster).await?;
        }
        return within(leave::drive(app, &cluster)).await;
    }
    if cluster.spec.sync_mode == SyncMode::Pull {
        return Ok(());
    }
    let endpoint = within(fetch_endpoint(app, &cluster)).await?;
    let uid = cluster.uid().unwrap_or_default();
    let same = |member: &Arc<Member>| member.endpoint == endpoint && member.uid == uid;
    if !app.members.get(name).as_ref().is_some_and(same) {
        within(add_finalizer(app, &cluster)).await?;
        start(app, tasks, &cluster, endpoint).await?;
    }
    Ok(())
}

/// Where no way leads to it, it leaves without its objects.
async fn start_if_possible(app: &Arc<App>, tasks: &Tasks, cluster: &Cluster) -> Result<(), Error> {
    let started = async { start(app, tasks, cluster, within(fetch_endpoint(app, cluster)).await?).await };
    match started.await {
        Err(error @ (Error::Hub(_) | Error::Slow)) => Err(error),
        Err(error) => {
            tracing::warn!(cluster = %cluster.name_any(), %error, "a leaving cluster cannot be reached");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn start(app: &Arc<App>, tasks: &Tasks, cluster: &Cluster, endpoint: Endpoint) -> Result<(), Error> {
    let connection = Connection::open(&endpoint)?;
    let timing = app.settings.timing();
    let stored = validate::cluster::stored(cluster);
    let answered = stored.iter().flat_map(|stored| &stored.answered);
    let remembered = answered.filter_map(|target| target.as_str().parse().ok()).collect();
    let detector = match stored {
        Some(stored) => Detector::restored(timing, &stored, clock::mono(), clock::wall()),
        None => Detector::new(timing, clock::mono(), clock::wall()),
    };
    let name = ClusterName::from(cluster.name_any());
    let uid = cluster.uid().unwrap_or_default();
    let member = Arc::new(Member::new(
        super::member::Identity { name: name.clone(), uid, endpoint, remembered },
        connection,
        detector,
        &timing,
        validate::cluster::deletes_are_paused(cluster),
        tasks.child(),
    ));
    if let Some(old) = app.members.put(Arc::clone(&member)) {
        old.stop().await;
    }
    app.metrics.join(&name);
    member.start(app);
    for kind in app.watched_kinds() {
        member.watch_kind(app, &kind);
    }
    tracing::info!(cluster = %name, endpoint = %member.endpoint.url, "member joined");
    app.reconcile_all();
    app.judge.notify_one();
    Ok(())
}

async fn remove(app: &Arc<App>, name: &ClusterName) {
    if let Some(member) = app.members.take(name) {
        member.stop().await;
        app.metrics.leave(name);
        tracing::info!(cluster = %name, "member left");
    }
    app.forget_cluster(name);
    app.reconcile_all();
}

async fn add_finalizer(app: &App, cluster: &Cluster) -> Result<(), Error> {
    if !app.leads() {
        return Ok(());
    }
    let written = cluster_write::marks(app, cluster, |cluster| {
        let finalizers = cluster.finalizers_mut();
        if !finalizers.iter().any(|held| held == finalizer::CLUSTER) {
            finalizers.push(finalizer::CLUSTER.to_owned());
        }
    })
    .await?;
    if let Written::Now(cluster) = written {
        app.clusters.put(*cluster);
    }
    Ok(())
}

async fn fetch_endpoint(app: &App, cluster: &Cluster) -> Result<Endpoint, Error> {
    let spec = &cluster.spec;
    let url = spec.api_endpoint.clone().filter(|url| !url.is_empty()).ok_or(Error::Missing {
        field: "spec.apiEndpoint",
        hint: "set it to the URL of the member's API server, or join the cluster with `kubectl atoll join`",
    })?;
    let reference = spec.secret_ref.as_ref().ok_or(Error::Missing {
        field: "spec.secretRef",
        hint: "name the Secret that holds token and caBundle, or join the cluster with `kubectl atoll join`",
    })?;
    let problem = |problem: String| Error::Secret {
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
        problem,
    };
    let secrets: Api<Secret> = Api::namespaced(app.hub.clone(), &reference.namespace);
    let secret = secrets.get_opt(&reference.name).await?.ok_or_else(|| problem("it does not exist".into()))?;
    let data = secret.data.unwrap_or_default();
    let token = data.get("token").ok_or_else(|| problem("it has no key `token`".into()))?;
    let token = String::from_utf8(token.0.clone()).map_err(|_| problem("`token` is no text".into()))?;
    if token.trim().is_empty() {
        return Err(problem("`token` is empty".into()));
    }
    Ok(Endpoint {
        url,
        ca_bundle: data.get("caBundle").map(|bundle| bundle.0.clone()),
        token: token.trim().to_owned(),
        insecure: spec.insecure_skip_tls_verification,
        proxy: spec.proxy_url.clone().filter(|url| !url.is_empty()),
    })
}

/// Says on the Cluster what keeps it from being worked on.
async fn tell(app: &App, name: &ClusterName, error: &Error) {
    if matches!(error, Error::Hub(_) | Error::Slow) || !app.leads() {
        return;
    }
    if app.members.get(name).is_some() {
        // The unit runs on with what it has; its probes say how well.
        app.tell_cluster(name, "CredentialsInvalid", &error.to_string(), true);
        return;
    }
    let Some(cluster) = app.clusters.get(name) else { return };
    let message = error.to_string();
    let written = within(cluster_write::status(app, &cluster, |status| {
        let condition = Ready::CredentialsInvalid.condition(&message, None, clock::api_time());
        set_condition(&mut status.conditions, condition);
    }))
    .await;
    if let Ok(Written::Now(cluster)) = written {
        app.clusters.put(*cluster);
        app.tell_cluster(name, "ClusterNotReachable", &message, true);
    }
}
