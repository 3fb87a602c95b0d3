//! Deletes are budgeted (I7).
//!
//! Enters: each delete that is about to start, and how many objects a cluster
//! holds for us. Leaves: whether it may start, or what a person must approve.
//! Must not: decide what should be deleted.

pub mod epoch;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::ids::{ClusterName, ObjectKey};
use crate::time::Mono;

/// The time over which deletes are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// One part in so many of a cluster's objects: 20 %.
const SHARE: usize = 5;
/// Fewer than so many are never counted: small clusters are edited freely.
const NEVER_BELOW: usize = 10;

/// Whether a delete may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admit,
    /// Deletes on this cluster wait for a person.
    Paused {
        /// How many wait, this one included.
        waiting: usize,
        /// How many a minute may see without asking.
        allowed: usize,
        /// What the person repeats to approve exactly what waits now.
        token: String,
    },
}

/// An approval that approves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing waits.
    #[error("deletes on cluster {0} are not paused: there is nothing to approve")]
    NotPaused(ClusterName),
    /// Other deletes wait now than the token was made for.
    #[error("the token is not for the deletes that wait on cluster {cluster} now: look again and approve {token}")]
    WrongToken {
        /// The cluster.
        cluster: ClusterName,
        /// The token for what waits now.
        token: String,
    },
}

/// The budget of one cluster.
#[derive(Clone, Debug)]
pub struct Budget {
    cluster: ClusterName,
    admitted: VecDeque<(Mono, ObjectKey)>,
    paused: bool,
    waiting: BTreeSet<ObjectKey>,
    /// Sum of the hashes of what waits: the same for the same deletes in
    /// whatever order they came, and kept as they come and go, because every
    /// refused delete is answered with the token.
    fingerprint: u64,
    approved: BTreeSet<ObjectKey>,
}

impl Budget {
    /// `paused`: the Cluster's status says that deletes are paused there; a
    /// restart does not lift that.
    pub fn new(cluster: ClusterName, paused: bool) -> Self {
        let (admitted, waiting, approved) = Default::default();
        Self { cluster, admitted, paused, waiting, fingerprint: 0, approved }
    }

    /// Asks for one delete. `owned`: our objects on the cluster, this one
    /// included. A pause holds until a person approves or nothing waits any
    /// more ([`Budget::settle`]); time alone does not end it. A delete that failed
    /// and is asked for again within the minute is counted once.
    pub fn admit(&mut self, now: Mono, owned: usize, key: &ObjectKey) -> Admission {
        while self.admitted.front().is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.admitted.pop_front();
        }
        if self.approved.contains(key) || self.admitted.iter().any(|(_, admitted)| admitted == key) {
            return Admission::Admit;
        }
        // Counted against what was there when the minute began.
        let allowed = allowed(owned.saturating_add(self.admitted.len()));
        if !self.paused && self.admitted.len() < allowed {
            self.admitted.push_back((now, key.clone()));
            return Admission::Admit;
        }
        self.paused = true;
        if self.waiting.insert(key.clone()) {
            self.fingerprint = self.fingerprint.wrapping_add(hash_of(key));
        }
        Admission::Paused { waiting: self.waiting.len(), allowed, token: self.token() }
    }

    /// A delete is done, or no longer wanted. When nothing waits any more, the
    /// pause ends.
    pub fn settle(&mut self, key: &ObjectKey) {
        self.approved.remove(key);
        if self.waiting.remove(key) {
            self.fingerprint = self.fingerprint.wrapping_sub(hash_of(key));
            self.paused &= !self.waiting.is_empty();
        }
    }

    /// A person approves what waits now; it may then be asked for again.
    pub fn approve(&mut self, token: &str) -> Result<usize, Refused> {
        if self.waiting.is_empty() {
            return Err(Refused::NotPaused(self.cluster.clone()));
        }
        let right = self.token();
        if token != right {
            return Err(Refused::WrongToken { cluster: self.cluster.clone(), token: right });
        }
        self.paused = false;
        let approved = self.waiting.len();
        self.approved.append(&mut self.waiting);
        self.fingerprint = 0;
        Ok(approved)
    }

    /// Whether deletes wait for a person.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    fn token(&self) -> String {
        let cluster = xxhash_rust::xxh3::xxh3_64(self.cluster.as_str().as_bytes());
        format!("{:08x}", cluster.wrapping_add(self.fingerprint) >> 32)
    }
}

fn hash_of(key: &ObjectKey) -> u64 {
    xxhash_rust::xxh3::xxh3_64(format!("{} {key}", key.gvk).as_bytes())
}

/// How many deletes a minute may see on a cluster with `owned` objects.
pub fn allowed(owned: usize) -> usize {
    (owned / SHARE).max(NEVER_BELOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Gvk;

    fn key(number: usize) -> ObjectKey {
        let name = format!("object-{number:04}").into();
        ObjectKey { gvk: Gvk::from_api_version("v1", "ConfigMap"), namespace: Some("shop".into()), name }
    }

    fn second(second: u64) -> Mono {
        Mono::from_millis(second * 1000)
    }

    /// Deletes `numbers` of `owned` objects at once; returns how many went.
    fn delete(budget: &mut Budget, now: u64, owned: usize, numbers: std::ops::Range<usize>) -> usize {
        let mut gone = 0;
        for number in numbers {
            if budget.admit(second(now), owned - gone, &key(number)) == Admission::Admit {
                gone += 1;
            }
        }
        gone
    }

    fn token(budget: &mut Budget, now: u64) -> String {
        match budget.admit(second(now), 1000, &key(999)) {
            Admission::Paused { token, .. } => token,
            Admission::Admit => panic!("not paused"),
        }
    }

    #[test]
    fn a_fifth_of_a_cluster_in_a_minute_is_the_most_and_ten_are_never_too_many() {
        for (owned, expected) in [(1000, 200), (100, 20), (51, 10), (12, 10), (10, 10), (3, 3)] {
            let mut budget = Budget::new("a".into(), false);
            assert_eq!(delete(&mut budget, 0, owned, 0..owned), expected, "of {owned}");
        }
    }

    #[test]
    fn a_pause_does_not_end_by_waiting() {
        let mut budget = Budget::new("a".into(), false);
        delete(&mut budget, 0, 100, 0..100);
        assert_eq!(delete(&mut budget, 3600, 80, 20..100), 0);
    }

    #[test]
    fn slow_deletes_never_pause() {
        let mut budget = Budget::new("a".into(), false);
        let gone: usize = (0..9).map(|minute| delete(&mut budget, minute * 60, 90, 0..10)).sum();
        assert_eq!((gone, budget.is_paused()), (90, false));
    }

    #[test]
    fn the_pause_says_how_many_wait_and_counts_a_repeated_question_once() {
        let mut budget = Budget::new("a".into(), true);
        budget.admit(second(0), 50, &key(1));
        budget.admit(second(1), 50, &key(1));
        let Admission::Paused { waiting, allowed, .. } = budget.admit(second(2), 50, &key(2)) else {
            panic!("not paused")
        };
        assert_eq!((waiting, allowed), (2, 10));
    }

    #[test]
    fn an_approval_covers_what_waited_and_nothing_else() {
        let mut budget = Budget::new("a".into(), false);
        assert_eq!(delete(&mut budget, 0, 100, 0..100), 20);
        let token = token(&mut budget, 1);
        assert_eq!(budget.approve(&token), Ok(81));
        assert_eq!(delete(&mut budget, 2, 80, 20..100), 80);
        assert!(matches!(budget.admit(second(3), 5, &key(500)), Admission::Paused { .. }));
    }

    #[test]
    fn a_token_is_worth_nothing_once_more_waits() {
        let mut budget = Budget::new("a".into(), true);
        let old = token(&mut budget, 0);
        budget.admit(second(1), 100, &key(1));
        let Err(Refused::WrongToken { token, .. }) = budget.approve(&old) else { panic!("approved") };
        assert_eq!(budget.approve(&token), Ok(2));
        assert_eq!(budget.approve(&token), Err(Refused::NotPaused("a".into())));
    }

    #[test]
    fn a_delete_that_failed_and_is_tried_again_is_counted_once() {
        let mut budget = Budget::new("a".into(), false);
        for attempt in 0..50 {
            assert_eq!(budget.admit(second(attempt), 20, &key(1)), Admission::Admit);
        }
    }

    #[test]
    fn a_mistake_that_is_taken_back_ends_the_pause() {
        let mut budget = Budget::new("a".into(), false);
        delete(&mut budget, 0, 100, 0..22);
        assert!(budget.is_paused());
        budget.settle(&key(20));
        assert!(budget.is_paused());
        budget.settle(&key(21));
        assert!(!budget.is_paused());
    }
}
