//! The hub's Events, as a person reads them.

use anyhow::Result;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Api;

use super::play::{PATIENCE, Play};
use crate::stage::Objects;

/// Waits until each of the reasons has an Event not older than `since`; returns all of the operator's since then,
/// oldest first.
pub async fn wait(play: &Play<'_>, since: Timestamp, reasons: &[&str]) -> Result<Vec<String>> {
    let events: Api<Event> = Api::all(play.stage.hub());
    let judge = |seen: &Objects<Event>| {
        let mut news: Vec<&Event> = seen.values().filter(|event| is_news(event, since)).collect();
        news.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        let has = |reason: &&&str| news.iter().any(|event| event.reason.as_deref() == Some(reason));
        match reasons.iter().find(|reason| !has(reason)) {
            Some(missing) => Err(format!("no Event {missing}")),
            None => Ok(news.into_iter().map(render).collect()),
        }
    };
    play.stage.watch("the Events that tell why", PATIENCE, events, judge).await
}

fn is_news(event: &Event, since: Timestamp) -> bool {
    let ours = event.reporting_controller.as_deref() == Some("atoll");
    ours && event.event_time.as_ref().is_some_and(|time| time.0 >= since)
}

fn render(event: &Event) -> String {
    let about = event.regarding.clone().unwrap_or_default();
    let name = |text: Option<String>| text.unwrap_or_default();
    let (reason, note) = (event.reason.as_deref().unwrap_or_default(), event.note.as_deref().unwrap_or_default());
    format!("{reason}  {} {}: {note}", name(about.kind), name(about.name))
}
