//! The lane of one member: the latest order for each object, and the workers
//! that bring them about (architecture section 5).
//!
//! Bounded by the number of objects: a burst of edits on one object is one
//! entry. A silent member stops here, behind its own breaker, and nowhere else.

mod breaker;
mod budget;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_decide::first_write::OnForeign;
use atoll_decide::ids::ObjectKey;
use tokio::sync::Notify;

use self::breaker::{Breaker, Gate};
use self::budget::Budget;
use super::failure::Failure;
use super::intent::{Intent, Order};
use crate::clock;
use crate::queue::{self, Queue, Work};
use crate::telemetry::Origin;

/// The orders of one member.
#[derive(Default)]
pub struct Lane {
    queue: Queue<ObjectKey>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    slot_freed: Notify,
}

/// What a scraper reads of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Orders not carried out yet.
    pub depth: u64,
    /// Orders that replaced a waiting one, since the lane began.
    pub coalesced: u64,
    /// Orders being carried out.
    pub in_flight: u64,
    /// How many may be carried out at once now.
    pub limit: u64,
    /// The breaker holds requests back.
    pub open: bool,
}

#[derive(Default)]
struct State {
    coalesced: u64,
    versions: u64,
    wanted: HashMap<ObjectKey, Wanted>,
    breaker: Breaker,
    budget: Budget,
    in_flight: usize,
}

struct Wanted {
    order: Order,
    attempts: u32,
    /// Moves with each new order, so that the end of an old attempt does not
    /// clear a newer wish.
    version: u64,
    origin: Origin,
}

/// An order being carried out. Ends with [`Lane::settle`]; one that is dropped,
/// as by a panic, gives its slot back and comes again.
pub struct Turn {
    /// The object.
    pub key: ObjectKey,
    /// What is wanted of it.
    pub order: Order,
    /// The step that ordered it.
    pub origin: Origin,
    version: u64,
    started: tokio::time::Instant,
    slot: Slot,
    _work: Work<ObjectKey>,
}

/// A place among the requests under way.
struct Slot {
    shared: Arc<Shared>,
    /// The breaker has been told how it went.
    told: bool,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        if !self.told {
            state.breaker.unused(clock::mono());
        }
        drop(state);
        self.shared.slot_freed.notify_waiters();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a turn went.
pub enum Ended {
    /// The order is carried out.
    Done,
    /// Look again after this time (a deletion under way).
    Again(Duration),
    /// Nothing was sent, as something else comes first, which tries everything
    /// again when it is done; else after this time.
    NotYet(Duration),
    /// It failed.
    Failed(Failure),
}

impl Lane {
    /// Wants `order` of the object instead of whatever was wanted before.
    pub fn submit(&self, key: ObjectKey, order: Order, lane: queue::Lane) {
        let mut state = self.lock();
        state.coalesced += u64::from(state.wanted.contains_key(&key));
        state.versions += 1;
        let version = state.versions;
        let mut origin = Origin::now();
        if let Some(replaced) = state.wanted.remove(&key) {
            origin = origin.instead_of(replaced.origin);
        }
        state.wanted.insert(key.clone(), Wanted { order, attempts: 0, version, origin });
        drop(state);
        self.queue.add(key, lane);
    }

    /// The watch no longer shows the object: what is wanted of it is tried now,
    /// and an apply under way once more, whose answer may be older than that.
    pub fn lost(&self, key: &ObjectKey) {
        let mut state = self.lock();
        let version = state.versions + 1;
        let Some(wanted) = state.wanted.get_mut(key) else { return };
        if matches!(wanted.order.intent, Intent::Apply { .. }) {
            wanted.version = version;
            state.versions = version;
        }
        drop(state);
        self.queue.add(key.clone(), queue::Lane::User);
    }

    /// Wants nothing of the object any more.
    pub fn forget(&self, key: &ObjectKey) {
        self.lock().wanted.remove(key);
    }

    /// What is wanted and not yet carried out.
    pub fn pending(&self, key: &ObjectKey) -> Option<Order> {
        self.lock().wanted.get(key).map(|wanted| wanted.order.clone())
    }

    /// What is wanted and not yet carried out, and how often it was tried.
    pub fn waiting(&self, key: &ObjectKey) -> Option<(Order, u32)> {
        self.lock().wanted.get(key).map(|wanted| (wanted.order.clone(), wanted.attempts))
    }

    /// The first orders that wait, by object: what each is, and how often it was
    /// tried.
    pub fn orders(&self, most: usize) -> Vec<(ObjectKey, &'static str, u32)> {
        let state = self.lock();
        let orders = state.wanted.iter().take(most).map(|(key, wanted)| {
            let intent = match wanted.order.intent {
                Intent::Apply { .. } => "apply",
                Intent::Delete { .. } => "delete",
                Intent::Release { .. } => "release",
            };
            (key.clone(), intent, wanted.attempts)
        });
        orders.collect()
    }

    /// Whether the object is wanted there and not carried out yet.
    pub fn is_applying(&self, key: &ObjectKey) -> bool {
        let state = self.lock();
        state.wanted.get(key).is_some_and(|wanted| matches!(wanted.order.intent, Intent::Apply { .. }))
    }

    /// Whether the object is wanted with a manifest of this hash (in hex), and
    /// with this word on what is not ours.
    pub fn wants(&self, key: &ObjectKey, hash: u64, word: OnForeign) -> bool {
        self.lock().wanted.get(key).is_some_and(|wanted| wanted.order.applies(hash, word))
    }

    /// What a scraper reads.
    pub fn reading(&self) -> Reading {
        let state = self.lock();
        Reading {
            depth: state.wanted.len() as u64,
            coalesced: state.coalesced,
            in_flight: state.in_flight as u64,
            limit: state.budget.limit() as u64,
            open: state.breaker.is_open(),
        }
    }

    /// Something at the member has answered: a probe, a watch.
    pub fn member_answered(&self) {
        let mut state = self.lock();
        if state.breaker.is_open() {
            state.breaker.answered();
            drop(state);
            self.shared.slot_freed.notify_waiters();
        }
    }

    /// Waits for an order, for a free slot, and for the breaker.
    pub async fn next(&self) -> Turn {
        loop {
            let work = self.queue.next().await;
            let slot = self.enter().await;
            let state = self.lock();
            if let Some(wanted) = state.wanted.get(&work.key) {
                return Turn {
                    key: work.key.clone(),
                    order: wanted.order.clone(),
                    origin: wanted.origin.clone(),
                    version: wanted.version,
                    started: tokio::time::Instant::now(),
                    slot,
                    _work: work,
                };
            }
            drop(state);
        }
    }

    /// Whether the turn's order is still the one that is wanted.
    pub fn is_current(&self, turn: &Turn) -> bool {
        self.lock().wanted.get(&turn.key).is_some_and(|wanted| wanted.version == turn.version)
    }

    /// Ends a turn without having done anything.
    #[expect(clippy::unused_self, reason = "a turn goes back to its lane")]
    pub fn abandon(&self, turn: Turn) {
        drop(turn);
    }

    /// Wants nothing any more: what was ordered under an earlier leadership is
    /// another leader's past.
    pub fn clear(&self) {
        self.lock().wanted.clear();
    }

    /// Ends a turn: frees its slot, tells breaker and budget, and keeps the
    /// order for another attempt when it did not come to an end. Returns
    /// whether this turn opened the breaker.
    pub fn settle(&self, mut turn: Turn, ended: &Ended) -> bool {
        turn.slot.told = true;
        let mut state = self.lock();
        let opened = match ended {
            Ended::Failed(failure) if failure.is_silence() => state.breaker.silent(clock::mono()),
            // Nothing was asked, so nothing has answered.
            Ended::NotYet(_) | Ended::Failed(Failure::Paused(_) | Failure::Defect(_)) => {
                state.breaker.unused(clock::mono());
                false
            }
            Ended::Done | Ended::Again(_) | Ended::Failed(_) => {
                let busy = matches!(ended, Ended::Failed(Failure::Busy(_)));
                state.breaker.answered();
                state.budget.observe(turn.started.elapsed(), busy);
                false
            }
        };
        if let Some(wanted) = state.wanted.get_mut(&turn.key).filter(|wanted| wanted.version == turn.version) {
            match ended {
                Ended::Done => {
                    state.wanted.remove(&turn.key);
                }
                Ended::Again(after) | Ended::NotYet(after) => {
                    self.queue.add_after(turn.key.clone(), queue::Lane::User, *after);
                }
                Ended::Failed(failure) => {
                    wanted.attempts += 1;
                    let after = failure.retry_after(wanted.attempts);
                    self.queue.add_after(turn.key.clone(), queue::Lane::CatchUp, after);
                }
            }
        }
        drop(state);
        opened
    }

    /// Tries again now what waits for a retry, because a cause is gone: the
    /// namespace is there, the API appeared, the role was granted.
    pub fn retry_all(&self) {
        let keys: Vec<ObjectKey> = self.lock().wanted.keys().cloned().collect();
        for key in keys {
            self.queue.add(key, queue::Lane::CatchUp);
        }
    }

    async fn enter(&self) -> Slot {
        loop {
            let freed = self.shared.slot_freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let wait = {
                let mut state = self.lock();
                if state.in_flight >= state.budget.limit() {
                    None
                } else {
                    match state.breaker.admit(clock::mono()) {
                        Gate::Pass => {
                            state.in_flight += 1;
                            return Slot { shared: Arc::clone(&self.shared), told: false };
                        }
                        Gate::Wait(until) => Some(until.since(clock::mono())),
                        Gate::WaitForTrial => None,
                    }
                }
            };
            match wait {
                Some(time) => {
                    tokio::select! {
                        () = freed => {}
                        () = tokio::time::sleep(time) => {}
                    }
                }
                None => freed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

#[cfg(test)]
mod tests {
    use atoll_decide::ids::Gvk;
    use atoll_decide::render::Manifest;
    use kube::core::ApiResource;
    use serde_json::json;

    use super::super::intent::KindInfo;
    use super::*;

    fn key() -> ObjectKey {
        ObjectKey { gvk: Gvk::from_api_version("v1", "ConfigMap"), namespace: Some("a".into()), name: "b".into() }
    }

    fn order(intent: Intent) -> Order {
        let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
        Order { intent, kind: Arc::new(KindInfo { resource, namespaced: true, scale: None }) }
    }

    /// Carries out an order while the watch loses its object; returns whether it is still wanted then.
    async fn lose(intent: Intent) -> bool {
        let lane = Lane::default();
        lane.submit(key(), order(intent), queue::Lane::User);
        let turn = lane.next().await;
        lane.lost(&key());
        lane.settle(turn, &Ended::Done);
        let wanted = lane.pending(&key()).is_some();
        if wanted {
            let turn = lane.next().await;
            lane.settle(turn, &Ended::Done);
        }
        lane.lost(&key());
        assert!(lane.pending(&key()).is_none(), "what is not wanted stays so");
        wanted
    }

    #[tokio::test]
    async fn a_copy_that_is_lost_while_it_is_applied_is_applied_again() {
        let manifest = Arc::new(Manifest { object: json!({}), hash: 1, applied_overrides: Vec::new() });
        assert!(lose(Intent::Apply { manifest, on_foreign: OnForeign::Abort }).await);
    }

    #[tokio::test]
    async fn a_copy_that_is_lost_while_it_is_deleted_is_not_deleted_again() {
        assert!(!lose(Intent::Delete { binding: "a/b".to_owned() }).await);
    }
}
