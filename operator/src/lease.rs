//! Which replica of the operator works: leader election on one Lease object,
//! and the guard that every write to a member passes (promise I9).
//!
//! Enters: the state of the Lease. Leaves: [`Leadership`], and permission to
//! begin a write. Must not: trust another replica's wall clock, or believe in
//! its own Lease longer than the time that passed since it *asked* for it.

mod election;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::election::WentBack;
use self::election::{Action, Election, Outcome};
pub use self::store::{Error, KubeStore, Store};

/// How the Lease is kept. All candidates should agree on `duration`; each obeys
/// what the holder wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease lasts after its holder asked for it. Whole seconds: the
    /// API has no finer unit.
    pub duration: Duration,
    /// The holder renews it so often.
    pub renew_every: Duration,
    /// A candidate looks so often; also the wait after a failed call.
    pub retry_every: Duration,
    /// One call may take so long.
    pub call_deadline: Duration,
}

impl Default for Timing {
    /// A dead leader is replaced within 4 s. Three renewals may fail before it lapses,
    /// and a write with a deadline of 2 s can start at any time in between.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(4),
            renew_every: Duration::from_secs(1),
            retry_every: Duration::from_millis(500),
            call_deadline: Duration::from_secs(1),
        }
    }
}

/// A holder's name, unlike that of any other process: two processes under one
/// name would both hold the Lease.
pub fn unique_identity(host: &str) -> String {
    format!("{host}_{}", uuid::Uuid::new_v4())
}

/// What this replica is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Another replica works, or nobody knows.
    Standby,
    /// This one works.
    Leading {
        /// Moves with each renewal. Past it nothing is permitted, whatever the
        /// channel still holds.
        valid_until: Instant,
        /// `leaseTransitions` of the Lease: grows with each change of holder.
        term: i32,
    },
}

impl Leadership {
    /// Whether this replica leads at `now`.
    pub fn is_leading_at(&self, now: Instant) -> bool {
        self.permits_at(now, Duration::ZERO)
    }

    /// Whether a write that ends `deadline` after `now` ends before the Lease.
    pub fn permits_at(&self, now: Instant, deadline: Duration) -> bool {
        match self {
            Self::Standby => false,
            Self::Leading { valid_until, .. } => now + deadline < *valid_until,
        }
    }

    /// As [`Leadership::permits_at`], from now on.
    pub fn permits(&self, deadline: Duration) -> bool {
        self.permits_at(Instant::now(), deadline)
    }
}

/// Every write to a member begins here. Clones share it.
#[derive(Clone)]
pub struct WriteGuard {
    leadership: watch::Receiver<Leadership>,
    writes: TaskTracker,
}

/// A write under way. Held until the write has ended: a clean shutdown does
/// not hand the Lease over before.
pub struct WritePermit {
    _token: TaskTrackerToken,
}

impl WriteGuard {
    /// Permission for a write that ends within `deadline`, or None when the
    /// Lease may end first (promise I9). The caller enforces the deadline.
    pub fn begin(&self, deadline: Duration) -> Option<WritePermit> {
        // Counted before leadership is read: a release that this misses reads
        // the count after it has published `Standby`.
        let token = self.writes.token();
        self.leadership.borrow().permits(deadline).then_some(WritePermit { _token: token })
    }

    /// What this replica is now.
    pub fn leadership(&self) -> Leadership {
        *self.leadership.borrow()
    }
}

/// One candidate.
pub struct LeaderElector<S> {
    store: S,
    timing: Timing,
    election: Election,
    leadership: watch::Sender<Leadership>,
    writes: TaskTracker,
}

impl<S: Store> LeaderElector<S> {
    /// A candidate under a name that no other process has
    /// ([`unique_identity`]).
    pub fn new(store: S, identity: impl Into<Arc<str>>, timing: Timing) -> Self {
        let writes = TaskTracker::new();
        writes.close();
        Self {
            store,
            timing,
            election: Election::new(identity.into(), timing, Instant::now()),
            leadership: watch::Sender::new(Leadership::Standby),
            writes,
        }
    }

    /// The state of this replica. `changed` wakes when it starts or stops
    /// leading and on a new term, not on each renewal.
    pub fn subscribe(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// The guard for writes to members.
    pub fn guard(&self) -> WriteGuard {
        WriteGuard { leadership: self.leadership.subscribe(), writes: self.writes.clone() }
    }

    /// Stands for election until `cancel`, then hands over: no write begins any
    /// more, those that run end, the Lease is released. Takes at most the rest
    /// of the Lease after `cancel`; dropped earlier, it hands nothing over and
    /// the successor waits for the Lease to lapse.
    ///
    /// Ends by itself, with what it saw, when the store has gone back.
    pub async fn run(mut self, cancel: CancellationToken) -> Option<WentBack> {
        while !cancel.is_cancelled() && self.election.went_back().is_none() {
            match self.election.plan(Instant::now()) {
                Action::Wait(until) => {
                    tokio::select! {
                        () = cancel.cancelled() => {}
                        () = tokio::time::sleep_until(until) => {}
                    }
                }
                action => self.call(action).await,
            }
            self.publish();
        }
        self.hand_over().await;
        self.election.went_back()
    }

    /// One call, cut off at its deadline and at the end of our own Lease, so
    /// that a hanging API server cannot delay the news that it has lapsed.
    async fn call(&mut self, action: Action) {
        let started = Instant::now();
        let end = self.election.lease_end(started).map_or(started + self.timing.call_deadline, |lease_end| {
            lease_end.min(started + self.timing.call_deadline)
        });
        let answer = tokio::time::timeout_at(end, carry_out(&self.store, action)).await;
        let outcome = answer.unwrap_or_else(|_| Outcome::Failed("no answer in time".to_owned()));
        if let Outcome::Failed(reason) = &outcome {
            tracing::warn!(reason, leading = self.election.lease_end(started).is_some(), "Lease call failed; retrying");
        }
        self.election.observe(outcome, started, Instant::now());
    }

    fn publish(&self) {
        let next = self.election.leadership(Instant::now());
        let changed = self.leadership.send_if_modified(|current| {
            let same_role = match (&*current, &next) {
                (Leadership::Standby, Leadership::Standby) => true,
                (Leadership::Leading { term: old, .. }, Leadership::Leading { term: new, .. }) => old == new,
                _ => false,
            };
            *current = next;
            !same_role
        });
        if changed {
            match next {
                Leadership::Standby => tracing::warn!("this replica no longer leads"),
                Leadership::Leading { term, .. } => tracing::info!(term, "this replica leads"),
            }
        }
    }

    async fn hand_over(&mut self) {
        let Some(lease_end) = self.election.lease_end(Instant::now()) else { return };
        self.leadership.send_replace(Leadership::Standby);
        // Running writes end before the Lease does, which is why they were
        // permitted; past its end there is nothing left to release.
        if tokio::time::timeout_at(lease_end, self.writes.wait()).await.is_err() {
            return;
        }
        if let Some(release) = self.election.release() {
            self.call(release).await;
            if self.election.lease_end(Instant::now()).is_none() {
                tracing::info!("leadership handed over");
            }
        }
    }
}

impl<S> Drop for LeaderElector<S> {
    /// A candidate that was dropped instead of cancelled renews nothing; no
    /// write begins on the rest of its Lease.
    fn drop(&mut self) {
        self.leadership.send_replace(Leadership::Standby);
    }
}

async fn carry_out<S: Store>(store: &S, action: Action) -> Outcome {
    let written = match action {
        Action::Wait(_) => return Outcome::Failed("nothing to call".to_owned()),
        Action::Fetch => {
            return match store.fetch().await {
                Ok(lease) => Outcome::Fetched(lease),
                Err(Error::Conflict) => Outcome::Conflict,
                Err(Error::Unavailable(reason)) => Outcome::Failed(reason),
            };
        }
        Action::Create(spec) => store.create(&spec).await,
        Action::Replace { version, spec } => store.replace(&version, &spec).await,
    };
    match written {
        Ok(lease) => Outcome::Written(lease),
        Err(Error::Conflict) => Outcome::Conflict,
        Err(Error::Unavailable(reason)) => Outcome::Failed(reason),
    }
}
