//! Division by the weights of `staticWeightList`. The room in the clusters does
//! not count, nor does the previous answer, but for a cluster that must not grow.

use super::{Candidate, Share, apportion};
use crate::placement::StaticWeight;
use crate::schedule::candidate::Growth;
use crate::schedule::observer::{Again, Observer, Step};
use crate::webster::NameOrder;

/// A cluster weighs what the heaviest entry that selects it says; a cluster no
/// entry selects gets nothing. If the list selects none at all, or is empty,
/// all weigh alike.
///
/// A cluster that must not grow gets no more than it has, and the others share
/// the rest; if no other has a weight, the weights alone decide: the user's
/// replicas go nowhere else.
pub(super) fn divide<'c, 'a, O: Observer>(
    selected: &[&'c Candidate<'a>],
    weights: &[StaticWeight],
    seats: (i64, NameOrder),
    observer: &mut O,
) -> Vec<Share<'c, 'a>> {
    let weight_of = |candidate: &Candidate<'_>| {
        weights.iter().filter(|entry| entry.target.matches(candidate.cluster)).map(|entry| entry.weight).max()
    };
    let mut votes: Vec<_> = selected.iter().map(|candidate| weight_of(candidate).unwrap_or(0)).collect();
    if votes.iter().all(|weight| *weight <= 0) {
        votes.fill(1);
    }
    let shares = capped(selected, votes.clone(), seats, observer).unwrap_or_else(|| {
        observer.begun_again(Again::NobodyElseHasAWeight);
        apportion(Step::ByWeight, (selected, &votes, &[]), seats, observer)
    });
    selected.iter().copied().zip(shares).collect()
}

/// Shares in which no frozen cluster grows; None if the others cannot take the
/// rest. Each cap gives the others more, so caps are found until none is missing.
fn capped<O: Observer>(
    parties: &[&Candidate<'_>],
    mut votes: Vec<i64>,
    (replicas, ties): (i64, NameOrder),
    observer: &mut O,
) -> Option<Vec<i64>> {
    let mut held = vec![0; parties.len()];
    loop {
        let left = replicas - held.iter().sum::<i64>();
        if left > 0 && votes.iter().all(|weight| *weight <= 0) {
            return None;
        }
        let shares = apportion(Step::ByWeight, (parties, &votes, &held), (left, ties), observer);
        let must_not_grow = |index: &usize| {
            let party = parties[*index];
            party.growth == Growth::Refused && votes[*index] > 0 && shares[*index] > party.assigned
        };
        let over: Vec<usize> = (0..parties.len()).filter(must_not_grow).collect();
        if over.is_empty() {
            return Some(shares.iter().zip(held).map(|(share, held)| share + held).collect());
        }
        observer.begun_again(Again::SomeMustNotGrow);
        for index in over {
            held[index] = parties[index].assigned;
            votes[index] = 0;
        }
    }
}
