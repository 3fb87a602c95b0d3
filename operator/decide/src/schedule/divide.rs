//! How many replicas each chosen cluster gets.

mod capacity;
mod weights;

use crate::placement::{ReplicaScheduling, StaticWeight, Target};
use crate::schedule::Request;
use crate::schedule::candidate::Candidate;
use crate::schedule::failure::Problem;
use crate::schedule::observer::{Apportioned, Observer, Step};
use crate::webster::{self, NameOrder};

/// What is divided, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Division<'a> {
    /// Every chosen cluster gets the whole: so many replicas, or an object
    /// that has none.
    Whole(Option<i32>),
    /// By the user's weights.
    Weighted { weights: &'a [StaticWeight], replicas: i64 },
    /// By the room in the clusters.
    ByCapacity { replicas: i64, aggregated: bool },
}

impl<'a> Division<'a> {
    pub fn of(request: &Request<'a>) -> Self {
        let Some(replicas) = request.replicas.map(|replicas| replicas.max(0)) else { return Self::Whole(None) };
        let wanted = i64::from(replicas);
        match &request.placement.replicas {
            ReplicaScheduling::Duplicated => Self::Whole(Some(replicas)),
            ReplicaScheduling::StaticWeighted(weights) => Self::Weighted { weights, replicas: wanted },
            ReplicaScheduling::DynamicWeighted => Self::ByCapacity { replicas: wanted, aggregated: false },
            ReplicaScheduling::Aggregated => Self::ByCapacity { replicas: wanted, aggregated: true },
        }
    }

    /// Replicas wanted in all, or by each cluster.
    pub fn replicas(&self) -> Option<i64> {
        match self {
            Self::Whole(replicas) => replicas.map(i64::from),
            Self::Weighted { replicas, .. } | Self::ByCapacity { replicas, .. } => Some(*replicas),
        }
    }

    /// Whether there is nothing to divide: clusters without a replica are no
    /// targets, so nothing goes anywhere.
    pub fn is_empty(&self) -> bool {
        !matches!(self, Self::Whole(_)) && self.replicas() == Some(0)
    }

    /// Whether the room in the clusters decides.
    pub fn needs_room(&self) -> bool {
        matches!(self, Self::ByCapacity { .. })
    }
}

/// A share of one cluster.
type Share<'c, 'a> = (&'c Candidate<'a>, i64);

/// Divides over the chosen clusters; the answer is sorted by name and has no
/// cluster without a replica.
pub(super) fn assign<O: Observer>(
    selected: &[&Candidate<'_>],
    division: &Division<'_>,
    (fresh, ties): (bool, NameOrder),
    observer: &mut O,
) -> Result<Vec<Target>, Problem> {
    match division {
        Division::Whole(replicas) => Ok(sorted(
            selected.iter().map(|candidate| Target { cluster: candidate.cluster.name.clone(), replicas: *replicas }),
        )),
        Division::Weighted { weights, replicas } => {
            Ok(targets(weights::divide(selected, weights, (*replicas, ties), observer)))
        }
        Division::ByCapacity { replicas, aggregated } => {
            let mut divider = capacity::Divider { aggregated: *aggregated, fresh, ties, observer };
            divider.divide(selected, *replicas).map(targets)
        }
    }
}

/// The previous answer again, as far as it may be kept.
pub(super) fn keep(candidates: &[Candidate<'_>]) -> Vec<Target> {
    targets(candidates.iter().map(|candidate| (candidate, candidate.assigned)))
}

/// Seats by Webster's method, in the order of the parties. What each has kept
/// beside them is told, and no part of it.
fn apportion<O: Observer>(
    step: Step,
    (parties, votes, kept): (&[&Candidate<'_>], &[i64], &[i64]),
    (seats, ties): (i64, NameOrder),
    observer: &mut O,
) -> Vec<i64> {
    let names: Vec<_> = parties.iter().map(|candidate| candidate.name()).collect();
    let given = webster::apportion(&names, votes, seats, ties);
    observer.apportioned(&Apportioned { step, names: &names, votes, kept, seats, ties, given: &given });
    given
}

fn targets<'c, 'a: 'c>(shares: impl IntoIterator<Item = Share<'c, 'a>>) -> Vec<Target> {
    sorted(shares.into_iter().filter(|(_, replicas)| *replicas > 0).map(|(candidate, replicas)| Target {
        cluster: candidate.cluster.name.clone(),
        replicas: Some(i32::try_from(replicas).unwrap_or(i32::MAX)),
    }))
}

fn sorted(targets: impl Iterator<Item = Target>) -> Vec<Target> {
    let mut targets: Vec<_> = targets.collect();
    targets.sort_unstable();
    targets
}
