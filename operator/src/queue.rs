//! A work queue of keys: each key at most once, never worked on twice at the
//! same time, user changes ahead of catch-up work (promise I5).
//!
//! Bounded by the number of distinct keys: a burst of events on one object is
//! one entry.

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
enum State {
    Waiting(Lane),
    /// With what came in while it runs.
    Running(Option<Lane>),
}

struct Inner<K> {
    user: VecDeque<K>,
    catch_up: VecDeque<K>,
    states: HashMap<K, State>,
    /// Due times; an entry counts only while `due` still holds the same time.
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    due: HashMap<u64, (K, Lane)>,
    timer_of: HashMap<K, (Instant, u64)>,
    next_timer: u64,
}

/// The queue. Clones share it.
pub struct Queue<K> {
    inner: Arc<(Mutex<Inner<K>>, Notify)>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// A key being worked on. Dropping it puts the key back when something came
/// in meanwhile.
pub struct Work<K: Clone + Eq + Hash> {
    /// The key.
    pub key: K,
    queue: Queue<K>,
}

impl<K: Clone + Eq + Hash> Drop for Work<K> {
    fn drop(&mut self) {
        self.queue.finish(&self.key);
    }
}

impl<K: Clone + Eq + Hash> Default for Queue<K> {
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
        let mut inner = self.lock();
        inner.add(key, lane);
        drop(inner);
        self.inner.1.notify_one();
    }

    /// Adds `key` once `delay` has passed; an earlier time already set stays.
    pub fn add_after(&self, key: K, lane: Lane, delay: Duration) {
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
        inner.due.insert(id, (key, lane));
        inner.timers.push(Reverse((at, id)));
        drop(inner);
        self.inner.1.notify_one();
    }

    /// Waits for a key to work on.
    pub async fn next(&self) -> Work<K> {
        loop {
            let woken = self.inner.1.notified();
            let next_due = {
                let mut inner = self.lock();
                inner.fire(Instant::now());
                if let Some(key) = inner.pop() {
                    let more = !inner.user.is_empty() || !inner.catch_up.is_empty();
                    drop(inner);
                    if more {
                        // One permit may stand for several added keys.
                        self.inner.1.notify_one();
                    }
                    return Work { key, queue: self.clone() };
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

    fn finish(&self, key: &K) {
        let mut inner = self.lock();
        if let Some(State::Running(Some(lane))) = inner.states.remove(key) {
            inner.add(key.clone(), lane);
            drop(inner);
            self.inner.1.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Inner<K> {
    fn add(&mut self, key: K, lane: Lane) {
        match self.states.get_mut(&key) {
            None => {
                self.states.insert(key.clone(), State::Waiting(lane));
                self.line(lane).push_back(key);
            }
            Some(State::Waiting(at)) if *at < lane => {
                // The old entry in the other line is skipped when its turn comes.
                *at = lane;
                self.line(lane).push_back(key);
            }
            Some(State::Waiting(_)) => {}
            Some(State::Running(again)) => *again = (*again).max(Some(lane)),
        }
    }

    fn line(&mut self, lane: Lane) -> &mut VecDeque<K> {
        match lane {
            Lane::User => &mut self.user,
            Lane::CatchUp => &mut self.catch_up,
        }
    }

    fn pop(&mut self) -> Option<K> {
        for lane in [Lane::User, Lane::CatchUp] {
            while let Some(key) = self.line(lane).pop_front() {
                if matches!(self.states.get(&key), Some(State::Waiting(at)) if *at == lane) {
                    self.states.insert(key.clone(), State::Running(None));
                    return Some(key);
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
            if let Some((key, lane)) = self.due.remove(&id) {
                self.timer_of.remove(&key);
                self.add(key, lane);
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
