//! Division by the weights of `staticWeightList`. Neither the room in the
//! clusters nor the previous answer counts.

use super::{Candidate, Share, apportion};
use crate::placement::StaticWeight;
use crate::webster::NameOrder;

/// A cluster weighs what the heaviest entry that selects it says; a cluster no
/// entry selects gets nothing. If the list selects none at all, or is empty,
/// all weigh alike.
pub(super) fn divide<'c, 'a>(
    selected: &[&'c Candidate<'a>],
    weights: &[StaticWeight],
    replicas: i64,
    ties: NameOrder,
) -> Vec<Share<'c, 'a>> {
    let weight_of = |candidate: &Candidate<'_>| {
        weights.iter().filter(|entry| entry.target.matches(candidate.cluster)).map(|entry| entry.weight).max()
    };
    let mut votes: Vec<_> = selected.iter().map(|candidate| weight_of(candidate).unwrap_or(0)).collect();
    if votes.iter().all(|weight| *weight <= 0) {
        votes.fill(1);
    }
    let shares = apportion(selected, &votes, replicas, ties);
    selected.iter().copied().zip(shares).collect()
}
