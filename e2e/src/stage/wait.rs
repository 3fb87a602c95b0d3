//! Waiting for what must become true, and saying what was there instead when it does not.
//!
//! In: an API or a probe, and a deadline. Out: what was waited for, as soon as it is there.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

/// How often a probe asks again: short against what is measured with it.
const TICK: Duration = Duration::from_millis(20);

/// All objects of a watch, by name: `NAMESPACE/NAME` where they have a namespace and the watch spans several.
pub type Objects<K> = BTreeMap<String, K>;

/// Asks `probe` again and again until it succeeds.
///
/// # Errors
/// After `deadline`, with what the probe saw last.
pub async fn until<T, F>(what: &str, deadline: Duration, mut probe: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, String>>,
{
    let end = Instant::now() + deadline;
    let mut seen = "nothing: it did not answer".to_owned();
    loop {
        match timeout_at(end, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(instead)) => seen = instead,
            Err(_) => return Err(not_within(what, deadline, &seen)),
        }
        if Instant::now() >= end {
            return Err(not_within(what, deadline, &seen));
        }
        sleep(TICK).await;
    }
}

/// Watches the objects that the API and its selectors name until `judge` finds what it looks for.
///
/// # Errors
/// After `deadline`, with what was seen last; a watch that breaks is taken up again until then.
pub async fn watch<K, T>(
    what: &str,
    deadline: Duration,
    (api, config): (Api<K>, watcher::Config),
    mut judge: impl FnMut(&Objects<K>) -> Result<T, String>,
) -> Result<T>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let end = Instant::now() + deadline;
    let one_namespace = api.namespace().is_some();
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut objects = Watched::default();
    let mut seen = "nothing: no answer to the watch".to_owned();
    while let Ok(Some(event)) = timeout_at(end, events.next()).await {
        let complete = match event {
            Ok(event) => objects.take(event, one_namespace),
            Err(error) => {
                seen = format!("the watch failed: {error}");
                continue;
            }
        };
        if complete {
            match judge(&objects.known) {
                Ok(value) => return Ok(value),
                Err(instead) => seen = instead,
            }
        }
    }
    Err(not_within(what, deadline, &seen))
}

fn not_within(what: &str, deadline: Duration, seen: &str) -> anyhow::Error {
    anyhow!("{what}: not within {} s; seen instead: {seen}", deadline.as_secs_f64())
}

/// What a watch has told so far.
struct Watched<K> {
    known: Objects<K>,
    /// The list that replaces what is known once it is complete.
    listing: Option<Objects<K>>,
}

impl<K> Default for Watched<K> {
    fn default() -> Self {
        Self { known: Objects::new(), listing: None }
    }
}

impl<K: Resource> Watched<K> {
    /// Takes one event; true when the objects are a picture of one moment.
    fn take(&mut self, event: Event<K>, one_namespace: bool) -> bool {
        let key = |object: &K| match object.namespace() {
            Some(namespace) if !one_namespace => format!("{namespace}/{}", object.name_any()),
            _ => object.name_any(),
        };
        match event {
            Event::Init => self.listing = Some(Objects::new()),
            Event::InitApply(object) => drop(self.listing.get_or_insert_default().insert(key(&object), object)),
            Event::InitDone => self.known = self.listing.take().unwrap_or_default(),
            Event::Apply(object) => drop(self.known.insert(key(&object), object)),
            Event::Delete(object) => drop(self.known.remove(&key(&object))),
        }
        self.listing.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.to_owned());
        object.metadata.namespace = Some("shop".to_owned());
        object
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_asked_until_it_succeeds() {
        let asked = Cell::new(0);
        let probe = || {
            asked.set(asked.get() + 1);
            std::future::ready(if asked.get() == 3 { Ok("there") } else { Err("not yet".to_owned()) })
        };
        assert_eq!(until("it comes", Duration::from_secs(1), probe).await.unwrap(), "there");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_told_with_what_was_there_instead() {
        let probe = || std::future::ready(Err::<(), _>("two replicas".to_owned()));
        let error = until("three replicas", Duration::from_secs(2), probe).await.unwrap_err().to_string();
        assert_eq!(error, "three replicas: not within 2 s; seen instead: two replicas");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_does_not_hold_the_deadline_up() {
        let error = until("an answer", Duration::from_secs(1), std::future::pending::<Result<(), String>>).await;
        assert!(error.unwrap_err().to_string().contains("did not answer"));
    }

    #[test]
    fn a_new_list_replaces_what_is_known_only_when_it_is_complete() {
        let mut watched = Watched::default();
        watched.take(Event::Apply(object("old")), true);
        assert!(!watched.take(Event::Init, true));
        assert!(!watched.take(Event::InitApply(object("new")), true));
        assert!(watched.known.contains_key("old"));
        assert!(watched.take(Event::InitDone, true));
        assert_eq!(watched.known.keys().collect::<Vec<_>>(), ["new"]);
    }

    #[test]
    fn objects_of_several_namespaces_are_told_apart() {
        let mut watched = Watched::default();
        watched.take(Event::Apply(object("web")), false);
        assert!(watched.known.contains_key("shop/web"));
    }
}
