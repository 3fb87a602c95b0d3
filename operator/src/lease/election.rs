//! Who holds the Lease, decided from what this replica has seen. Pure: time is
//! an argument.
//!
//! Why two never hold it at once: a holder counts its Lease from the moment it
//! *asked*, a candidate counts the same duration from the moment it *heard* of
//! the last change, which is later; and a candidate's write names the version
//! it has watched for that long, so a renewal it has not heard of refuses it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::store::{Lease, Spec};
use super::{Leadership, Timing};

/// Clocks of two machines may run at different speed; a candidate waits this
/// part of the duration longer (1/20: a hundred times what clocks differ by).
const PATIENCE_DIVISOR: u32 = 20;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before then.
    Wait(Instant),
    /// Read the Lease.
    Fetch,
    /// Make it.
    Create(Spec),
    /// Write it, if it still has this version.
    Replace {
        /// The version it must have.
        version: Arc<str>,
        /// What it shall say.
        spec: Spec,
    },
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Fetched(Option<Lease>),
    /// Our write was accepted.
    Written(Lease),
    /// Somebody else wrote first.
    Conflict,
    /// No usable answer; a write may or may not have happened.
    Failed(String),
}

/// What is known of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing that could be acted on.
    Unknown,
    /// It does not exist.
    Absent,
    /// It was like this when we last heard of it, in this version since `since`.
    Seen { lease: Lease, since: Instant },
}

/// Our own Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    until: Instant,
    term: i32,
}

/// The hub's store has an older state than it had: it was put back to a backup
/// while this process ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WentBack {
    /// The newest resourceVersion the Lease has had.
    pub from: u64,
    /// The one it has now.
    pub to: u64,
}

/// The state of one candidate.
#[derive(Clone, Debug)]
pub struct Election {
    identity: Arc<str>,
    timing: Timing,
    known: Known,
    held: Option<Held>,
    next_call: Instant,
    /// The newest resourceVersion of the Lease so far.
    newest: u64,
    went_back: Option<WentBack>,
}

impl Election {
    /// A candidate that knows nothing.
    pub fn new(identity: Arc<str>, timing: Timing, now: Instant) -> Self {
        Self { identity, timing, known: Known::Unknown, held: None, next_call: now, newest: 0, went_back: None }
    }

    /// Whether the store has gone back. Nothing that was learnt of it before
    /// may be acted on any more: this candidate is at its end.
    pub fn went_back(&self) -> Option<WentBack> {
        self.went_back
    }

    /// When our Lease ends; None when we hold none at `now`.
    pub fn lease_end(&self, now: Instant) -> Option<Instant> {
        self.held.map(|held| held.until).filter(|end| now < *end)
    }

    /// What to tell the rest of the process.
    pub fn leadership(&self, now: Instant) -> Leadership {
        match self.held {
            Some(Held { until, term }) if now < until => Leadership::Leading { valid_until: until, term },
            Some(_) | None => Leadership::Standby,
        }
    }

    /// The next step.
    pub fn plan(&self, now: Instant) -> Action {
        if now < self.next_call {
            // Wakes at the end of our Lease too, so that its lapse is told.
            let wake = self.lease_end(now).map_or(self.next_call, |end| end.min(self.next_call));
            return Action::Wait(wake);
        }
        match &self.known {
            Known::Unknown => Action::Fetch,
            Known::Absent => Action::Create(self.claim(0, true)),
            Known::Seen { lease, since } if now < self.free_from(lease, *since) => Action::Fetch,
            Known::Seen { lease, .. } => self.replace(lease),
        }
    }

    /// Folds in the end of a call that began at `started`.
    pub fn observe(&mut self, outcome: Outcome, started: Instant, now: Instant) {
        if let Outcome::Fetched(Some(lease)) | Outcome::Written(lease) = &outcome {
            self.compare(lease);
        }
        if self.went_back.is_some() {
            self.held = None;
            return;
        }
        match outcome {
            Outcome::Fetched(None) => {
                self.known = Known::Absent;
                self.held = None;
                self.next_call = now;
            }
            Outcome::Fetched(Some(lease)) => {
                if !self.is_ours(&lease) {
                    self.held = None;
                }
                let since = self.heard_of(&lease).unwrap_or(now);
                self.next_call = self.free_from(&lease, since).min(now + self.timing.retry_every);
                self.known = Known::Seen { lease, since };
            }
            Outcome::Written(lease) => {
                let held = Held { until: started + self.timing.duration, term: lease.transitions };
                self.held = self.is_ours(&lease).then_some(held);
                self.known = Known::Seen { lease, since: now };
                self.next_call = started + self.timing.renew_every;
            }
            Outcome::Conflict => {
                self.known = Known::Unknown;
                self.next_call = now;
            }
            Outcome::Failed(_) => self.next_call = now + self.timing.retry_every,
        }
    }

    /// Versions of one object only grow, also when it is deleted and made
    /// again, and calls follow one another: an older one is an older store.
    fn compare(&mut self, lease: &Lease) {
        let Ok(version) = lease.version.parse::<u64>() else { return };
        if version < self.newest {
            self.went_back = Some(WentBack { from: self.newest, to: version });
        }
        self.newest = self.newest.max(version);
    }

    /// The write that gives our Lease up; None when its version is not known.
    /// The duration of one second is for readers that look at nothing else.
    pub fn release(&self) -> Option<Action> {
        if self.went_back.is_some() {
            return None;
        }
        let Known::Seen { lease, .. } = &self.known else { return None };
        let spec =
            Spec { holder: None, duration: Duration::from_secs(1), transitions: lease.transitions, acquires: false };
        self.is_ours(lease).then(|| Action::Replace { version: lease.version.clone(), spec })
    }

    /// From when on we may write it: at once when it is free or ours, else
    /// once it has not changed for longer than its duration.
    fn free_from(&self, lease: &Lease, since: Instant) -> Instant {
        if lease.holder.is_none() || self.is_ours(lease) {
            return since;
        }
        since + lease.duration + lease.duration / PATIENCE_DIVISOR
    }

    fn heard_of(&self, lease: &Lease) -> Option<Instant> {
        match &self.known {
            Known::Seen { lease: known, since } if known.version == lease.version => Some(*since),
            Known::Seen { .. } | Known::Absent | Known::Unknown => None,
        }
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        lease.holder.as_ref() == Some(&self.identity)
    }

    fn replace(&self, lease: &Lease) -> Action {
        let acquires = !self.is_ours(lease);
        let transitions = if acquires { lease.transitions.saturating_add(1) } else { lease.transitions };
        Action::Replace { version: lease.version.clone(), spec: self.claim(transitions, acquires) }
    }

    fn claim(&self, transitions: i32, acquires: bool) -> Spec {
        Spec { holder: Some(self.identity.clone()), duration: self.timing.duration, transitions, acquires }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>, version: &str) -> Lease {
        Lease {
            version: version.into(),
            holder: holder.map(Arc::from),
            duration: Duration::from_secs(4),
            transitions: 7,
        }
    }

    fn candidate() -> (Election, Instant) {
        let now = Instant::now();
        (Election::new("me".into(), Timing::default(), now), now)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_missing_lease_is_created_and_a_released_one_taken_at_once() {
        let (mut me, now) = candidate();
        assert_eq!(me.plan(now), Action::Fetch);
        me.observe(Outcome::Fetched(None), now, now);
        assert!(matches!(me.plan(now), Action::Create(_)));

        me.observe(Outcome::Fetched(Some(lease(None, "1"))), now, now);
        let Action::Replace { version, spec } = me.plan(now) else { panic!("{:?}", me.plan(now)) };
        assert_eq!((&*version, spec.transitions, spec.acquires), ("1", 8, true));
    }

    #[test]
    fn another_holder_has_its_whole_duration_from_the_last_change_heard_of() {
        let (mut me, start) = candidate();
        me.observe(Outcome::Fetched(Some(lease(Some("other"), "1"))), start, start);
        let renewed = start + ms(3900);
        me.observe(Outcome::Fetched(Some(lease(Some("other"), "2"))), renewed, renewed);
        me.observe(Outcome::Fetched(Some(lease(Some("other"), "2"))), renewed + ms(3600), renewed + ms(3600));
        assert_eq!(me.plan(renewed + ms(3700)), Action::Wait(renewed + ms(4100)));
        assert!(matches!(me.plan(renewed + ms(4199)), Action::Fetch));
        assert!(matches!(me.plan(renewed + ms(4200)), Action::Replace { .. }));
    }

    #[test]
    fn our_lease_counts_from_the_question_not_from_the_answer() {
        let (mut me, start) = candidate();
        me.observe(Outcome::Written(lease(Some("me"), "1")), start, start + ms(900));
        assert_eq!(me.leadership(start + ms(900)), Leadership::Leading { valid_until: start + ms(4000), term: 7 });
        assert_eq!(me.leadership(start + ms(4000)), Leadership::Standby);
        assert!(matches!(me.plan(start + ms(1000)), Action::Replace { spec: Spec { acquires: false, .. }, .. }));
    }

    #[test]
    fn failed_renewals_let_it_lapse_and_wake_at_its_end() {
        let (mut me, start) = candidate();
        me.observe(Outcome::Written(lease(Some("me"), "1")), start, start);
        me.observe(Outcome::Failed("silence".into()), start + ms(3000), start + ms(3900));
        assert_eq!(me.plan(start + ms(3900)), Action::Wait(start + ms(4000)));
        assert_eq!(me.leadership(start + ms(4001)), Leadership::Standby);
    }

    #[test]
    fn a_conflict_is_cleared_up_by_reading() {
        let (mut me, now) = candidate();
        me.observe(Outcome::Written(lease(Some("me"), "1")), now, now);
        me.observe(Outcome::Conflict, now, now);
        assert_eq!(me.plan(now), Action::Fetch);
        me.observe(Outcome::Fetched(Some(lease(Some("me"), "2"))), now, now);
        assert!(matches!(me.plan(now), Action::Replace { .. }), "somebody only annotated it");

        me.observe(Outcome::Fetched(Some(lease(Some("other"), "3"))), now, now);
        assert_eq!(me.leadership(now), Leadership::Standby, "it was taken from us by hand");
    }

    #[test]
    fn an_older_version_than_was_seen_is_a_store_put_back_and_nothing_is_held_after_it() {
        let (mut me, now) = candidate();
        me.observe(Outcome::Written(lease(Some("me"), "90")), now, now);
        me.observe(Outcome::Fetched(Some(lease(Some("me"), "90"))), now, now);
        assert_eq!(me.went_back(), None);
        me.observe(Outcome::Conflict, now, now);
        me.observe(Outcome::Fetched(Some(lease(Some("me"), "40"))), now, now);
        assert_eq!(me.went_back(), Some(WentBack { from: 90, to: 40 }));
        assert_eq!(me.leadership(now), Leadership::Standby);
        me.observe(Outcome::Written(lease(Some("me"), "41")), now, now);
        assert_eq!(me.leadership(now), Leadership::Standby, "for good");
        assert_eq!(me.release(), None);
    }

    #[test]
    fn a_lease_that_was_deleted_and_made_again_is_no_store_put_back() {
        let (mut me, now) = candidate();
        me.observe(Outcome::Written(lease(Some("me"), "90")), now, now);
        me.observe(Outcome::Fetched(None), now, now);
        me.observe(Outcome::Written(lease(Some("me"), "91")), now, now);
        assert_eq!(me.went_back(), None);
        me.observe(Outcome::Fetched(None), now, now);
        me.observe(Outcome::Written(lease(Some("me"), "12")), now, now);
        assert_eq!(me.went_back(), Some(WentBack { from: 91, to: 12 }), "the backup is older than the Lease");
    }

    #[test]
    fn only_our_own_lease_is_released() {
        let (mut me, now) = candidate();
        me.observe(Outcome::Fetched(Some(lease(Some("other"), "1"))), now, now);
        assert_eq!(me.release(), None);
        me.observe(Outcome::Written(lease(Some("me"), "2")), now, now);
        let Some(Action::Replace { version, spec }) = me.release() else { panic!("nothing to release") };
        assert_eq!((&*version, spec.holder), ("2", None));
    }
}
