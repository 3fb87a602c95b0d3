//! Who watches a schedule come about.
//!
//! The ordinary path has [`Nobody`] watch, and costs nothing by it: every
//! method is empty, and nothing is made for the observer alone.

use super::candidate::{Candidate, Growth};
use super::divide::Division;
use super::spread::Rules;
use super::term::Term;
use crate::affinity::Unmet;
use crate::cluster::Cluster;
use crate::schedule::Reason;
use crate::webster::NameOrder;

/// What a round of the division starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The user's weights.
    ByWeight,
    /// The room in the clusters, whatever is there.
    Anew,
    /// What is there, reduced in proportion.
    Shrink,
    /// What is there, and the free room for what is added.
    Grow,
}

/// Why the division began again; what was given before is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// A cluster that must not grow would have; it keeps what it has.
    SomeMustNotGrow,
    /// The clusters that may grow have no weight.
    NobodyElseHasAWeight,
    /// Without the clusters that are a last resort.
    TheOthersHaveTooLittleRoom,
}

/// One round of the division.
pub(crate) struct Apportioned<'r> {
    pub step: Step,
    pub names: &'r [&'r str],
    pub votes: &'r [i64],
    /// What each keeps beside that; empty: nothing.
    pub kept: &'r [i64],
    pub seats: i64,
    pub ties: NameOrder,
    pub given: &'r [i64],
}

/// Sees a schedule come about, step by step.
pub(crate) trait Observer {
    /// Every filter is asked of every cluster, and not only until one refuses.
    const EVERYTHING: bool = false;

    /// An affinity group, or the one affinity, is tried.
    fn attempt(&mut self, _term: &Term<'_>, _division: &Division<'_>) {}
    /// The filters are asked of this cluster.
    fn examining(&mut self, _cluster: &Cluster) {}
    /// One refuses it. `kept`: it is a target and stays all the same.
    fn refused(&mut self, _filter: &'static str, _why: &Reason, _kept: Option<Growth>, _affinity: Option<Unmet<'_>>) {}
    /// The candidates, best first. `by_room`: their room was estimated.
    fn ranked(&mut self, _candidates: &[Candidate<'_>], _by_room: bool) {}
    /// The previous answer is one still; nothing is chosen or divided.
    fn settled(&mut self) {}
    /// A region to choose from.
    fn region(&mut self, _name: &str, _score: i64, _is_used: bool) {}
    /// The candidates that were chosen.
    fn selected(&mut self, _rules: &Rules, _chosen: &[&Candidate<'_>]) {}
    /// Replicas were given out.
    fn apportioned(&mut self, _round: &Apportioned<'_>) {}
    /// And are given out anew.
    fn begun_again(&mut self, _why: Again) {}
}

/// Does not look.
pub(crate) struct Nobody;

impl Observer for Nobody {}
