//! When objects appear on the members.
//!
//! In: one watch for each member. Out: the time at which each pair of object and member was first seen. Only
//! metadata is watched, so that looking costs as little as it can.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::names::Load;
use super::site::Site;

/// A member answers a watch of nothing at once; this is for one that is very busy.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// So many missing pairs are named in an error.
const NAMED: usize = 3;

/// Watches on all members, until it is dropped.
pub struct Arrivals {
    board: Arc<Mutex<Board>>,
    pairs: watch::Receiver<usize>,
    _watches: JoinSet<()>,
}

impl Arrivals {
    /// Watches the copies of one load; returns when every member has answered.
    pub async fn watch(site: &Site, namespace: &str, load: Load) -> Result<Self> {
        let board = Arc::new(Mutex::new(Board::new(site.member_names())));
        let (count, pairs) = watch::channel(0);
        let mut watches = JoinSet::new();
        let mut opened = Vec::new();
        for (index, member) in site.members.iter().enumerate() {
            let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(member.client.clone(), namespace);
            let (open, is_open) = watch::channel(false);
            opened.push((member.name.clone(), is_open));
            let board = Arc::clone(&board);
            let count = count.clone();
            watches.spawn(follow(api, load, move |seen| match seen {
                Seen::All => drop(open.send_replace(true)),
                Seen::One(name) => {
                    let pairs = lock(&board).record(index, name, Instant::now());
                    count.send_replace(pairs);
                }
                Seen::Failure(failure) => lock(&board).failures[index] = Some(failure),
            }));
        }
        for (name, mut is_open) in opened {
            let open = timeout(OPEN_DEADLINE, is_open.wait_for(|open| *open)).await;
            let failure = || lock(&board).failures.iter().flatten().next().cloned().unwrap_or_default();
            open.with_context(|| format!("{name} did not answer the watch on copies {failure}", failure = failure()))??;
        }
        Ok(Self { board, pairs, _watches: watches })
    }

    /// Waits until all of `names` are on all members; returns when the last pair was seen.
    ///
    /// # Errors
    /// After `deadline`, with what is missing.
    pub async fn wait_for(&mut self, names: &[String], deadline: Duration) -> Result<Instant> {
        let wanted = names.len() * lock(&self.board).members.len();
        match timeout(deadline, self.pairs.wait_for(|pairs| *pairs >= wanted)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => bail!("the watches on the members have ended"),
            Err(_) => return Err(anyhow!("{}", lock(&self.board).describe_missing(names, deadline))),
        }
        lock(&self.board).last.context("no object was waited for")
    }

    /// When each pair was seen: object, member, time.
    pub fn times(&self) -> Vec<(String, String, Instant)> {
        lock(&self.board).times()
    }
}

enum Seen {
    /// The watch is open, and all that was there has been told.
    All,
    One(String),
    Failure(String),
}

async fn follow(api: Api<PartialObjectMeta<ConfigMap>>, load: Load, tell: impl Fn(Seen)) {
    let config = watcher::Config::default().labels(&load.selector()).streaming_lists();
    let mut events = watcher(api, config).default_backoff().boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitDone) => tell(Seen::All),
            Ok(Event::Apply(object) | Event::InitApply(object)) => tell(Seen::One(object.name_any())),
            Ok(Event::Init | Event::Delete(_)) => {}
            Err(error) => tell(Seen::Failure(error.to_string())),
        }
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was seen so far.
struct Board {
    members: Vec<String>,
    /// By object, then by member.
    seen: HashMap<String, Vec<Option<Instant>>>,
    pairs: usize,
    last: Option<Instant>,
    /// The last failure of each watch.
    failures: Vec<Option<String>>,
}

impl Board {
    fn new(members: Vec<String>) -> Self {
        let failures = vec![None; members.len()];
        Self { members, seen: HashMap::new(), pairs: 0, last: None, failures }
    }

    /// Notes the first time of a pair; returns how many pairs were seen.
    fn record(&mut self, member: usize, name: String, at: Instant) -> usize {
        let columns = self.seen.entry(name).or_insert_with(|| vec![None; self.members.len()]);
        if columns[member].is_none() {
            columns[member] = Some(at);
            self.pairs += 1;
            self.last = self.last.max(Some(at));
        }
        self.pairs
    }

    fn times(&self) -> Vec<(String, String, Instant)> {
        let mut times = Vec::with_capacity(self.pairs);
        for (name, columns) in &self.seen {
            let seen = self.members.iter().zip(columns).filter_map(|(member, at)| Some((member, (*at)?)));
            times.extend(seen.map(|(member, at)| (name.clone(), member.clone(), at)));
        }
        times
    }

    fn describe_missing(&self, names: &[String], deadline: Duration) -> String {
        let is_missing =
            |name: &str, member: usize| self.seen.get(name).is_none_or(|columns| columns[member].is_none());
        let mut missing = Vec::new();
        for name in names {
            let lacking = self.members.iter().enumerate().filter(|(member, _)| is_missing(name, *member));
            missing.extend(lacking.map(|(_, member)| format!("{name} on {member}")));
        }
        let wanted = names.len() * self.members.len();
        let first = missing.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let failures = self.members.iter().zip(&self.failures);
        let failures: Vec<String> = failures
            .filter_map(|(member, failure)| Some(format!("; the watch on {member}: {}", failure.as_ref()?)))
            .collect();
        format!(
            "{} of {wanted} pairs after {} s, first missing: {first}{}",
            wanted - missing.len(),
            deadline.as_secs(),
            failures.concat()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        Board::new(vec!["m1".to_owned(), "m2".to_owned()])
    }

    #[test]
    fn a_pair_counts_when_it_is_first_seen_and_never_again() {
        let (mut board, now) = (board(), Instant::now());
        assert_eq!(board.record(0, "a".into(), now), 1);
        assert_eq!(board.record(0, "a".into(), now + Duration::from_secs(5)), 1);
        assert_eq!(board.last, Some(now));
        assert_eq!(board.record(1, "a".into(), now + Duration::from_secs(1)), 2);
        assert_eq!(board.last, Some(now + Duration::from_secs(1)));
        assert_eq!(board.times().len(), 2);
    }

    #[test]
    fn what_is_missing_is_told_with_the_first_of_it() {
        let mut board = board();
        board.record(0, "a".into(), Instant::now());
        board.record(1, "a".into(), Instant::now());
        board.record(1, "b".into(), Instant::now());
        board.failures[0] = Some("connection refused".into());
        let told = board.describe_missing(&["a".into(), "b".into()], Duration::from_mins(2));
        assert_eq!(told, "3 of 4 pairs after 120 s, first missing: b on m1; the watch on m1: connection refused");
    }
}
