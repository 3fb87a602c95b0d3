//! Moving what runs on a lost cluster, one binding at a time.
//!
//! Enters: a binding's targets and tasks, the clusters' marks and verdicts, the
//! brake, fresh health of the copies. Leaves: which targets are to be vacated
//! ([`eviction`]), the new targets and tasks ([`relocation`]), and when an old
//! copy may go ([`release`] after a move, [`removal`] after any other decision).
//! Must not: judge health, or place anything itself; the schedule function is
//! an argument.
//!
//! The order is that of architecture section 7: schedule the replacement,
//! apply, wait until it is healthy, and only then remove the old copy, when its
//! cluster answers again.

pub mod eviction;
pub mod release;
pub mod relocation;
pub mod removal;
pub mod task;

use crate::ids::ClusterName;

/// Health of one copy, as its member says now. A copy that was not heard of
/// lately is Unknown, whatever it said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// `Healthy`
    Healthy,
    /// `Unhealthy`
    Unhealthy,
    /// `Unknown`: never the same as Healthy, nor as gone.
    Unknown,
}

/// Whether the cluster of an old copy can be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Its API does not answer.
    Silent,
    /// Its API answers, and what runs there has not been compared yet: what we
    /// believe of it is older than the silence.
    NotCompared,
    /// Its API answers and what runs there is known.
    Known,
}

/// A copy and its health.
pub type Copy<'a> = (&'a ClusterName, Health);

/// The first copy that is not Healthy, if any.
fn first_not_healthy(copies: &[Copy<'_>]) -> Option<(ClusterName, Health)> {
    copies.iter().find(|(_, health)| *health != Health::Healthy).map(|(name, health)| ((*name).clone(), *health))
}
