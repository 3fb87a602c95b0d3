//! Division by the room in the clusters: dynamic weights and aggregated.
//!
//! What is there stays as far as possible: growth adds to it, shrinking
//! reduces it in proportion, and only a fresh division starts anew.

use std::cmp::Reverse;

use super::{Candidate, Share, apportion};
use crate::schedule::candidate::Growth;
use crate::schedule::failure::Problem;
use crate::schedule::observer::{Again, Observer, Step};
use crate::webster::NameOrder;

/// The strategy.
pub(super) struct Divider<'o, O> {
    /// On as few clusters as possible.
    pub aggregated: bool,
    /// Divide anew instead of from the previous answer.
    pub fresh: bool,
    /// Between equals.
    pub ties: NameOrder,
    /// Who is told.
    pub observer: &'o mut O,
}

/// Whether clusters that are a last resort take part in growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resort {
    Avoid,
    Use,
}

impl Resort {
    fn free(self, candidate: &Candidate<'_>) -> i64 {
        if self == Self::Avoid && candidate.growth == Growth::LastResort { 0 } else { candidate.free }
    }

    fn available(self, candidate: &Candidate<'_>) -> i64 {
        self.free(candidate) + candidate.assigned
    }
}

impl<O: Observer> Divider<'_, O> {
    /// Shares that sum up to `wanted`. Nothing is placed in part: too little
    /// room for all of it is an error.
    pub fn divide<'c, 'a>(
        &mut self,
        selected: &[&'c Candidate<'a>],
        wanted: i64,
    ) -> Result<Vec<Share<'c, 'a>>, Problem> {
        self.divide_tiers(selected, wanted, Resort::Avoid)
            .or_else(|_| {
                self.observer.begun_again(Again::TheOthersHaveTooLittleRoom);
                self.divide_tiers(selected, wanted, Resort::Use)
            })
            .map_err(|room| Problem::TooLittleRoom { wanted, room })
    }

    /// Fills tier after tier. The error is the room in all of them.
    fn divide_tiers<'c, 'a>(
        &mut self,
        selected: &[&'c Candidate<'a>],
        wanted: i64,
        resort: Resort,
    ) -> Result<Vec<Share<'c, 'a>>, i64> {
        let mut shares = Vec::with_capacity(selected.len());
        let mut remaining = wanted;
        // Candidates are sorted by tier first.
        for tier in selected.chunk_by(|one, other| one.tier == other.tier) {
            let room: i64 = tier.iter().map(|candidate| resort.available(candidate)).sum();
            let part = remaining.min(room);
            shares.extend(self.divide_tier(tier, part, resort));
            remaining -= part;
        }
        if remaining > 0 { Err(wanted - remaining) } else { Ok(shares) }
    }

    /// `wanted` is not more than the tier has room for.
    fn divide_tier<'c, 'a>(&mut self, tier: &[&'c Candidate<'a>], wanted: i64, resort: Resort) -> Vec<Share<'c, 'a>> {
        let held: Vec<_> = tier.iter().map(|candidate| candidate.assigned).collect();
        let assigned: i64 = held.iter().sum();
        let replicas = if self.fresh {
            let votes = tier.iter().map(|candidate| resort.available(candidate)).collect();
            self.give(Step::Anew, (tier, &[]), votes, (wanted, Prefer::Room))
        } else if assigned >= wanted {
            self.give(Step::Shrink, (tier, &[]), held, (wanted, Prefer::Room))
        } else {
            let votes = tier.iter().map(|candidate| resort.free(candidate)).collect();
            let added = self.give(Step::Grow, (tier, &held), votes, (wanted - assigned, Prefer::InUse));
            added.iter().zip(held).map(|(added, held)| added + held).collect()
        };
        tier.iter().copied().zip(replicas).collect()
    }

    fn give(
        &mut self,
        step: Step,
        (parties, kept): (&[&Candidate<'_>], &[i64]),
        mut votes: Vec<i64>,
        (seats, prefer): (i64, Prefer),
    ) -> Vec<i64> {
        if self.aggregated {
            withdraw_needless(parties, &mut votes, seats, prefer);
        }
        apportion(step, (parties, &votes, kept), (seats, self.ties), self.observer)
    }
}

/// What aggregation fills first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefer {
    /// Where most fits.
    Room,
    /// Where replicas are already, then where most fits.
    InUse,
}

/// Takes the votes of every party that is not needed for `seats`, the most
/// preferred first. The name decides at last, so that the answer does not
/// depend on the order of the fleet (D19).
fn withdraw_needless(parties: &[&Candidate<'_>], votes: &mut [i64], seats: i64, prefer: Prefer) {
    let mut order: Vec<usize> = (0..parties.len()).collect();
    order.sort_unstable_by_key(|index| {
        let party = parties[*index];
        (prefer == Prefer::InUse && party.assigned == 0, Reverse(votes[*index]), party.name())
    });
    let mut room = 0;
    for index in order {
        if room >= seats {
            votes[index] = 0;
        }
        room += votes[index];
    }
}
