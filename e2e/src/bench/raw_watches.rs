//! The watches that an operator has open while it works: templates and bindings of the hub, our copies on each member.
//!
//! In: nothing but where. Out: nothing; every object is read in full, as an operator reads it, and dropped.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::binding;
use super::site::Site;

/// A list of a few thousand small objects takes a second; this is for a busy machine.
const OPEN_DEADLINE: Duration = Duration::from_mins(1);

/// The watches, until they are dropped.
pub struct RawWatches {
    _tasks: JoinSet<()>,
}

impl RawWatches {
    /// Opens them all; returns when each has told what was there.
    pub async fn open(site: &Site) -> Result<Self> {
        let config_maps = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "ConfigMap"));
        let everything = watcher::Config::default;
        let ours = || watcher::Config::default().labels(binding::MANAGED);
        let mut tasks = JoinSet::new();
        let mut opening = Vec::new();
        let mut open = |what: String, client: &Client, kind: &ApiResource, config: watcher::Config| {
            let (opened, is_open) = oneshot::channel();
            tasks.spawn(drain(Api::all_with(client.clone(), kind), config.streaming_lists(), opened));
            opening.push((what, is_open));
        };
        open("templates on the hub".into(), &site.hub, &config_maps, everything());
        open("bindings on the hub".into(), &site.hub, &binding::resource(), everything());
        for member in &site.members {
            open(format!("copies on {}", member.name), &member.client, &config_maps, ours());
        }
        for (what, is_open) in opening {
            let opened = timeout(OPEN_DEADLINE, is_open).await;
            opened.with_context(|| format!("the watch on {what} did not open within {OPEN_DEADLINE:?}"))??;
        }
        Ok(Self { _tasks: tasks })
    }
}

async fn drain(api: Api<DynamicObject>, config: watcher::Config, opened: oneshot::Sender<()>) {
    let mut opened = Some(opened);
    let mut events = watcher(api, config).default_backoff().boxed();
    while let Some(event) = events.next().await {
        if matches!(event, Ok(Event::InitDone))
            && let Some(opened) = opened.take()
        {
            // Nobody waits any more when the bench was given up.
            let _ = opened.send(());
        }
    }
}
