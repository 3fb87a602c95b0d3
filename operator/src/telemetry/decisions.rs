//! What was decided and done of late: two rings of bounded size, for
//! `kubectl atoll why` and for snapshots.
//!
//! Enters: decisions and the ends of orders, as they happen. Leaves: the last
//! of them, oldest first. Must not: grow, hold a manifest, or be looked at by a
//! decision. An entry shares its names with what it is about; its reason is
//! put into words by whoever reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::matching::PolicyRef;
use atoll_decide::time::Wall;
use atoll_decide::trigger::Trigger;

use crate::clock;

/// Entries of each ring.
pub const KEPT: usize = 1024;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A policy has the template now.
    Claimed,
    /// No policy has it any more.
    Released,
    /// It was scheduled.
    Scheduled,
    /// It was to be scheduled, and fits nowhere.
    NotScheduled,
    /// Something about its moves, as Events name it.
    Moved(&'static str),
    /// A copy was ordered away.
    Dropped,
    /// A cluster's health was judged anew.
    Judged,
    /// An order was carried out: written.
    Applied,
    /// An order was not carried out.
    NotApplied,
    /// A copy is gone.
    Removed,
}

impl What {
    /// As programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claimed => "Claimed",
            Self::Released => "Released",
            Self::Scheduled => "Scheduled",
            Self::NotScheduled => "NotScheduled",
            Self::Moved(reason) => reason,
            Self::Dropped => "Dropped",
            Self::Judged => "Judged",
            Self::Applied => "Applied",
            Self::NotApplied => "NotApplied",
            Self::Removed => "Removed",
        }
    }

    /// The end of an order, of which there are many more than decisions.
    fn is_end(self) -> bool {
        matches!(self, Self::Applied | Self::NotApplied | Self::Removed)
    }
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing more to say.
    Nothing,
    /// A rule of the schedule.
    Rule(Trigger),
    /// A policy.
    Policy(PolicyRef),
    /// Words that were made anyway.
    Words(Arc<str>),
}

impl Why {
    /// In words.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Rule(trigger) => Some(trigger.to_string()),
            Self::Policy(policy) => Some(policy.to_string()),
            Self::Words(words) => Some(words.to_string()),
        }
    }
}

/// One decision, or the end of one order.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Wall,
    /// About which template; None: about a cluster.
    pub object: Option<ObjectKey>,
    /// About which cluster.
    pub cluster: Option<ClusterName>,
    /// What.
    pub what: What,
    /// Why.
    pub why: Why,
}

/// The rings: decisions, and ends of orders, so that a burst of the latter
/// does not push the former out.
#[derive(Default)]
pub struct Decisions {
    rings: [Mutex<VecDeque<Entry>>; 2],
}

impl Decisions {
    /// Puts one in; the oldest one goes when its ring is full.
    pub fn record(&self, object: Option<&ObjectKey>, cluster: Option<&ClusterName>, what: What, why: Why) {
        let entry = Entry { at: clock::wall(), object: object.cloned(), cluster: cluster.cloned(), what, why };
        let mut ring = self.rings[usize::from(what.is_end())].lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(entry);
    }

    /// All that `wanted` holds of, oldest first.
    pub fn recent(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut found: Vec<Entry> = Vec::new();
        for ring in &self.rings {
            let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
            found.extend(ring.iter().filter(|entry| wanted(entry)).cloned());
        }
        found.sort_by_key(|entry| entry.at);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(number: usize) -> ClusterName {
        ClusterName::from(format!("m{number}"))
    }

    #[test]
    fn the_oldest_goes_and_orders_push_no_decision_out() {
        let decisions = Decisions::default();
        decisions.record(None, Some(&cluster(0)), What::Judged, Why::Nothing);
        for number in 1..=KEPT + 1 {
            decisions.record(None, Some(&cluster(number)), What::Applied, Why::Nothing);
        }
        let all = decisions.recent(|_| true);
        assert_eq!(all.len(), KEPT + 1);
        assert!(all.iter().any(|entry| entry.what == What::Judged));
        assert!(!all.iter().any(|entry| entry.cluster == Some(cluster(1))), "the oldest end of an order is gone");
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 216, "{}", size_of::<Entry>());
    }
}
