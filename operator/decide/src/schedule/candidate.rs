//! A cluster that passed the filters.

use std::cmp::{Ordering, Reverse};

use crate::cluster::Cluster;

/// Whether a candidate takes more replicas than it has. Ordered from yes to no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Growth {
    /// It does.
    Welcome,
    /// Only when the others cannot take them.
    LastResort,
    /// It keeps what it has.
    Refused,
}

/// A cluster that may be chosen.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<'a> {
    pub cluster: &'a Cluster,
    /// 0 for the affinity itself, then its overflow tiers.
    pub tier: usize,
    /// Higher is better.
    pub score: i64,
    /// Replicas that fit in addition; 0 until estimated.
    pub free: i64,
    /// Replicas of the previous answer.
    pub assigned: i64,
    /// It is a target of the previous answer, with replicas or without.
    pub is_target: bool,
    pub growth: Growth,
}

impl Candidate<'_> {
    /// Replicas it could hold in all.
    pub fn available(&self) -> i64 {
        self.free + self.assigned
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        self.cluster.name.as_str()
    }

    /// The order of choice: tier, score, room, name. Total, because names are
    /// unique.
    pub fn best_first(&self, other: &Self) -> Ordering {
        let key = |candidate: &Self| (candidate.tier, Reverse(candidate.score), Reverse(candidate.available()));
        key(self).cmp(&key(other)).then_with(|| self.name().cmp(other.name()))
    }
}
