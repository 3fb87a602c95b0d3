//! What became of objects, and when: a watch that notes every change of what somebody cares for.
//!
//! In: an API, and what matters of an object. Out: moments, in the order in which they were seen, with the time of
//! their arrival. Started before something is done, it measures what follows without missing or polling.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// A list of a few objects takes milliseconds; this is for a machine that is busy.
const FIRST_LIST: Duration = Duration::from_secs(30);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment<S> {
    /// When it was seen.
    pub at: Instant,
    /// Name of the object.
    pub name: String,
    /// What it is since then; `None` when it is gone.
    pub state: Option<S>,
}

/// All moments of a watch since its first list, which is its first moment.
pub struct Timeline<S> {
    told: watch::Receiver<Told<S>>,
    /// Ends with this value.
    _watch: JoinSet<()>,
}

struct Told<S> {
    listed: bool,
    moments: Vec<Moment<S>>,
}

impl<S: Clone + Debug + PartialEq + Send + Sync + 'static> Timeline<S> {
    /// Starts to watch the objects of one namespace, or those without; returns when those that are there are known.
    /// `describe` says what matters of one.
    pub async fn start<K>(
        (api, config): (Api<K>, watcher::Config),
        describe: impl Fn(&K) -> S + Send + Sync + 'static,
    ) -> Result<Self>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let (teller, mut told) = watch::channel(Told { listed: false, moments: Vec::new() });
        let events = watcher(api, config).default_backoff().boxed();
        let mut task = JoinSet::new();
        task.spawn(record(events, describe, teller));
        let listed = timeout(FIRST_LIST, told.wait_for(|told| told.listed)).await;
        let plural = K::plural(&());
        listed.with_context(|| format!("no list of {plural} within {} s", FIRST_LIST.as_secs()))??;
        Ok(Self { told, _watch: task })
    }

    /// Goes through the moments that are there and those to come, each once, until `pick` returns something.
    ///
    /// # Errors
    /// After `deadline`, with the last moment.
    pub async fn follow<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut pick: impl FnMut(&Moment<S>) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + deadline;
        let mut told = self.told.clone();
        let mut next = 0;
        loop {
            let new: Vec<Moment<S>> = told.borrow_and_update().moments[next..].to_vec();
            next += new.len();
            if let Some(found) = new.iter().find_map(&mut pick) {
                return Ok(found);
            }
            if !matches!(timeout_at(end, told.changed()).await, Ok(Ok(()))) {
                let last =
                    told.borrow().moments.last().map_or_else(|| "nothing".to_owned(), |last| format!("{last:?}"));
                return Err(anyhow!("{what}: not within {} s; seen last: {last}", deadline.as_secs_f64()));
            }
        }
    }

    /// Waits until the newest state of `name`, `None` while it is not there, is what `judge` wants; returns since when.
    ///
    /// # Errors
    /// After `deadline`, with what `judge` saw last.
    pub async fn settled(
        &self,
        (what, name): (&str, &str),
        deadline: Duration,
        mut judge: impl FnMut(Option<&S>) -> Result<(), String>,
    ) -> Result<Instant> {
        let end = Instant::now() + deadline;
        let mut told = self.told.clone();
        let started = Instant::now();
        loop {
            let newest = told.borrow_and_update().moments.iter().rfind(|moment| moment.name == name).cloned();
            let since = newest.as_ref().map_or(started, |moment| moment.at);
            let Err(seen) = judge(newest.and_then(|moment| moment.state).as_ref()) else { return Ok(since) };
            if !matches!(timeout_at(end, told.changed()).await, Ok(Ok(()))) {
                return Err(anyhow!("{what}: not within {} s; seen last: {seen}", deadline.as_secs_f64()));
            }
        }
    }
}

async fn record<K, S>(
    mut events: impl Stream<Item = watcher::Result<Event<K>>> + Unpin,
    describe: impl Fn(&K) -> S,
    teller: watch::Sender<Told<S>>,
) where
    K: Resource,
    S: Clone + PartialEq,
{
    let mut listing: Option<Vec<String>> = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listing = Some(Vec::new()),
            Ok(Event::InitApply(object)) => {
                listing.get_or_insert_default().push(object.name_any());
                note(&teller, object.name_any(), Some(describe(&object)));
            }
            Ok(Event::InitDone) => {
                note_missing(&teller, &listing.take().unwrap_or_default());
                teller.send_modify(|told| told.listed = true);
            }
            Ok(Event::Apply(object)) => note(&teller, object.name_any(), Some(describe(&object))),
            Ok(Event::Delete(object)) => note(&teller, object.name_any(), None),
            // The watch is taken up again; what happened meanwhile is in the next list.
            Err(error) => tracing::debug!(%error, "a watch broke"),
        }
    }
}

/// Notes a state that differs from the one before.
fn note<S: PartialEq>(teller: &watch::Sender<Told<S>>, name: String, state: Option<S>) {
    teller.send_if_modified(|told| {
        let before = told.moments.iter().rfind(|moment| moment.name == name);
        if before.map(|moment| &moment.state) == Some(&state) || (before.is_none() && state.is_none()) {
            return false;
        }
        told.moments.push(Moment { at: Instant::now(), name, state });
        true
    });
}

/// Objects that a new list does not hold went while nobody watched.
fn note_missing<S: PartialEq>(teller: &watch::Sender<Told<S>>, listed: &[String]) {
    let known: Vec<String> = teller.borrow().moments.iter().map(|moment| moment.name.clone()).collect();
    for name in known.into_iter().filter(|name| !listed.contains(name)) {
        note(teller, name, None);
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(name: &str, value: &str) -> ConfigMap {
        let mut object = ConfigMap { data: Some([("key".to_owned(), value.to_owned())].into()), ..Default::default() };
        object.metadata.name = Some(name.to_owned());
        object
    }

    async fn timeline(events: Vec<Event<ConfigMap>>) -> Timeline<String> {
        let (teller, told) = watch::channel(Told { listed: false, moments: Vec::new() });
        let describe = |object: &ConfigMap| object.data.iter().flat_map(|data| data.values()).cloned().collect();
        record(stream::iter(events.into_iter().map(Ok)), describe, teller).await;
        Timeline { told, _watch: JoinSet::new() }
    }

    fn states(timeline: &Timeline<String>) -> Vec<(String, Option<String>)> {
        let told = timeline.told.borrow();
        told.moments.iter().map(|moment| (moment.name.clone(), moment.state.clone())).collect()
    }

    #[tokio::test]
    async fn only_changes_of_what_matters_are_moments() {
        let (same, other) = (object("a", "1"), object("a", "2"));
        let timeline = timeline(vec![
            Event::Init,
            Event::InitApply(same.clone()),
            Event::InitDone,
            Event::Apply(same),
            Event::Apply(other.clone()),
            Event::Delete(other),
        ])
        .await;
        let wanted = [("a", Some("1")), ("a", Some("2")), ("a", None)];
        assert_eq!(states(&timeline), wanted.map(|(name, state)| (name.to_owned(), state.map(str::to_owned))));
    }

    #[tokio::test]
    async fn what_a_new_list_lacks_is_gone() {
        let timeline = timeline(vec![
            Event::Init,
            Event::InitApply(object("a", "1")),
            Event::InitDone,
            Event::Init,
            Event::InitDone,
        ])
        .await;
        assert_eq!(states(&timeline).last(), Some(&("a".to_owned(), None)));
    }

    #[tokio::test(start_paused = true)]
    async fn moments_of_the_past_are_followed_as_well() {
        let timeline = timeline(vec![Event::Apply(object("a", "1")), Event::Apply(object("a", "2"))]).await;
        let found = timeline.follow("two", Duration::from_secs(1), |moment| moment.state.clone().filter(|s| s == "2"));
        assert_eq!(found.await.unwrap(), "2");
        let missing =
            timeline.follow("three", Duration::from_secs(1), |moment| moment.state.clone().filter(|s| s == "3"));
        assert!(missing.await.unwrap_err().to_string().starts_with("three: not within 1 s"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_never_there_is_settled_as_absent() {
        let timeline = timeline(vec![Event::Init, Event::InitDone]).await;
        let absent = |state: Option<&String>| if state.is_none() { Ok(()) } else { Err("there".to_owned()) };
        timeline.settled(("absence", "a"), Duration::from_secs(1), absent).await.unwrap();
    }
}
