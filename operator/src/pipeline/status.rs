//! The driver of statuses: observe → aggregate → write once.
//!
//! A new binding's first status waits until all targets have answered, or
//! 500 ms; later ones come at most once a second. Nothing is written when
//! nothing changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll_crds::work::binding::BindingStatus;
use atoll_crds::{ClusterResourceBinding, ResourceBinding};
use atoll_decide::binding::Outcome;
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::interpret::{self, StatusItem};
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::aggregate::{self, ScheduleNews};
use crate::app::App;
use crate::clock;
use crate::fleet::Copies;
use crate::hub::bindings::{Binding, BindingRef};
use crate::hub::template_watch::into_value;
use crate::queue::{AFTER_A_PANIC, Lane};
use crate::tasks::{About, Panicked, contain, fault_point};
use crate::telemetry::metrics::labels::HubWriteLabel;
use crate::telemetry::{Step, steps};

/// A new binding's first status waits at most so long for its targets.
pub const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Between two statuses of one binding.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// A status that could not be written is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What the status driver remembers of the bindings.
#[derive(Default)]
pub struct Statuses {
    inner: Mutex<HashMap<ObjectKey, Remembered>>,
}

#[derive(Clone, Default)]
struct Remembered {
    news: Option<ScheduleNews>,
    created_at: Option<atoll_decide::time::Mono>,
    written_at: Option<atoll_decide::time::Mono>,
    /// What the template's status was last found to say: of these members' statuses, at this version of the template.
    template: Option<(u64, Arc<str>)>,
}

impl Statuses {
    /// Notes how the schedule of a binding went.
    pub fn note_schedule(&self, key: &ObjectKey, news: ScheduleNews) {
        self.with(key, |remembered| {
            remembered.created_at.get_or_insert_with(clock::mono);
            // A later look at the same generation that changes nothing knows less of the schedule than the one that
            // made it, and the first status may not be written yet.
            let before = remembered.news.take().filter(|old| {
                let is_made = matches!(old.outcome, Outcome::Scheduled(_));
                is_made && news.outcome == Outcome::Stands && old.generation == news.generation
            });
            remembered.news = Some(match before {
                Some(old) => ScheduleNews { left_out: news.left_out, ..old },
                None => news,
            });
        });
    }

    /// The generation of the binding that the last schedule was about.
    pub fn scheduled_generation(&self, key: &ObjectKey) -> Option<i64> {
        self.with(key, |remembered| remembered.news.as_ref().map(|news| news.generation))
    }

    /// The binding is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn with<T>(&self, key: &ObjectKey, change: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        change(inner.entry(key.clone()).or_default())
    }
}

/// Works until the task is cancelled.
pub async fn run(app: Arc<App>) {
    loop {
        let work = app.status.next().await;
        if !app.leads() {
            app.status.add_after(work.key.clone(), Lane::CatchUp, TRY_AGAIN);
            continue;
        }
        let step = Step::aggregating(About::object(&work.key));
        let wait = match contain(step.run(update_or_say(&app, &work.key))).await {
            Ok(true) => continue,
            Ok(false) => TRY_AGAIN,
            Err(Panicked) => AFTER_A_PANIC,
        };
        app.status.add_after(work.key.clone(), Lane::CatchUp, wait);
    }
}

/// Whether all is written that has to be.
async fn update_or_say(app: &App, key: &ObjectKey) -> bool {
    fault_point!("aggregating", key);
    let updated = update(app, key).await;
    if let Err(error) = &updated {
        steps::record_error(error);
        tracing::debug!(object = %key, %error, "status not written");
    }
    updated.is_ok()
}

async fn update(app: &App, key: &ObjectKey) -> Result<(), kube::Error> {
    let Some(binding) = app.bindings.get(key) else {
        app.statuses.forget(key);
        return Ok(());
    };
    if binding.deleting {
        return Ok(());
    }
    let copies = app.fleet.copies(key);
    let remembered = app.statuses.with(key, |remembered| remembered.clone());
    if let Some(wait) = too_early(&binding, &copies, &remembered) {
        app.status.add_after(key.clone(), Lane::User, wait);
        return Ok(());
    }
    let status = aggregate::build(&binding, remembered.news.as_ref(), &copies, &app.fleet.view(), &clock::api_time());
    if binding.status.as_deref() != Some(&status) {
        write(app, &binding, status).await?;
        app.statuses.with(key, |remembered| remembered.written_at = Some(clock::mono()));
        if let Some(policy) = App::policy_of(&binding) {
            app.policy_status.add(policy, Lane::User);
        }
    }
    update_template(app, key, &binding, &copies).await
}

fn too_early(binding: &Binding, copies: &Copies, remembered: &Remembered) -> Option<Duration> {
    let now = clock::mono();
    if binding.status.is_none() {
        // A failure that passes by itself is worth no write before the wait is over.
        let settled = |name: &str| copies.get(name).is_some_and(crate::fleet::CopyState::is_settled);
        let all = binding.spec.clusters.iter().all(|target| settled(&target.name));
        let since = remembered.created_at.map_or(FIRST_WAIT, |at| now.since(at));
        return (!all && since < FIRST_WAIT).then(|| FIRST_WAIT.saturating_sub(since));
    }
    let since = remembered.written_at.map(|at| now.since(at))?;
    (since < AT_MOST_EVERY).then(|| AT_MOST_EVERY.saturating_sub(since))
}

async fn write(app: &App, binding: &Binding, status: BindingStatus) -> Result<(), kube::Error> {
    // On the version it was made from: another scheduler and other controllers write there as well.
    let patch = json!({
        "metadata": {"resourceVersion": binding.resource_version},
        "status": replaced(binding.status.as_deref(), &status),
    });
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let BindingRef { namespace, name } = &binding.reference;
    let written = if let Some(namespace) = namespace {
        let api: Api<ResourceBinding> = Api::namespaced(app.hub.clone(), namespace);
        api.patch_status(name, &parameters, &Patch::Merge(patch)).await.map(|object| Binding::of(&object))
    } else {
        let api: Api<ClusterResourceBinding> = Api::all(app.hub.clone());
        api.patch_status(name, &parameters, &Patch::Merge(patch)).await.map(|object| Binding::of(&object))
    };
    match app.metrics.hub.count(HubWriteLabel::BindingStatus, written) {
        Ok(written) => {
            app.bindings.put(written);
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

/// A merge patch to `new`: fields of `old` that are gone are named.
fn replaced(old: Option<&BindingStatus>, new: &BindingStatus) -> Value {
    let mut patch = serde_json::to_value(new).unwrap_or_default();
    if let (Some(Value::Object(old)), Value::Object(patch)) =
        (old.and_then(|old| serde_json::to_value(old).ok()), &mut patch)
    {
        for key in old.keys().filter(|key| !patch.contains_key(*key)).cloned().collect::<Vec<_>>() {
            patch.insert(key, Value::Null);
        }
    }
    patch
}

/// What a cluster reports: in this process, or else as it was told before.
fn status_of<'a>(binding: &'a Binding, copies: &'a Copies, cluster: &ClusterName) -> Option<&'a Value> {
    if let Some(copy) = copies.get(cluster.as_str()).filter(|copy| copy.has_answered()) {
        return copy.status.as_deref();
    }
    let told = binding.status.iter().flat_map(|status| &status.aggregated_status);
    told.into_iter().find(|item| item.cluster_name == cluster.as_str()).and_then(|item| item.status.as_ref())
}

fn fingerprint(items: &[StatusItem<'_>]) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let facts: Vec<_> = items.iter().map(|item| (item.cluster, item.status.map(Value::to_string))).collect();
    BuildHasherDefault::<DefaultHasher>::default().hash_one(facts)
}

/// The template's own status, for the kinds that have one.
async fn update_template(app: &App, key: &ObjectKey, binding: &Binding, copies: &Copies) -> Result<(), kube::Error> {
    if !interpret::aggregates(&key.gvk) {
        return Ok(());
    }
    let Some(kind) = app.kinds.known(&key.gvk) else { return Ok(()) };
    let names: Vec<ClusterName> =
        binding.spec.clusters.iter().map(|target| ClusterName::from(target.name.as_str())).collect();
    let items: Vec<StatusItem<'_>> =
        names.iter().map(|cluster| StatusItem { cluster, status: status_of(binding, copies, cluster) }).collect();
    let told = fingerprint(&items);
    let before = app.statuses.with(key, |remembered| remembered.template.clone());
    let seen = app.templates.get(key).map(|template| Arc::clone(&template.resource_version));
    if before.is_some() && before == seen.map(|version| (told, version)) {
        return Ok(());
    }
    let says = |object: &Value| {
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default().into();
        app.statuses.with(key, |remembered| remembered.template = Some((told, version)));
    };
    let api: Api<DynamicObject> = match &key.namespace {
        Some(namespace) => Api::namespaced_with(app.hub.clone(), namespace.as_str(), &kind.resource),
        None => Api::all_with(app.hub.clone(), &kind.resource),
    };
    let Some(template) = api.get_opt(&key.name).await? else { return Ok(()) };
    let template = into_value(template);
    let now = clock::rfc3339();
    let Some(status) = interpret::aggregate(&key.gvk, &template, &items, &now) else {
        says(&template);
        return Ok(());
    };
    let patch = json!({
        "metadata": {"resourceVersion": template["metadata"]["resourceVersion"]},
        "status": status,
    });
    let parameters = PatchParams { field_manager: Some("atoll-status".into()), ..PatchParams::default() };
    let written = api.patch_status(&key.name, &parameters, &Patch::Merge(patch)).await;
    match app.metrics.hub.count(HubWriteLabel::TemplateStatus, written) {
        Ok(written) => {
            says(&into_value(written));
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}
