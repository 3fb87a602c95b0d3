//! What plays on a stage are made of: manifests as a user writes them, and looks at what became of them.

use std::cell::Cell;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use atoll_crds::cluster::Grade;
use atoll_crds::work::binding::{AggregatedStatusItem, ResourceHealth};
use atoll_crds::{Cluster, ResourceBinding};
use atoll_e2e::stage::{Stage, wait};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::PostParams;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt, core::DynamicObject};
use serde::de::DeserializeOwned;

/// A whole test run shares the machine with builds; what takes longer than this does not happen.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Longer than a full isolation takes to move anything (dark 1.2 s, unconfirmed 3 s, tolerated 2 s).
pub const MOVES_BY_THEN: Duration = Duration::from_secs(8);

/// A template by its names.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    pub api: &'a str,
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

impl<'a> Template<'a> {
    /// A Deployment.
    pub fn deployment(namespace: &'a str, name: &'a str) -> Self {
        Self { api: "apps/v1", kind: "Deployment", namespace, name }
    }

    /// A `StatefulSet`.
    pub fn stateful_set(namespace: &'a str, name: &'a str) -> Self {
        Self { api: "apps/v1", kind: "StatefulSet", namespace, name }
    }

    /// A `ConfigMap`.
    pub fn config_map(namespace: &'a str, name: &'a str) -> Self {
        Self { api: "v1", kind: "ConfigMap", namespace, name }
    }

    /// The name of its binding.
    pub fn binding(&self) -> String {
        atoll_crds::names::binding_name(self.kind, self.name)
    }

    /// Its manifest: a workload has two replicas of an image that runs. `more` is put into its spec.
    pub fn workload(&self, more: &str) -> String {
        let Self { api, kind, namespace, name } = self;
        format!(
            "
apiVersion: {api}
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - {{name: main, image: \"registry.example/app:1\"}}
  {more}
---"
        )
    }

    /// The policy that places it alone. `placement` is YAML in flow style.
    pub fn policy(&self, placement: &str) -> String {
        let Self { api, kind, namespace, name } = self;
        format!(
            "
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {{name: {}, namespace: {namespace}}}
spec:
  resourceSelectors:
  - {{apiVersion: {api}, kind: {kind}, name: {name}}}
  placement: {placement}
---",
            self.binding()
        )
    }

    /// An override that gives it, on some clusters, an image that never runs there. `clusters` is an affinity in flow
    /// style.
    pub fn sick_on(&self, clusters: &str) -> String {
        let Self { api, kind, namespace, name } = self;
        format!(
            "
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  resourceSelectors:
  - {{apiVersion: {api}, kind: {kind}, name: {name}}}
  overrideRules:
  - targetCluster: {clusters}
    overriders:
      plaintext:
      - {{path: /spec/template/spec/containers/0/image, operator: replace, value: \"fake/app:1\"}}
---"
        )
    }

    /// Where copies of it are on a cluster.
    pub fn copies(&self, cluster: Client) -> Api<DynamicObject> {
        let (group, version) = self.api.split_once('/').unwrap_or(("", self.api));
        let kind = kube::core::GroupVersionKind::gvk(group, version, self.kind);
        Api::namespaced_with(cluster, self.namespace, &ApiResource::from_gvk(&kind))
    }

    /// The uid of its copy on a cluster.
    pub async fn fetch_copy_uid(&self, cluster: Client) -> Result<Option<String>> {
        let copy = self.copies(cluster).get_opt(self.name).await;
        Ok(copy.with_context(|| format!("reading the copy of {self:?}"))?.and_then(|copy| copy.uid()))
    }
}

/// The token of a pause: the word after the command and the name of the cluster.
pub fn token(message: &str, cluster: &str) -> Option<String> {
    let rest = message.split_once(&format!("approve-deletes {cluster} "))?.1;
    Some(rest.chars().take_while(|word| word.is_ascii_alphanumeric() || *word == '-').collect())
}

/// The manifest of a namespace.
pub fn namespace(name: &str) -> String {
    format!("\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n---")
}

/// A placement on `home` while that can be had, and on one of the others otherwise. `more` is put into it.
pub fn at_home(home: &str, more: &str) -> String {
    let others: Vec<&str> = crate::own_stage::MEMBERS.into_iter().filter(|name| *name != home).collect();
    format!(
        "{{clusterAffinities: [{{affinityName: home, clusterNames: [{home}]}}, {{affinityName: away, clusterNames: [{}]}}], \
         spreadConstraints: [{{spreadByField: cluster, maxGroups: 1, minGroups: 1}}]{more}}}",
        others.join(", ")
    )
}

/// The Clusters.
pub fn clusters(stage: &Stage) -> Api<Cluster> {
    Api::all(stage.hub())
}

/// The clusters a binding is placed on.
pub fn targets(binding: &ResourceBinding) -> Vec<&str> {
    binding.spec.clusters.iter().map(|target| target.name.as_str()).collect()
}

/// The clusters a binding is leaving.
pub fn leaving(binding: &ResourceBinding) -> Vec<&str> {
    binding.spec.graceful_eviction_tasks.iter().map(|task| task.from_cluster.as_str()).collect()
}

/// What a binding says of one cluster.
pub fn report<'a>(binding: &'a ResourceBinding, cluster: &str) -> Option<&'a AggregatedStatusItem> {
    let items = &binding.status.as_ref()?.aggregated_status;
    items.iter().find(|item| item.cluster_name == cluster)
}

/// Whether all targets of a binding hold a healthy copy, as the binding says itself.
pub fn all_healthy(binding: &ResourceBinding) -> Result<(), String> {
    let sick = targets(binding).into_iter().find(|name| {
        !report(binding, name).is_some_and(|item| item.applied && item.health == Some(ResourceHealth::Healthy))
    });
    match sick {
        _ if binding.spec.clusters.is_empty() => Err("it has no target".to_owned()),
        Some(name) => Err(format!("on {:?}; {name} says {:?}", targets(binding), report(binding, name))),
        None => Ok(()),
    }
}

/// Waits for a binding.
pub async fn watch_binding<T>(
    stage: &Stage,
    what: &str,
    template: Template<'_>,
    mut judge: impl FnMut(&ResourceBinding) -> Result<T, String>,
) -> Result<T> {
    let api: Api<ResourceBinding> = Api::namespaced(stage.hub(), template.namespace);
    let what = format!("{} {}: {what}", template.kind, template.name);
    let judge = |seen: Option<&ResourceBinding>| judge(seen.ok_or("there is no binding")?);
    stage.watch_one(&what, PATIENCE, (api, &template.binding()), judge).await
}

/// Waits until the template runs well on exactly these clusters.
pub async fn settled(stage: &Stage, template: Template<'_>, on: &[&str]) -> Result<ResourceBinding> {
    watch_binding(stage, &format!("it runs on {on:?}"), template, |binding| {
        if targets(binding) != on {
            return Err(format!("it is placed on {:?}, leaving {:?}", targets(binding), leaving(binding)));
        }
        all_healthy(binding).map(|()| binding.clone())
    })
    .await
}

/// Waits until the template runs well without `home`; returns where.
pub async fn moved(stage: &Stage, template: Template<'_>, home: &str) -> Result<Vec<String>> {
    watch_binding(stage, &format!("it runs elsewhere than on {home}"), template, |binding| {
        if targets(binding).contains(&home) {
            return Err(format!("it is placed on {:?}, leaving {:?}", targets(binding), leaving(binding)));
        }
        all_healthy(binding)?;
        Ok(targets(binding).into_iter().map(str::to_owned).collect())
    })
    .await
}

/// Waits until a cluster bears the verdict.
pub async fn judged(stage: &Stage, name: &str, grade: Grade) -> Result<Cluster> {
    watch_cluster(stage, name, &format!("it is judged {grade:?}"), |cluster| {
        let verdict = cluster.status.as_ref().and_then(|status| status.verdict.as_ref());
        match verdict {
            Some(verdict) if verdict.grade == grade => Ok(cluster.clone()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

/// Waits for a Cluster.
pub async fn watch_cluster<T>(
    stage: &Stage,
    name: &str,
    what: &str,
    mut judge: impl FnMut(&Cluster) -> Result<T, String>,
) -> Result<T> {
    let judge = |seen: Option<&Cluster>| judge(seen.ok_or("there is no Cluster")?);
    stage.watch_one(&format!("cluster {name}: {what}"), PATIENCE, (clusters(stage), name), judge).await
}

/// Waits until a condition of a Cluster is what `judge` looks for.
pub async fn watch_condition(
    stage: &Stage,
    (name, type_): (&str, &str),
    what: &str,
    mut judge: impl FnMut(&Condition) -> bool,
) -> Result<Condition> {
    watch_cluster(stage, name, &format!("condition {type_} {what}"), |cluster| match condition(cluster, type_) {
        Some(held) if judge(held) => Ok(held.clone()),
        other => Err(format!("{other:?}")),
    })
    .await
}

/// A condition of a Cluster.
pub fn condition<'a>(cluster: &'a Cluster, type_: &str) -> Option<&'a Condition> {
    cluster.status.as_ref()?.conditions.iter().find(|held| held.type_ == type_)
}

/// Whether a Cluster has the taint.
pub fn has_taint(cluster: &Cluster, key: &str, effect: &str) -> bool {
    cluster.spec.taints.iter().any(|taint| taint.key == key && taint.effect == effect)
}

/// Whether a Cluster has the label or the taint of an isolated one.
pub fn is_marked(cluster: &Cluster) -> bool {
    cluster.labels().contains_key("atoll.dev/isolated") || has_taint(cluster, "atoll.dev/isolated", "NoExecute")
}

/// Waits until the cluster is judged well and bears no marks.
pub async fn trusted(stage: &Stage, name: &str) -> Result<()> {
    judged(stage, name, Grade::Healthy).await?;
    watch_cluster(stage, name, "its marks are gone", |cluster| match cluster.spec.taints.as_slice() {
        [] if !is_marked(cluster) => Ok(()),
        taints => Err(format!("taints {taints:?}, labels {:?}", cluster.labels())),
    })
    .await
}

/// Changes a Cluster by a whole-object update, as any client may.
pub async fn replace_cluster(stage: &Stage, name: &str, change: impl Fn(&mut Cluster)) -> Result<()> {
    let api = clusters(stage);
    let replace = async || {
        let mut cluster = api.get(name).await.map_err(|error| error.to_string())?;
        change(&mut cluster);
        api.replace(name, &PostParams::default(), &cluster).await.map_err(|error| error.to_string())
    };
    stage.wait_for(&format!("cluster {name} takes an update"), PATIENCE, replace).await.map(drop)
}

/// The same for its status.
pub async fn replace_cluster_status(stage: &Stage, name: &str, change: impl Fn(&mut Cluster)) -> Result<()> {
    let api = clusters(stage);
    let replace = async || {
        let mut cluster = api.get(name).await.map_err(|error| error.to_string())?;
        change(&mut cluster);
        api.replace_status(name, &PostParams::default(), &cluster).await.map_err(|error| error.to_string())
    };
    stage.wait_for(&format!("cluster {name} takes an update of its status"), PATIENCE, replace).await.map(drop)
}

/// Waits for an Event about an object of the hub; returns its message.
pub async fn told(stage: &Stage, about: &str, reason: &str, word: &str) -> Result<String> {
    let what = format!("an Event {reason} about {about} says {word:?}");
    stage
        .watch(&what, PATIENCE, Api::<Event>::all(stage.hub()), |seen| {
            let about: Vec<&Event> =
                seen.values().filter(|event| event.involved_object.name.as_deref() == Some(about)).collect();
            let message = |event: &Event| event.message.clone().unwrap_or_default();
            let found =
                about.iter().find(|event| event.reason.as_deref() == Some(reason) && message(event).contains(word));
            let told =
                || about.iter().map(|event| format!("{:?}: {}", event.reason, message(event))).collect::<Vec<_>>();
            found.map(|event| message(event)).ok_or_else(|| told_instead(&told()))
        })
        .await
}

fn told_instead(events: &[String]) -> String {
    if events.is_empty() { "no Event".to_owned() } else { events.join("; ") }
}

/// Waits until the object is gone.
pub async fn gone<K>(stage: &Stage, what: &str, (api, name): (Api<K>, &str)) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let judge = |seen: Option<&K>| match seen {
        None => Ok(()),
        Some(object) => Err(format!("{:?}", object.meta().deletion_timestamp)),
    };
    stage.watch_one(what, PATIENCE, (api, name), judge).await
}

/// Watches an object for a while and fails as soon as it is not as `judge` wants it.
pub async fn stays<K>(
    what: &str,
    window: Duration,
    (api, name): (Api<K>, &str),
    mut judge: impl FnMut(Option<&K>) -> Result<(), String>,
) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let was_seen = Cell::new(false);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let violated = wait::watch(what, window, (api, config), |seen| {
        was_seen.set(true);
        match judge(seen.values().next()) {
            Ok(()) => Err("all as it should be".to_owned()),
            Err(instead) => Ok(instead),
        }
    })
    .await;
    if let Ok(instead) = violated {
        bail!("{what}: it did not stay so: {instead}");
    }
    ensure!(was_seen.get(), "{what}: nothing was seen: {violated:?}");
    Ok(())
}

/// Watches a binding for a while and fails as soon as it is not placed on exactly these clusters, or leaves one.
pub async fn stays_put(stage: &Stage, window: Duration, template: Template<'_>, on: &[&str]) -> Result<()> {
    let api: Api<ResourceBinding> = Api::namespaced(stage.hub(), template.namespace);
    let what = format!("{} {} stays on {on:?}", template.kind, template.name);
    stays(&what, window, (api, &template.binding()), |seen| {
        let binding = seen.ok_or("there is no binding")?;
        if targets(binding) == on && leaving(binding).is_empty() {
            return Ok(());
        }
        Err(format!("it is placed on {:?}, leaving {:?}", targets(binding), leaving(binding)))
    })
    .await
}
