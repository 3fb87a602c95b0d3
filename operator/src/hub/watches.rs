//! The watches on the hub: each puts what it sees into its store and names the
//! templates that have to be looked at again.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use atoll_crds::policy::override_policy::Overrides as OverridesKind;
use atoll_crds::policy::propagation::Policy as PolicyKind;
use atoll_crds::work::binding::Binding as BindingKind;
use atoll_crds::{
    Cluster, ClusterOverridePolicy, ClusterPropagationPolicy, ClusterResourceBinding, OverridePolicy,
    PropagationPolicy, ResourceBinding,
};
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::matching::{PolicyRef, Scope, Template as Matched};
use atoll_decide::overrides::OverridePolicy as Checked;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::bindings::Binding;
use super::policies::Known;
use super::synced::List;
use crate::app::App;
use crate::pipeline::claim;
use crate::queue::Lane;
use crate::tasks::{Task, TaskKind, Tasks};
use crate::telemetry::Cause;
use crate::telemetry::metrics::labels::WatchLabel;
use crate::validate;
use crate::watch::{Sink, follow};

/// Starts every watch on the hub but those on templates.
pub fn start(app: &Arc<App>, tasks: &Tasks) {
    let policies = |list| move |app| PolicySink { app, list, seen: HashSet::new() };
    spawn::<PropagationPolicy, _>(app, tasks, policies(List::PropagationPolicies));
    spawn::<ClusterPropagationPolicy, _>(app, tasks, policies(List::ClusterPropagationPolicies));
    let overrides = |list| move |app| OverrideSink { app, list, seen: HashSet::new() };
    spawn::<OverridePolicy, _>(app, tasks, overrides(List::OverridePolicies));
    spawn::<ClusterOverridePolicy, _>(app, tasks, overrides(List::ClusterOverridePolicies));
    let bindings = |list| move |app| BindingSink { app, list, before: Vec::new(), seen: HashSet::new() };
    spawn::<ResourceBinding, _>(app, tasks, bindings(List::ResourceBindings));
    spawn::<ClusterResourceBinding, _>(app, tasks, bindings(List::ClusterResourceBindings));
    spawn::<Cluster, _>(app, tasks, |app| ClusterSink { app, seen: HashSet::new() });
    spawn::<Namespace, _>(app, tasks, |app| NamespaceSink { app });
}

fn spawn<K, S>(app: &Arc<App>, tasks: &Tasks, sink: impl Fn(Arc<App>) -> S + Send + 'static)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    S: Sink<K> + 'static,
{
    let app = Arc::clone(app);
    let task = Task::from(TaskKind::HubWatch).about(&K::plural(&()));
    tasks.spawn(task, move || {
        let api: Api<K> = Api::all(app.hub.clone());
        let broken = (app.metrics.watches.clone(), WatchLabel::Hub);
        follow(api, watcher::Config::default(), sink(Arc::clone(&app)), broken)
    });
}

/// Whose name a policy goes by.
pub fn reference_of<K: ResourceExt>(object: &K) -> PolicyRef {
    let name = object.name_any();
    match object.namespace() {
        Some(namespace) => PolicyRef::namespaced(namespace, &name),
        None => PolicyRef::cluster(&name),
    }
}

struct PolicySink {
    app: Arc<App>,
    list: List,
    seen: HashSet<PolicyRef>,
}

impl PolicySink {
    /// Templates that the policy holds or selects, in either of two states.
    fn touch(&self, reference: &PolicyRef, states: &[&Known], lane: Lane) {
        let selects = |known: &Known, key: &ObjectKey, labels: &_| match known {
            Known::Valid(policy) => policy.matching.matches(&Matched { key, labels, claimed_by: None }).is_some(),
            Known::Invalid { .. } => false,
        };
        let keys = self.app.templates.keys_where(|template| {
            claim::recorded(template).is_some_and(|claim| claim.policy == *reference)
                || states.iter().any(|known| selects(known, &template.key, &template.labels))
        });
        for key in keys {
            self.app.reconcile.add_for(key, lane, Cause::Policy);
        }
        self.app.policy_status.add(reference.clone(), lane);
        self.app.policy_identity.add(reference.clone(), lane);
    }
}

impl<P: PolicyKind + ResourceExt + Send> Sink<P> for PolicySink {
    fn relisting(&mut self) {
        self.seen.clear();
    }

    fn applied(&mut self, object: P, listed: bool) {
        let reference = reference_of(&object);
        if listed {
            self.seen.insert(reference.clone());
        }
        if let Some(status) = object.status() {
            self.app.policies.put_status(&reference, status.clone());
        }
        let id = object.labels().get(claim::id_label(&reference)).cloned().unwrap_or_default();
        let generation = object.meta().generation.unwrap_or_default();
        let known = match validate::policy::policy(&object, &id) {
            Ok(policy) => Known::Valid(Arc::new(policy)),
            Err(problems) => Known::Invalid { generation, problems: problems.into() },
        };
        let before = self.app.policies.put(reference.clone(), known.clone());
        if before.as_ref().is_some_and(|before| same(before, &known)) {
            return;
        }
        let states: Vec<&Known> = before.iter().chain([&known]).collect();
        self.touch(&reference, &states, if listed { Lane::CatchUp } else { Lane::User });
        self.app.update_watched_kinds();
    }

    fn deleted(&mut self, object: P) {
        let reference = reference_of(&object);
        let before = self.app.policies.remove(&reference);
        self.touch(&reference, &before.iter().collect::<Vec<_>>(), Lane::User);
    }

    fn synced(&mut self) {
        let cluster_wide = self.list == List::ClusterPropagationPolicies;
        let known = self.app.policies.all().into_iter().map(|(reference, _)| reference);
        let gone: Vec<_> = known
            .filter(|reference| (reference.scope == Scope::Cluster) == cluster_wide && !self.seen.contains(reference))
            .collect();
        for reference in gone {
            let before = self.app.policies.remove(&reference);
            self.touch(&reference, &before.iter().collect::<Vec<_>>(), Lane::CatchUp);
        }
        self.app.synced.set(self.list);
        self.app.update_watched_kinds();
    }
}

/// Whether nothing changed that a template would feel.
fn same(before: &Known, now: &Known) -> bool {
    match (before, now) {
        (Known::Valid(before), Known::Valid(now)) => before.matching == now.matching && before.spec == now.spec,
        (Known::Invalid { generation: before, .. }, Known::Invalid { generation: now, .. }) => before == now,
        _ => false,
    }
}

struct OverrideSink {
    app: Arc<App>,
    list: List,
    seen: HashSet<PolicyRef>,
}

impl OverrideSink {
    fn touch(&self, states: &[&Checked], lane: Lane) {
        let concerns = |key: &ObjectKey, labels: &_| states.iter().any(|policy| policy.matches(key, labels).is_some());
        for key in self.app.templates.keys_where(|template| concerns(&template.key, &template.labels)) {
            self.app.reconcile.add_for(key, lane, Cause::Override);
        }
        self.app.members.namespaces_changed(&self.app.namespaces.names());
    }
}

impl<P: OverridesKind + ResourceExt + Send> Sink<P> for OverrideSink {
    fn relisting(&mut self) {
        self.seen.clear();
    }

    fn applied(&mut self, object: P, listed: bool) {
        let reference = reference_of(&object);
        if listed {
            self.seen.insert(reference.clone());
        }
        match validate::overrides::policy(&object) {
            Ok(policy) => {
                let now = Arc::new(policy);
                let before = self.app.overrides.put(reference, Arc::clone(&now));
                if before.as_ref() != Some(&now) {
                    let states: Vec<_> = before.as_deref().into_iter().chain([&*now]).collect();
                    self.touch(&states, if listed { Lane::CatchUp } else { Lane::User });
                }
            }
            Err(problems) => {
                let earlier = self.app.overrides.contains(&reference);
                let instead = if earlier { "its last valid version stays in force" } else { "it is not in force" };
                let message = format!("{reference}: {instead}: {}", validate::sentence(&problems));
                self.app.events.warn(object.object_ref(&()), "ApplyOverridePolicyFailed", &message);
            }
        }
    }

    fn deleted(&mut self, object: P) {
        if let Some(before) = self.app.overrides.remove(&reference_of(&object)) {
            self.touch(&[&before], Lane::User);
        }
    }

    fn synced(&mut self) {
        let cluster_wide = self.list == List::ClusterOverridePolicies;
        let known = self.app.overrides.names().into_iter();
        let gone = known.filter(|name| (name.scope == Scope::Cluster) == cluster_wide && !self.seen.contains(name));
        for before in gone.filter_map(|name| self.app.overrides.remove(&name)).collect::<Vec<_>>() {
            self.touch(&[&before], Lane::CatchUp);
        }
        self.app.synced.set(self.list);
    }
}

struct BindingSink {
    app: Arc<App>,
    list: List,
    /// What was known when a list began. A binding that was created since is newer than the list.
    before: Vec<(ObjectKey, Arc<Binding>)>,
    seen: HashSet<String>,
}

impl BindingSink {
    fn remove(&self, key: ObjectKey, uid: &str, lane: Lane) {
        if self.app.bindings.remove(&key, uid) {
            self.app.fleet.forget_binding(&key);
            self.app.forget_template(&key);
            self.app.reconcile.add_for(key, lane, Cause::BindingGone);
        }
    }
}

impl<B: BindingKind + ResourceExt + Send> Sink<B> for BindingSink {
    fn relisting(&mut self) {
        self.seen.clear();
        self.before = self.app.bindings.all();
    }

    fn applied(&mut self, object: B, listed: bool) {
        let binding = Binding::of(&object);
        if listed {
            self.seen.insert(binding.uid.to_string());
        }
        let key = binding.template();
        let before = self.app.bindings.get(&key);
        let looks_the_same = before.as_ref().is_some_and(|before| {
            before.uid == binding.uid
                && before.spec == binding.spec
                && before.deleting == binding.deleting
                && before.annotations == binding.annotations
        });
        if !self.app.bindings.put(binding) {
            return;
        }
        if !looks_the_same {
            let lane = if listed { Lane::CatchUp } else { Lane::User };
            self.app.reconcile.add_for(key.clone(), lane, Cause::Binding);
        }
        if before.is_none() && !self.app.wanted_kinds.borrow().contains(&key.gvk) {
            self.app.update_watched_kinds();
        }
    }

    fn deleted(&mut self, object: B) {
        let binding = Binding::of(&object);
        self.remove(binding.template(), &binding.uid, Lane::User);
    }

    fn synced(&mut self) {
        let cluster_wide = self.list == List::ClusterResourceBindings;
        for (key, binding) in std::mem::take(&mut self.before) {
            if binding.reference.namespace.is_none() == cluster_wide && !self.seen.contains(&*binding.uid) {
                self.remove(key, &binding.uid, Lane::CatchUp);
            }
        }
        self.app.synced.set(self.list);
        self.app.update_watched_kinds();
    }
}

struct ClusterSink {
    app: Arc<App>,
    seen: HashSet<ClusterName>,
}

impl ClusterSink {
    fn remove(&self, name: &ClusterName) {
        self.app.clusters.remove(name);
        self.app.members.cluster_changed(name.clone());
    }
}

impl Sink<Cluster> for ClusterSink {
    fn relisting(&mut self) {
        self.seen.clear();
    }

    fn applied(&mut self, cluster: Cluster, listed: bool) {
        let name = ClusterName::from(cluster.name_any());
        if listed {
            self.seen.insert(name.clone());
        }
        if self.app.clusters.put(cluster) {
            // In the view before the list counts as complete: a decision must
            // never see a part of the fleet.
            self.app.publish_cluster(&name, None);
            self.app.members.cluster_changed(name);
        }
    }

    fn deleted(&mut self, cluster: Cluster) {
        self.remove(&ClusterName::from(cluster.name_any()));
    }

    fn synced(&mut self) {
        for name in self.app.clusters.names().into_iter().filter(|name| !self.seen.contains(name)) {
            self.remove(&name);
        }
        self.app.synced.set(List::Clusters);
    }
}

struct NamespaceSink {
    app: Arc<App>,
}

impl Sink<Namespace> for NamespaceSink {
    fn applied(&mut self, namespace: Namespace, _listed: bool) {
        if self.app.namespaces.put(&namespace) {
            self.app.members.namespace_changed(&namespace.name_any());
        }
    }

    fn deleted(&mut self, namespace: Namespace) {
        // Seen to go, with its uid: the members' copies follow once a read
        // confirms it. One that vanished while nobody looked is left alone.
        if let Some(gone) = self.app.namespaces.remove(&namespace.name_any()) {
            self.app.members.namespace_deleted(&namespace.name_any(), &gone);
        }
    }

    fn synced(&mut self) {
        self.app.synced.set(List::Namespaces);
    }
}
