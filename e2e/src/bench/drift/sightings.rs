//! What the members' watches show of the copies, and when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::site::Site;
use super::deviation::{Injected, State};

/// A member answers a watch at once; this is for one that is very busy.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);

type Pair = (usize, String);
type Board = HashMap<Pair, Vec<(State, Instant)>>;

/// Watches on all copies of a namespace, until it is dropped.
pub struct Sightings {
    board: Arc<Mutex<Board>>,
    news: watch::Receiver<usize>,
    _watches: JoinSet<()>,
}

/// A deviation and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The deviation.
    pub injected: Injected,
    /// How long it lasted, or what is there instead.
    pub repaired: Result<Duration, String>,
}

impl Sightings {
    /// Watches every `ConfigMap` of the namespace, whatever its labels; returns when all members have answered.
    pub async fn watch(site: &Site, namespace: &str) -> Result<Self> {
        let board = Arc::new(Mutex::new(Board::new()));
        let (news, heard) = watch::channel(0);
        let mut watches = JoinSet::new();
        let mut opened = Vec::new();
        for (member, (cluster, api)) in site.copies(namespace).into_iter().enumerate() {
            let (open, is_open) = watch::channel(false);
            opened.push((cluster, is_open));
            let place =
                Place { board: Arc::clone(&board), news: news.clone(), member, namespace: namespace.to_owned() };
            watches.spawn(place.follow(api, open));
        }
        for (cluster, mut is_open) in opened {
            let open = timeout(OPEN_DEADLINE, is_open.wait_for(|open| *open)).await;
            open.with_context(|| format!("{cluster} did not answer the watch on copies"))??;
        }
        Ok(Self { board, news: heard, _watches: watches })
    }

    /// Waits until every deviation is undone, at most `deadline`.
    pub async fn wait_until_repaired(&mut self, injected: &[Injected], deadline: Duration) {
        let end = Instant::now() + deadline;
        let mut open: Vec<&Injected> = injected.iter().collect();
        loop {
            self.news.mark_unchanged();
            self.forget_repaired(&mut open);
            if open.is_empty() || !matches!(timeout_at(end, self.news.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    fn forget_repaired(&self, open: &mut Vec<&Injected>) {
        let board = lock(&self.board);
        open.retain(|one| repaired_at(&board, one).is_none());
    }

    /// What came of each deviation, as far as was seen.
    pub fn outcomes(&self, injected: Vec<Injected>) -> Vec<Outcome> {
        let board = lock(&self.board);
        let outcome = |injected: Injected| {
            let repaired = match repaired_at(&board, &injected) {
                Some(at) => Ok(at.saturating_duration_since(injected.at)),
                None => Err(last_seen(&board, &injected)),
            };
            Outcome { injected, repaired }
        };
        injected.into_iter().map(outcome).collect()
    }
}

/// One member's watch.
struct Place {
    board: Arc<Mutex<Board>>,
    news: watch::Sender<usize>,
    member: usize,
    namespace: String,
}

impl Place {
    async fn follow(self, api: Api<ConfigMap>, open: watch::Sender<bool>) {
        let mut events = watcher(api, watcher::Config::default().streaming_lists()).default_backoff().boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::InitDone) => drop(open.send_replace(true)),
                Ok(Event::Apply(copy) | Event::InitApply(copy)) => self.note(&copy),
                // A broken watch is taken up again, and what it missed comes with its list.
                Ok(Event::Init | Event::Delete(_)) | Err(_) => {}
            }
        }
    }

    fn note(&self, copy: &ConfigMap) {
        let seen = (State::of(copy, &self.namespace), Instant::now());
        lock(&self.board).entry((self.member, copy.name_any())).or_default().push(seen);
        self.news.send_modify(|count| *count += 1);
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

fn repaired_at(board: &Board, injected: &Injected) -> Option<Instant> {
    let seen = board.get(&(injected.member, injected.name.clone()))?;
    seen.iter().find(|(state, _)| state.undoes(injected)).map(|(_, at)| *at)
}

fn last_seen(board: &Board, injected: &Injected) -> String {
    let seen = board.get(&(injected.member, injected.name.clone())).and_then(|seen| seen.last());
    seen.map_or_else(|| "the copy was never seen".to_owned(), |(state, _)| state.describe(injected))
}

#[cfg(test)]
mod tests {
    use super::super::deviation::Deviation;
    use super::super::deviation::tests::{good, injected};
    use super::*;

    #[test]
    fn the_first_good_state_after_a_deviation_is_its_end() {
        let one = injected(Deviation::FieldEdited);
        let later = |ms| one.at + Duration::from_millis(ms);
        let bad = State { as_on_hub: false, ..good("a", 7) };
        let seen =
            vec![(good("a", 5), later(0)), (bad, later(1)), (good("a", 8), later(40)), (good("a", 9), later(90))];
        let board = Board::from([((0, one.name.clone()), seen)]);
        assert_eq!(repaired_at(&board, &one), Some(later(40)));
        let other = Injected { member: 1, ..one };
        assert_eq!(repaired_at(&board, &other), None);
        assert_eq!(last_seen(&board, &other), "the copy was never seen");
    }
}
