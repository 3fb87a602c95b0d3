//! One watch for each kind that a policy selects or a binding speaks of; none
//! for any other kind.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use atoll_crds::names::is_reserved_namespace;
use atoll_crds::names::reserved::{is_never_propagated, is_system_namespace};
use atoll_decide::ids::{Gvk, ObjectKey};
use kube::core::DynamicObject;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use serde_json::Value;
use tokio::sync::watch;

use super::templates::Template;
use crate::app::App;
use crate::members::intent::KindInfo;
use crate::queue::Lane;
use crate::tasks::{Task, TaskKind, Tasks};
use crate::telemetry::Cause;
use crate::telemetry::metrics::labels::WatchLabel;
use crate::watch::{Sink, follow, is_forbidden, tell_broken};

/// A kind that the hub does not serve is asked for again after this long.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Keeps exactly the wanted kinds watched.
pub async fn run(app: Arc<App>, tasks: Tasks, mut wanted: watch::Receiver<BTreeSet<Gvk>>) {
    // Made anew after a panic, this begins with no watch: none of the old ones may go on beside the new ones.
    let _end_with_it = tasks.cancelled().drop_guard();
    app.synced.wait().await;
    app.update_watched_kinds();
    let mut running: HashMap<Gvk, Tasks> = HashMap::new();
    loop {
        let kinds = wanted.borrow_and_update().clone();
        running.retain(|kind, watch| {
            let keep = kinds.contains(kind);
            if !keep {
                watch.cancelled().cancel();
            }
            keep
        });
        app.kinds.forget_forbidden(&kinds);
        for kind in kinds {
            running.entry(kind.clone()).or_insert_with(|| {
                let group = tasks.child();
                let (app, task) = (Arc::clone(&app), Task::from(TaskKind::TemplateWatch).about(&kind));
                group.spawn(task, move || watch_kind(Arc::clone(&app), kind.clone()));
                group
            });
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

/// The kinds to watch: selected or bound, and neither the federation's own nor
/// refused because this hub would run them.
pub fn wanted(app: &App) -> BTreeSet<Gvk> {
    let bound = app.bindings.all().into_iter().map(|(key, _)| key.gvk);
    let refused = app.refused_kinds.borrow().clone();
    let wanted = app.policies.kinds().into_iter().chain(bound);
    wanted.filter(|kind| !is_never_propagated(&kind.group, &kind.kind) && !refused.contains(kind)).collect()
}

async fn watch_kind(app: Arc<App>, gvk: Gvk) {
    let kind = loop {
        match app.kinds.resolve(&gvk).await {
            Ok(kind) => {
                app.policy_status_of_kind(&gvk);
                break kind;
            }
            Err(error) => {
                tracing::debug!(kind = %gvk, %error, "kind not available");
                app.policy_status_of_kind(&gvk);
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    };
    // Copies may be anywhere, on members that nothing names any more as well.
    for member in app.members.all() {
        member.watch_kind(&app, &kind);
    }
    let api: Api<DynamicObject> = Api::all_with(app.hub.clone(), &kind.resource);
    let broken = (app.metrics.watches.clone(), WatchLabel::Template);
    let sink = TemplateSink { app, gvk, kind, seen: HashSet::new() };
    follow(api, watcher::Config::default(), sink, broken).await;
}

struct TemplateSink {
    app: Arc<App>,
    gvk: Gvk,
    kind: Arc<KindInfo>,
    seen: HashSet<ObjectKey>,
}

impl TemplateSink {
    fn key(&self, object: &DynamicObject) -> ObjectKey {
        let namespace = object.namespace().map(Into::into);
        ObjectKey { gvk: self.gvk.clone(), namespace, name: object.name_any().into() }
    }
}

impl Sink<DynamicObject> for TemplateSink {
    fn relisting(&mut self) {
        self.seen.clear();
    }

    fn applied(&mut self, object: DynamicObject, listed: bool) {
        let key = self.key(&object);
        if !is_propagated(&key) {
            return;
        }
        if listed {
            self.seen.insert(key.clone());
        }
        let template = Template::of(key.clone(), into_value(object), &self.kind);
        if self.app.templates.put(template) {
            let lane = if listed { Lane::CatchUp } else { Lane::User };
            self.app.reconcile.add_for(key, lane, Cause::Template);
        }
    }

    fn deleted(&mut self, object: DynamicObject) {
        let key = self.key(&object);
        if self.app.templates.remove(&key) {
            self.app.reconcile.add_for(key, Lane::User, Cause::TemplateGone);
        }
    }

    fn broken(&mut self, error: &watcher::Error) {
        if is_forbidden(error) {
            // Tried on: somebody may give us the right. Said once.
            if self.app.kinds.set_forbidden(&self.gvk, true) {
                tracing::warn!(kind = %self.gvk, %error, "the hub does not let us read a kind that a policy selects");
                self.app.policy_status_of_kind(&self.gvk);
            }
        } else {
            tell_broken(error);
        }
    }

    fn synced(&mut self) {
        self.app.kinds.set_forbidden(&self.gvk, false);
        for key in self.app.templates.keys_of(&self.gvk).difference(&self.seen) {
            self.app.templates.remove(key);
            self.app.reconcile.add_for(key.clone(), Lane::CatchUp, Cause::TemplateGone);
        }
        self.seen = HashSet::new();
        self.app.templates.set_listed(&self.gvk);
        self.app.policy_status_of_kind(&self.gvk);
    }
}

/// Objects of the control plane itself never travel (karmada-api 2.2).
fn is_propagated(key: &ObjectKey) -> bool {
    let reserved = |namespace: &str| is_reserved_namespace(namespace) || is_system_namespace(namespace);
    key.namespace.as_ref().is_none_or(|namespace| !reserved(namespace.as_str()))
}

/// The object as plain JSON.
pub fn into_value(object: DynamicObject) -> Value {
    let mut value = object.data;
    if !value.is_object() {
        value = Value::Object(serde_json::Map::new());
    }
    if let Ok(metadata) = serde_json::to_value(&object.metadata) {
        value["metadata"] = metadata;
    }
    if let Some(types) = object.types {
        value["apiVersion"] = types.api_version.into();
        value["kind"] = types.kind.into();
    }
    value
}
