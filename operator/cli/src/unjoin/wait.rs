//! Waits until a Cluster is gone and tells what happens meanwhile.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use atoll_crds::Cluster;
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};

use super::progress;
use crate::connect::Side;
use crate::console::Console;

/// What the hub tells.
enum News {
    /// The Cluster; None: it is gone.
    Cluster(Option<Box<Cluster>>),
    /// An Event about it.
    Event(Box<Event>),
    /// A watch failed; it repeats itself.
    Trouble(watcher::Error),
}

/// The last state seen before the Cluster was gone.
pub async fn until_gone(hub: &Side, cluster: &Cluster, deadline: Duration, console: Console) -> Result<Cluster> {
    let mut last = cluster.clone();
    let followed = tokio::time::timeout(deadline, follow(hub, &mut last, console)).await;
    match followed {
        Ok(ended) => ended.map(|()| last),
        Err(_) => bail!(
            "hub: cluster {} has not left within {} s: {}. The operator goes on with it, provided that it runs; \
             the same command waits again",
            last.name_any(),
            deadline.as_secs(),
            progress::holders(&last)
        ),
    }
}

async fn follow(hub: &Side, last: &mut Cluster, console: Console) -> Result<()> {
    let name = last.name_any();
    let mut news = Box::pin(stream::select(watch_cluster(hub, &name), watch_events(hub, &name)));
    while let Some(news) = news.next().await {
        match news {
            News::Cluster(Some(now)) if now.uid() == last.uid() => {
                for line in progress::changes(last, &now) {
                    console.say(format_args!("  {line}"));
                }
                *last = *now;
            }
            // Another one of the same name is not the one that left.
            News::Cluster(_) => return Ok(()),
            News::Event(event) => {
                let text = event.message.or(event.reason).unwrap_or_default();
                console.say(format_args!("  {text}"));
            }
            News::Trouble(error) => console.detail(format_args!("hub: watching: {error}")),
        }
    }
    Err(anyhow!("hub: the watch of cluster {name} ended"))
}

fn watch_cluster(hub: &Side, name: &str) -> impl Stream<Item = News> + use<> {
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    watcher::watch_object(clusters, name).default_backoff().map(|seen| match seen {
        Ok(cluster) => News::Cluster(cluster.map(Box::new)),
        Err(error) => News::Trouble(error),
    })
}

/// Events from now on; those of before are no progress.
fn watch_events(hub: &Side, name: &str) -> impl Stream<Item = News> + use<> {
    let events: Api<Event> = Api::all(hub.client.clone());
    let fields = format!("involvedObject.kind=Cluster,involvedObject.name={name}");
    let seen = watcher(events, watcher::Config::default().fields(&fields)).default_backoff();
    seen.filter_map(async |seen| match seen {
        Ok(watcher::Event::Apply(event)) => Some(News::Event(Box::new(event))),
        Ok(_) => None,
        Err(error) => Some(News::Trouble(error)),
    })
}
