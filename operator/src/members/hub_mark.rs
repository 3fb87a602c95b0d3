//! What a member holds of the hub it last obeyed: a `ConfigMap` with the hub's
//! identity and how far it had got (promise I7).
//!
//! Enters: the mark as the member holds it, and this hub as it is now. Leaves:
//! why nothing may be written or deleted there, and the mark, raised after
//! acting. Every write is made on the version that was read, so that another
//! hub's mark is seen before it is overwritten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_crds::condition::cluster::DeletesPaused;
use atoll_crds::names::{CLUSTER_NAMESPACE, HUB_MARK as NAME};
use atoll_decide::deletes::epoch::{Epoch, HubMark, Pause};
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::time::Mono;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::sync::Notify;

use super::failure::Failure;
use super::member::Member;
use super::write;
use crate::app::App;
use crate::clock;
use crate::validate;

/// Until the mark is read nothing goes on.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// A failure that may pass by itself is told when it lasts so many tries.
const TOLD_AFTER: u32 = 5;
/// A standing pause is looked at so often: the mark may be put right on the
/// member itself.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// The decision allows a write only so often; asking more often is idle.
const BETWEEN_WRITES: Duration = Duration::from_secs(10);

/// What is known of the mark on one member.
#[derive(Default)]
pub struct Known {
    state: Mutex<State>,
    forgotten: Notify,
}

#[derive(Default)]
struct State {
    /// None: not read yet.
    epoch: Option<Epoch>,
    /// Why it could not be read, once that is worth telling.
    unread: Option<Failure>,
    /// The mark, and when this process wrote it.
    mark: Option<(HubMark, Mono)>,
    /// The version of the `ConfigMap`; None: there is none.
    version: Option<String>,
}

impl Known {
    /// Why nothing of ours may be written or deleted there because of the mark;
    /// None: it may. A hub that came back older, or another one, would put old
    /// content over newer, and one that has not read the mark may be such a one.
    pub fn pause(&self, member: &Member) -> Option<String> {
        let state = self.lock();
        match &state.epoch {
            None => Some(unread(state.unread.as_ref())),
            Some(Epoch::Proceed) => None,
            Some(Epoch::Pause(why)) => Some(explain(why, member)),
        }
    }

    /// As [`Known::pause`], for an order that would write.
    pub fn hold(&self, member: &Member) -> Option<Hold> {
        let state = self.lock();
        match (&state.epoch, &state.unread) {
            (Some(Epoch::Proceed), _) => None,
            (Some(Epoch::Pause(why)), _) => Some(Hold::For(Failure::Paused(explain(why, member)))),
            (None, None) => Some(Hold::NotYet),
            (None, Some(Failure::Silent(why))) => Some(Hold::For(Failure::Silent(why.clone()))),
            (None, why @ Some(_)) => Some(Hold::For(Failure::Paused(unread(why.as_ref())))),
        }
    }

    /// The pause for the Cluster's condition: what a person has to decide. A mark
    /// that was merely not read yet is none of it.
    pub fn pause_to_tell(&self, member: &Member) -> Option<(DeletesPaused, String)> {
        let state = self.lock();
        let Some(Epoch::Pause(why)) = &state.epoch else { return None };
        let value = match why {
            Pause::OtherHub { .. } => DeletesPaused::HubReplaced,
            Pause::OlderHub { .. } => DeletesPaused::HubRolledBack,
        };
        Some((value, explain(why, member)))
    }

    /// Whether the mark was read.
    pub fn is_read(&self) -> bool {
        self.lock().epoch.is_some()
    }

    /// What was read under an earlier leadership is the past.
    pub fn forget(&self) {
        *self.lock() = State::default();
        self.forgotten.notify_one();
    }

    fn standing(&self) -> Option<Pause> {
        match &self.lock().epoch {
            Some(Epoch::Pause(why)) => Some(why.clone()),
            None | Some(Epoch::Proceed) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands in the way of a write.
pub enum Hold {
    /// The mark is about to be read: nothing is wrong.
    NotYet,
    /// Something that is told of the object.
    For(Failure),
}

fn unread(why: Option<&Failure>) -> String {
    let why = why.map_or_else(|| "it has not answered yet".to_owned(), ToString::to_string);
    format!("what the member knows of its hub has not been read yet: {why}")
}

fn explain(why: &Pause, member: &Member) -> String {
    format!("{why}; if this hub is the right one, run `kubectl atoll approve-deletes {} {}`", member.name, why.token())
}

/// Reads the mark, then raises it after acting.
pub async fn run(app: Arc<App>, member: Arc<Member>) {
    let known = &member.hub_mark;
    let mut tries = 0;
    loop {
        if !known.is_read() {
            if let Err(failure) = read(&app, &member).await {
                tracing::debug!(cluster = %member.name, %failure, "hub mark not read");
                tries += 1;
                put_unread(&member, failure, tries);
                tokio::time::sleep(READ_AGAIN).await;
                continue;
            }
            tries = 0;
            member.lane.retry_all();
        }
        if let Some(why) = known.standing() {
            tokio::time::sleep(LOOK_AGAIN).await;
            look_again(&app, &member, &why).await;
            continue;
        }
        tokio::select! {
            () = known.forgotten.notified() => continue,
            () = member.acted.notified() => {}
        }
        raise(&app, &member).await;
        // Coarse on purpose: at most one write in so long, whatever happens.
        tokio::select! {
            () = known.forgotten.notified() => {}
            () = tokio::time::sleep(BETWEEN_WRITES) => {}
        }
    }
}

/// Silence is told at once, as that of any request; another failure when it
/// needs somebody, or lasts.
fn put_unread(member: &Member, failure: Failure, tries: u32) {
    let is_told = failure.is_silence() || failure.is_final() || tries >= TOLD_AFTER;
    let before = std::mem::replace(&mut member.hub_mark.lock().unread, is_told.then_some(failure));
    if is_told && before.is_none() {
        // What waits for the mark learns why it waits.
        member.lane.retry_all();
    }
}

/// A pause ends by a person's word, or when the mark is put right.
async fn look_again(app: &App, member: &Member, why: &Pause) {
    approve(app, member, why).await;
    if let Err(failure) = read(app, member).await {
        tracing::debug!(cluster = %member.name, %failure, "hub mark not read");
    }
    if member.hub_mark.standing().is_none() {
        member.lane.retry_all();
    }
}

async fn read(app: &App, member: &Member) -> Result<(), Failure> {
    let found = bounded(config_maps(member).get_opt(NAME)).await?;
    let mark = found.as_ref().map(parse).transpose()?;
    let here = HubMark { uid: app.hub_uid.to_string(), resource_version: fetch_hub_version(app).await? };
    let told = app.clusters.get(&member.name).is_some_and(|cluster| validate::cluster::is_rolled_back(&cluster));
    let mut state = member.hub_mark.lock();
    let same = state.mark.as_ref().map(|(mark, _)| mark) == mark.as_ref();
    let was_older = match &state.epoch {
        // An earlier process may have found it, and said so on the Cluster.
        None => told,
        Some(Epoch::Pause(Pause::OlderHub { .. })) => same,
        Some(_) => false,
    };
    let compare = if was_older { HubMark::compare_again } else { HubMark::compare };
    state.epoch = Some(compare(mark.as_ref(), &here));
    state.unread = None;
    state.version = found.and_then(|map| map.resource_version());
    if !same {
        state.mark = mark.map(|mark| (mark, Mono::default()));
    }
    Ok(())
}

/// A mark that is there and says nothing is not one that is not there.
fn parse(map: &ConfigMap) -> Result<HubMark, Failure> {
    let field = |name: &str| map.data.as_ref().and_then(|data| data.get(name));
    let uid = field("hubUid").cloned();
    let version = field("resourceVersion").and_then(|version| version.parse().ok());
    uid.zip(version).map(|(uid, resource_version)| HubMark { uid, resource_version }).ok_or_else(|| {
        Failure::Rejected(format!(
            "ConfigMap {CLUSTER_NAMESPACE}/{NAME} there lacks hubUid or a numeric resourceVersion; if no other hub \
             serves that cluster, delete it"
        ))
    })
}

/// Takes a person's word that this hub is the right one: its mark replaces the
/// old one, and what waited goes on.
async fn approve(app: &App, member: &Member, why: &Pause) {
    let token = why.token();
    if member.approval.offered(app, member).as_deref() != Some(token.as_str()) {
        return;
    }
    let written = async {
        let mark = HubMark { uid: app.hub_uid.to_string(), resource_version: fetch_hub_version(app).await? };
        store(app, member, mark).await
    };
    match written.await {
        Ok(()) => {
            tracing::warn!(cluster = %member.name, "a person approved this hub");
            member.hub_mark.lock().epoch = Some(Epoch::Proceed);
            member.approval.take(token);
        }
        Err(failure) => tracing::warn!(cluster = %member.name, %failure, "the approved mark was not written"),
    }
}

/// Where the hub is now: a list carries the store's current version, whatever
/// it lists.
async fn fetch_hub_version(app: &App) -> Result<u64, Failure> {
    let namespaces: Api<Namespace> = Api::all(app.hub.clone());
    let parameters = ListParams::default().limit(1);
    let unknown = |why: String| Failure::Busy(format!("the hub's version is not known: {why}"));
    let list = bounded(namespaces.list_metadata(&parameters)).await.map_err(|failure| unknown(failure.to_string()))?;
    let version = list.metadata.resource_version.and_then(|version| version.parse().ok());
    version.ok_or_else(|| unknown("its list carries none".to_owned()))
}

async fn raise(app: &App, member: &Member) {
    let acted = HubMark { uid: app.hub_uid.to_string(), resource_version: app.bindings.highest_version() };
    {
        let state = member.hub_mark.lock();
        let written = state.mark.as_ref().map(|(mark, at)| (mark, *at));
        if state.epoch != Some(Epoch::Proceed) || !HubMark::should_write(written, &acted, clock::mono()) {
            return;
        }
    }
    if let Err(failure) = store(app, member, acted).await {
        tracing::debug!(cluster = %member.name, %failure, "hub mark not written");
        if matches!(failure, Failure::Raced(_)) {
            // Somebody else wrote it: it is judged before anything goes on.
            member.hub_mark.forget();
        }
    }
}

/// Writes the mark over the one that was read, and over no other.
async fn store(app: &App, member: &Member, mark: HubMark) -> Result<(), Failure> {
    let maps = config_maps(member);
    let version = member.hub_mark.lock().version.clone();
    let map = config_map(&mark, version.clone());
    let create = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let written = if version.is_some() {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        guarded(app, maps.patch(NAME, &parameters, &Patch::Apply(&map))).await
    } else {
        match guarded(app, maps.create(&create, &map)).await {
            Err(Failure::NamespaceMissing(_)) => {
                ensure_namespace(app, member).await?;
                guarded(app, maps.create(&create, &map)).await
            }
            answer => answer,
        }
    }?;
    let mut state = member.hub_mark.lock();
    state.version = written.resource_version();
    state.mark = Some((mark, clock::mono()));
    Ok(())
}

fn config_map(mark: &HubMark, version: Option<String>) -> ConfigMap {
    let data = [("hubUid", mark.uid.clone()), ("resourceVersion", mark.resource_version.to_string())];
    let metadata = ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(CLUSTER_NAMESPACE.to_owned()),
        resource_version: version,
        ..ObjectMeta::default()
    };
    let data = data.map(|(name, value)| (name.to_owned(), value)).into();
    ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }
}

async fn ensure_namespace(app: &App, member: &Member) -> Result<(), Failure> {
    let namespaces: Api<Namespace> = Api::all(member.connection.work.clone());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CLUSTER_NAMESPACE}});
    let parameters = PatchParams::apply(FIELD_MANAGER);
    guarded(app, namespaces.patch(CLUSTER_NAMESPACE, &parameters, &Patch::Apply(&namespace))).await.map(drop)
}

/// A write is made only under a Lease that outlives it (promise I9).
async fn guarded<T>(app: &App, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    let ends = || Failure::Busy("this replica's Lease may end".to_owned());
    let _permit = app.write_guard.begin(write::DEADLINE).ok_or_else(ends)?;
    bounded(request).await
}

async fn bounded<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(write::DEADLINE, request).await {
        Ok(answer) => answer.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::Silent(format!("nothing within {:?}", write::DEADLINE))),
    }
}

fn config_maps(member: &Member) -> Api<ConfigMap> {
    Api::namespaced(member.connection.work.clone(), CLUSTER_NAMESPACE)
}
