//! What a member remembers of its hub: who it is, and how far it had come
//! (promise I7). A hub that came back older, or another one, deletes nothing
//! there until a person approves.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use atoll_crds::condition::cluster::DeletesPaused;
use atoll_crds::names::{CLUSTER_NAMESPACE, HUB_MARK as NAME};
use atoll_decide::deletes::epoch::{Epoch, HubMark, Pause};
use atoll_decide::time::Mono;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use super::failure::Failure;
use super::member::Member;
use super::write;
use crate::app::App;
use crate::clock;

/// A failed read or write is repeated after this.
const TRY_AGAIN: Duration = Duration::from_secs(3);
/// The decision allows a write only so often; asking more often is idle.
const BETWEEN_WRITES: Duration = Duration::from_secs(10);

/// What is known of the mark.
#[derive(Default)]
pub struct State {
    /// None: not read yet, so nothing may be deleted.
    epoch: Option<Epoch>,
    written: Option<(HubMark, Mono)>,
}

/// Why deletes may not go on there because of the mark; None: they may.
pub fn pause(member: &Member) -> Option<String> {
    let state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
    match &state.epoch {
        None => Some("what the member knows of its hub has not been read yet".to_owned()),
        Some(Epoch::Proceed) => None,
        Some(Epoch::Pause(why)) => Some(explain(why, member)),
    }
}

/// The condition value of such a pause.
pub fn pause_value(member: &Member) -> Option<DeletesPaused> {
    let state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
    match &state.epoch {
        Some(Epoch::Pause(Pause::OtherHub { .. })) => Some(DeletesPaused::HubReplaced),
        Some(Epoch::Pause(Pause::OlderHub { .. })) => Some(DeletesPaused::HubRolledBack),
        None | Some(Epoch::Proceed) => None,
    }
}

fn explain(why: &Pause, member: &Member) -> String {
    format!("{why}; if this hub is the right one, run `kubectl atoll approve-deletes {} {}`", member.name, token(why))
}

/// What a person repeats to let this hub go on there. It names what was seen,
/// so it is worth nothing for another hub or another state.
fn token(why: &Pause) -> String {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let seen = BuildHasherDefault::<DefaultHasher>::default().hash_one(why.to_string());
    format!("hub-{:08x}", seen >> 32)
}

/// As [`pause`], for what a person has to decide: a mark that was merely not
/// read yet is none of it.
pub fn pause_by_mark(member: &Member) -> Option<String> {
    let state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
    match &state.epoch {
        Some(Epoch::Pause(why)) => Some(explain(why, member)),
        None | Some(Epoch::Proceed) => None,
    }
}

/// Reads the mark once it can, then raises it after acting.
pub async fn run(app: Arc<App>, member: Arc<Member>) {
    while let Err(failure) = read(&app, &member).await {
        tracing::debug!(cluster = %member.name, %failure, "hub mark not read");
        tokio::time::sleep(TRY_AGAIN).await;
    }
    member.lane.retry_all();
    loop {
        if pause_by_mark(&member).is_some() {
            tokio::time::sleep(TRY_AGAIN).await;
            approve(&app, &member).await;
            // The mark may have been put right on the member itself.
            if let Err(failure) = read(&app, &member).await {
                tracing::debug!(cluster = %member.name, %failure, "hub mark not read");
            }
            if pause_by_mark(&member).is_none() {
                member.lane.retry_all();
            }
            continue;
        }
        member.acted.notified().await;
        raise(&app, &member).await;
        // Coarse on purpose: at most one write in so long, whatever happens.
        tokio::time::sleep(BETWEEN_WRITES).await;
    }
}

async fn read(app: &App, member: &Member) -> Result<(), Failure> {
    let config_maps = config_maps(member);
    let found = match tokio::time::timeout(write::DEADLINE, config_maps.get_opt(NAME)).await {
        Ok(answer) => answer.map_err(|error| Failure::of(&error))?,
        Err(_) => return Err(Failure::Silent("the hub mark was not answered".into())),
    };
    let mark = found.and_then(|map| {
        let data = map.data?;
        Some(HubMark { uid: data.get("hubUid")?.clone(), resource_version: data.get("resourceVersion")?.parse().ok()? })
    });
    let here = HubMark { uid: app.hub_uid.to_string(), resource_version: fetch_hub_version(app).await? };
    let mut state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
    state.epoch = Some(HubMark::compare(mark.as_ref(), &here));
    state.written = mark.map(|mark| (mark, Mono::default()));
    Ok(())
}

/// Takes a person's word that this hub is the right one: its mark replaces the
/// old one, and what waited goes on.
async fn approve(app: &App, member: &Member) {
    let expected = {
        let state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Epoch::Pause(why)) = &state.epoch else { return };
        token(why)
    };
    if app.approved_deletes(&member.name).as_deref() != Some(expected.as_str()) || !app.leads() {
        return;
    }
    let approved = async {
        let version = fetch_hub_version(app).await.map_err(|failure| failure.to_string())?;
        let mark = HubMark { uid: app.hub_uid.to_string(), resource_version: version };
        store(member, &mark).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(mark)
    };
    match approved.await {
        Ok(mark) => {
            tracing::warn!(cluster = %member.name, "a person approved this hub");
            let mut state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
            *state = State { epoch: Some(Epoch::Proceed), written: Some((mark, clock::mono())) };
            drop(state);
            member.lane.retry_all();
        }
        Err(error) => tracing::warn!(cluster = %member.name, %error, "the approved mark was not written"),
    }
}

/// Where the hub is now: a list carries the store's current version, whatever
/// it lists.
async fn fetch_hub_version(app: &App) -> Result<u64, Failure> {
    let namespaces: Api<Namespace> = Api::all(app.hub.clone());
    let list = namespaces.list_metadata(&ListParams::default().limit(1)).await;
    let list = list.map_err(|error| Failure::Busy(format!("the hub's version is not known: {error}")))?;
    let version = list.metadata.resource_version.and_then(|version| version.parse().ok());
    version.ok_or_else(|| Failure::Busy("the hub's list carries no version".into()))
}

async fn raise(app: &App, member: &Member) {
    let acted = HubMark { uid: app.hub_uid.to_string(), resource_version: app.highest_version() };
    {
        let state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
        let written = state.written.as_ref().map(|(mark, at)| (mark, *at));
        if state.epoch != Some(Epoch::Proceed) || !HubMark::should_write(written, &acted, clock::mono()) {
            return;
        }
    }
    let Some(_permit) = app.write_guard.begin(write::DEADLINE) else { return };
    match store(member, &acted).await {
        Ok(()) => {
            let mut state = member.hub_mark.lock().unwrap_or_else(PoisonError::into_inner);
            state.written = Some((acted, clock::mono()));
        }
        Err(error) => tracing::debug!(cluster = %member.name, %error, "hub mark not written"),
    }
}

async fn store(member: &Member, mark: &HubMark) -> Result<(), kube::Error> {
    let parameters = PatchParams::apply("atoll").force();
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": CLUSTER_NAMESPACE},
        "data": {"hubUid": mark.uid, "resourceVersion": mark.resource_version.to_string()},
    });
    match config_maps(member).patch(NAME, &parameters, &Patch::Apply(&map)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let namespaces: Api<Namespace> = Api::all(member.connection.work.clone());
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CLUSTER_NAMESPACE}});
            namespaces.patch(CLUSTER_NAMESPACE, &parameters, &Patch::Apply(&namespace)).await?;
            config_maps(member).patch(NAME, &parameters, &Patch::Apply(&map)).await.map(|_| ())
        }
        answer => answer.map(|_| ()),
    }
}

fn config_maps(member: &Member) -> Api<ConfigMap> {
    Api::namespaced(member.connection.work.clone(), CLUSTER_NAMESPACE)
}
