//! The objects the story speaks of, watched from before it begins.
//!
//! In: a stage. Out: timelines. Members are watched past the faults, so that the story can tell what a cut-off cluster
//! does.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use atoll_crds::cluster::{ApiState, DataState, Grade};
use atoll_crds::work::binding::TargetCluster;
use atoll_crds::{Cluster, ResourceBinding};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::runtime::watcher::Config;

use super::play::{APP, NAMESPACE};
use crate::stage::{Moment, Stage, Timeline};

/// What the hub says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict's sum.
    pub grade: Grade,
    /// Its part on the API.
    pub api: ApiState,
    /// Its part on nodes and pods.
    pub data: DataState,
    /// A loss of it would be acted on.
    pub armed: bool,
    /// Workloads are told to leave it.
    pub evicting: bool,
}

/// What the hub decided about the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Clusters and their replicas.
    pub clusters: Vec<TargetCluster>,
    /// Clusters it leaves, and why.
    pub leaving: Vec<(String, String)>,
    /// All of it is applied and healthy.
    pub well: bool,
}

/// The app's Deployment on one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Version of its spec.
    pub generation: i64,
    /// Replicas wanted there.
    pub replicas: i32,
    /// Replicas that are Ready.
    pub ready: i32,
}

/// All timelines.
pub struct Watched {
    /// The hub's Clusters.
    pub clusters: Timeline<Judged>,
    /// The hub's bindings of the app's Deployment.
    pub bindings: Timeline<Placed>,
    /// The app's Deployment, by member.
    copies: BTreeMap<String, Timeline<Copy>>,
}

impl Watched {
    /// Starts to watch.
    pub async fn start(stage: &Stage, members: &[String]) -> Result<Self> {
        let clusters: Api<Cluster> = Api::all(stage.hub());
        let bindings: Api<ResourceBinding> = Api::namespaced(stage.hub(), NAMESPACE);
        let binding = Config::default().fields(&format!("metadata.name={APP}-deployment"));
        let mut copies = BTreeMap::new();
        for member in members {
            let deployments: Api<Deployment> = Api::namespaced(stage.observer(member).await?, NAMESPACE);
            let app = Config::default().fields(&format!("metadata.name={APP}"));
            copies.insert(member.clone(), Timeline::start((deployments, app), describe_copy).await?);
        }
        Ok(Self {
            clusters: Timeline::start((clusters, Config::default()), describe_cluster).await?,
            bindings: Timeline::start((bindings, binding), describe_binding).await?,
            copies,
        })
    }

    /// The app's Deployment on `member`.
    pub fn copy(&self, member: &str) -> Result<&Timeline<Copy>> {
        self.copies.get(member).with_context(|| format!("nobody watches {member}"))
    }
}

/// The state of a moment that is about `name` and not older than the act.
pub fn since<'a, S>(moment: &'a Moment<S>, act: tokio::time::Instant, name: &str) -> Option<&'a S> {
    moment.state.as_ref().filter(|_| moment.at >= act && moment.name == name)
}

fn describe_cluster(cluster: &Cluster) -> Judged {
    let verdict = cluster.status.as_ref().and_then(|status| status.verdict.clone()).unwrap_or_default();
    let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
    let armed = conditions.into_iter().any(|it| it.type_ == "FailoverArmed" && it.status == "True");
    let evicting = cluster.spec.taints.iter().any(|taint| taint.effect == "NoExecute");
    Judged { grade: verdict.grade, api: verdict.api.state, data: verdict.data.state, armed, evicting }
}

fn describe_binding(binding: &ResourceBinding) -> Placed {
    let tasks = &binding.spec.graceful_eviction_tasks;
    let why = |message: &Option<String>, reason: &str| message.clone().unwrap_or_else(|| reason.to_owned());
    let status = binding.status.clone().unwrap_or_default();
    let applied = status.conditions.iter().any(|it| it.type_ == "FullyApplied" && it.status == "True");
    let count = binding.spec.clusters.len();
    Placed {
        clusters: binding.spec.clusters.clone(),
        leaving: tasks.iter().map(|task| (task.from_cluster.clone(), why(&task.message, &task.reason))).collect(),
        well: applied && tasks.is_empty() && status.healthy == Some(format!("{count}/{count}")),
    }
}

fn describe_copy(deployment: &Deployment) -> Copy {
    let status = deployment.status.as_ref();
    Copy {
        generation: deployment.metadata.generation.unwrap_or_default(),
        replicas: deployment.spec.replicas.unwrap_or(1),
        ready: status.and_then(|status| status.ready_replicas).unwrap_or_default(),
    }
}
