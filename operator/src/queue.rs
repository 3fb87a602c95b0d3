//! A work queue of keys: each key at most once, never worked on twice at the
//! same time, user changes ahead of catch-up work (promise I5).
//!
//! Bounded by the number of distinct keys: a burst of events on one object is
//! one entry. An entry carries why it is there: the first cause that brought it
//! into the line it waits in.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Which line a key waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Re-checks: lists after a start, fleet-wide changes.
    CatchUp,
    /// Something a user or a member did to this object.
    User,
}

#[derive(Clone, Copy)]
enum State<C> {
    Waiting(Lane, C),
    /// With what came in while it runs.
    Running(Option<(Lane, C)>),
}

/// Work that panicked comes back after this.
pub const AFTER_A_PANIC: Duration = Duration::from_secs(10);

struct Inner<K, C> {
    user: VecDeque<(K, Instant)>,
    catch_up: VecDeque<(K, Instant)>,
    states: HashMap<K, State<C>>,
    /// Due times; an entry counts only while `due` still holds the same time.
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    due: HashMap<u64, (K, Lane, C)>,
    timer_of: HashMap<K, (Instant, u64)>,
    next_timer: u64,
}

/// What a scraper reads of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Keys that wait after something a user or a member did.
    pub user: u64,
    /// Keys that wait for a re-check.
    pub catch_up: u64,
    /// Keys being worked on.
    pub running: u64,
    /// Keys whose time has not come.
    pub delayed: u64,
    /// How long the entry at the head of a line has waited, the longer of both lines.
    pub oldest: Duration,
}

/// The queue. Clones share it.
pub struct Queue<K, C = ()> {
    inner: Arc<(Mutex<Inner<K, C>>, Notify)>,
}

impl<K, C> Clone for Queue<K, C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// A key being worked on. Dropping it puts the key back when something came
/// in meanwhile, or after a while when the work panicked.
pub struct Work<K: Clone + Eq + Hash, C: Copy = ()> {
    /// The key.
    pub key: K,
    /// Why it was put in.
    pub cause: C,
    queue: Queue<K, C>,
}

impl<K: Clone + Eq + Hash, C: Copy> Drop for Work<K, C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.queue.add_after_for(self.key.clone(), Lane::CatchUp, self.cause, AFTER_A_PANIC);
        }
        self.queue.finish(&self.key);
    }
}

/// What a queue holds.
pub struct Sample<K> {
    /// Keys that wait or are being worked on.
    pub depth: usize,
    /// Keys that come later.
    pub delayed: usize,
    /// The first that wait, in their order.
    pub next: Vec<K>,
    /// Some that are being worked on.
    pub running: Vec<K>,
}

impl<K: Clone + Eq + Hash, C: Copy> Default for Queue<K, C> {
    fn default() -> Self {
        let inner = Inner {
            user: VecDeque::new(),
            catch_up: VecDeque::new(),
            states: HashMap::new(),
            timers: BinaryHeap::new(),
            due: HashMap::new(),
            timer_of: HashMap::new(),
            next_timer: 0,
        };
        Self { inner: Arc::new((Mutex::new(inner), Notify::new())) }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Adds `key`, or moves it to a better line.
    pub fn add(&self, key: K, lane: Lane) {
        self.add_for(key, lane, ());
    }

    /// Adds `key` once `delay` has passed; an earlier time already set stays.
    pub fn add_after(&self, key: K, lane: Lane, delay: Duration) {
        self.add_after_for(key, lane, (), delay);
    }
}

impl<K: Clone + Eq + Hash, C: Copy> Queue<K, C> {
    /// As [`Queue::add`], and says why.
    pub fn add_for(&self, key: K, lane: Lane, cause: C) {
        let mut inner = self.lock();
        inner.add(key, lane, cause);
        drop(inner);
        self.inner.1.notify_one();
    }

    /// As [`Queue::add_after`], and says why.
    pub fn add_after_for(&self, key: K, lane: Lane, cause: C, delay: Duration) {
        let at = Instant::now() + delay;
        let mut inner = self.lock();
        if inner.timer_of.get(&key).is_some_and(|(due, _)| *due <= at) {
            return;
        }
        let id = inner.next_timer;
        inner.next_timer += 1;
        if let Some((_, old)) = inner.timer_of.insert(key.clone(), (at, id)) {
            inner.due.remove(&old);
        }
        inner.due.insert(id, (key, lane, cause));
        inner.timers.push(Reverse((at, id)));
        drop(inner);
        self.inner.1.notify_one();
    }

    /// Waits for a key to work on.
    pub async fn next(&self) -> Work<K, C> {
        loop {
            let woken = self.inner.1.notified();
            let next_due = {
                let mut inner = self.lock();
                inner.fire(Instant::now());
                if let Some((key, cause)) = inner.pop() {
                    let more = !inner.user.is_empty() || !inner.catch_up.is_empty();
                    drop(inner);
                    if more {
                        // One permit may stand for several added keys.
                        self.inner.1.notify_one();
                    }
                    return Work { key, cause, queue: self.clone() };
                }
                inner.timers.peek().map(|Reverse((at, _))| *at)
            };
            match next_due {
                Some(at) => {
                    tokio::select! {
                        () = woken => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => woken.await,
            }
        }
    }

    /// Keys that wait or are being worked on; delayed ones not counted.
    pub fn len(&self) -> usize {
        self.lock().states.len()
    }

    /// What a scraper reads.
    pub fn reading(&self) -> Reading {
        let inner = self.lock();
        let mut reading = Reading { delayed: inner.due.len() as u64, ..Reading::default() };
        for state in inner.states.values() {
            match state {
                State::Waiting(Lane::User, _) => reading.user += 1,
                State::Waiting(Lane::CatchUp, _) => reading.catch_up += 1,
                State::Running(_) => reading.running += 1,
            }
        }
        let since = |line: &VecDeque<(K, Instant)>| line.front().map(|(_, at)| at.elapsed()).unwrap_or_default();
        reading.oldest = since(&inner.user).max(since(&inner.catch_up));
        reading
    }

    /// What it holds, at most `most` keys of each sort.
    pub fn sample(&self, most: usize) -> Sample<K> {
        let inner = self.lock();
        let waits_in = |key: &K, lane| matches!(inner.states.get(key), Some(State::Waiting(at, _)) if *at == lane);
        let user = inner.user.iter().map(|(key, _)| key).filter(|key| waits_in(key, Lane::User));
        let catch_up = inner.catch_up.iter().map(|(key, _)| key).filter(|key| waits_in(key, Lane::CatchUp));
        let running = inner.states.iter().filter(|(_, state)| matches!(state, State::Running(_)));
        Sample {
            depth: inner.states.len(),
            delayed: inner.due.len(),
            next: user.chain(catch_up).take(most).cloned().collect(),
            running: running.map(|(key, _)| key).take(most).cloned().collect(),
        }
    }

    fn finish(&self, key: &K) {
        let mut inner = self.lock();
        if let Some(State::Running(Some((lane, cause)))) = inner.states.remove(key) {
            inner.add(key.clone(), lane, cause);
            drop(inner);
            self.inner.1.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, C>> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, C: Copy> Inner<K, C> {
    fn add(&mut self, key: K, lane: Lane, cause: C) {
        match self.states.get_mut(&key) {
            None => {
                self.states.insert(key.clone(), State::Waiting(lane, cause));
                self.line(lane).push_back((key, Instant::now()));
            }
            Some(State::Waiting(at, why)) => {
                if *at < lane {
                    // The old entry in the other line is skipped when its turn comes.
                    (*at, *why) = (lane, cause);
                    self.line(lane).push_back((key, Instant::now()));
                }
            }
            Some(State::Running(again)) if again.is_none_or(|(at, _)| at < lane) => *again = Some((lane, cause)),
            Some(State::Running(_)) => {}
        }
    }

    fn line(&mut self, lane: Lane) -> &mut VecDeque<(K, Instant)> {
        match lane {
            Lane::User => &mut self.user,
            Lane::CatchUp => &mut self.catch_up,
        }
    }

    fn pop(&mut self) -> Option<(K, C)> {
        for lane in [Lane::User, Lane::CatchUp] {
            while let Some((key, _)) = self.line(lane).pop_front() {
                match self.states.get(&key) {
                    Some(State::Waiting(at, cause)) if *at == lane => {
                        let cause = *cause;
                        self.states.insert(key.clone(), State::Running(None));
                        return Some((key, cause));
                    }
                    _ => {}
                }
            }
        }
        None
    }

    fn fire(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            if let Some((key, lane, cause)) = self.due.remove(&id) {
                self.timer_of.remove(&key);
                self.add(key, lane, cause);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_added_twice_is_worked_on_once() {
        let queue = Queue::default();
        queue.add(1, Lane::User);
        queue.add(1, Lane::User);
        drop(queue.next().await);
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn a_key_added_while_it_runs_runs_again_afterwards() {
        let queue = Queue::default();
        queue.add(1, Lane::User);
        let work = queue.next().await;
        queue.add(1, Lane::User);
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
        drop(work);
        assert_eq!(queue.next().await.key, 1);
    }

    #[tokio::test]
    async fn user_changes_go_ahead_of_catch_up_work() {
        let queue = Queue::default();
        queue.add(1, Lane::CatchUp);
        queue.add(2, Lane::CatchUp);
        queue.add(2, Lane::User);
        queue.add(3, Lane::User);
        let order = [queue.next().await, queue.next().await, queue.next().await].map(|work| work.key);
        assert_eq!(order, [2, 3, 1]);
    }

    #[tokio::test]
    async fn a_key_says_what_first_brought_it_into_its_line() {
        let queue = Queue::<i32, &str>::default();
        queue.add_for(1, Lane::CatchUp, "fleet");
        queue.add_for(1, Lane::User, "edit");
        queue.add_for(1, Lane::User, "copy");
        let work = queue.next().await;
        assert_eq!(work.cause, "edit");
        queue.add_for(1, Lane::CatchUp, "fleet");
        drop(work);
        assert_eq!(queue.next().await.cause, "fleet", "what came in while it ran");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_whose_work_panicked_comes_back_after_a_while() {
        let queue = Queue::default();
        queue.add(1, Lane::User);
        let doomed = queue.clone();
        let ended = tokio::spawn(async move {
            let _work = doomed.next().await;
            panic!("on purpose");
        });
        assert!(ended.await.unwrap_err().is_panic());
        let start = Instant::now();
        assert_eq!(queue.next().await.key, 1);
        assert_eq!(start.elapsed(), AFTER_A_PANIC);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_says_who_waits_in_which_line_and_for_how_long() {
        let queue = Queue::default();
        queue.add(1, Lane::User);
        let _running = queue.next().await;
        queue.add(2, Lane::CatchUp);
        queue.add(3, Lane::User);
        queue.add_after(4, Lane::User, Duration::from_mins(1));
        tokio::time::advance(Duration::from_secs(7)).await;
        let expected = Reading { user: 1, catch_up: 1, running: 1, delayed: 1, oldest: Duration::from_secs(7) };
        assert_eq!(queue.reading(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_key_comes_at_its_earliest_time() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(1, Lane::User, Duration::from_mins(1));
        queue.add_after(1, Lane::User, Duration::from_secs(5));
        queue.add_after(1, Lane::User, Duration::from_secs(30));
        assert_eq!(queue.next().await.key, 1);
        assert_eq!(start.elapsed().as_secs(), 5);
        assert_eq!(queue.len(), 0);
    }
}
