//! The promises of architecture section 1 as predicates, one definition each:
//! for the property tests, and asserted by the deciders themselves in debug
//! builds, so that every test on real clusters asks them too.
//!
//! Enters: a decision and what it was made from. Leaves: the promise it breaks,
//! if any. Must not: repeat the decision's own reasoning; each predicate says
//! what must never be seen from outside.

use crate::cluster::Grade;
use crate::failover::eviction::{Due, Place};
use crate::failover::relocation::{Current, Plan};
use crate::failover::task::PurgeMode;
use crate::failover::{Copy, Health, Source, release, removal};
use crate::health::verdict::{ApiState, DataState, Verdict};
use crate::health::{Brake, verdict};
use crate::ids::ClusterName;
use crate::time::Mono;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// I1: the last good copy is never removed.
    #[error("I1: a copy is removed while {0} is not Healthy")]
    RemovedTooEarly(ClusterName),
    /// I1: nothing remains.
    #[error("I1: nothing would remain")]
    NothingRemains,
    /// I1: a target vanished without a task.
    #[error("I1: target {0} vanished without an eviction task")]
    Vanished(ClusterName),
    /// I2: unknown is never absent.
    #[error("I2: a plane that never answered counts as lost")]
    UnknownCountsAsLost,
    /// I2: a delete on a cluster nobody can speak to.
    #[error("I2: a copy is removed on a cluster whose state is not known")]
    RemovedUnseen,
    /// I6: costly acts late.
    #[error("I6: a move while the brake is on")]
    MovedUnderBrake,
    /// I6: costly acts late.
    #[error("I6: a move off a cluster graded {0:?}")]
    MovedWithoutLoss(Grade),
    /// I7: deletes are budgeted.
    #[error("I7: {deletes} deletes within a minute, {allowed} are allowed")]
    TooManyDeletes {
        /// How many.
        deletes: usize,
        /// The budget.
        allowed: usize,
    },
}

/// I1 for a vacated copy: it is removed only beside Healthy replacements, or as
/// the user's written exception.
pub fn i1_release(scene: release::Scene<'_>, decided: &release::Release) -> Result<(), Violation> {
    if *decided != release::Release::Remove {
        return Ok(());
    }
    i2_removed_where_seen(scene.source)?;
    if scene.task.purge == PurgeMode::Directly {
        return remains(scene.copies);
    }
    all_healthy(scene.copies)
}

/// I1 for a dropped copy: a good one remains.
pub fn i1_removal(scene: removal::Scene<'_>, decided: &removal::Removal) -> Result<(), Violation> {
    match decided {
        removal::Removal::Keep(_) => Ok(()),
        removal::Removal::Delete(removal::Allowed::Replaced) => {
            i2_removed_where_seen(scene.source)?;
            all_healthy(scene.remaining)
        }
        removal::Removal::Delete(removal::Allowed::GivenUp) => {
            i2_removed_where_seen(scene.source)?;
            remains(scene.remaining)?;
            match scene.remaining.iter().find(|(_, health)| *health == Health::Healthy) {
                Some(_) => Ok(()),
                None => Err(Violation::RemovedTooEarly(scene.remaining[0].0.clone())),
            }
        }
    }
}

/// I1 for a move: no target vanishes without a task, and the list never empties.
pub fn i1_plan(current: Current<'_>, plan: &Plan) -> Result<(), Violation> {
    if plan.clusters.is_empty() && !current.targets.is_empty() {
        return Err(Violation::NothingRemains);
    }
    let accounted = |name: &ClusterName| {
        plan.clusters.iter().chain(&plan.dropped).any(|target| target.cluster == *name)
            || plan.tasks.iter().any(|task| task.from == *name)
    };
    let kept = |name: &ClusterName| {
        plan.clusters.iter().any(|target| target.cluster == *name) || plan.tasks.iter().any(|task| task.from == *name)
    };
    let vanished = current.targets.iter().map(|target| &target.cluster).find(|name| !accounted(name));
    let forgotten = current.tasks.iter().map(|task| &task.from).find(|name| !kept(name));
    vanished.or(forgotten).map_or(Ok(()), |name| Err(Violation::Vanished(name.clone())))
}

/// I2 for a verdict: what never answered is not lost. `api_seen` and
/// `data_seen`: somebody has seen the plane answer since the cluster joined.
pub fn i2_verdict(verdict: &Verdict, api_seen: bool, data_seen: bool) -> Result<(), Violation> {
    let api_lost = verdict.api == ApiState::Unreachable;
    let data_lost = matches!(verdict.data, DataState::Dark | DataState::Suspect);
    if api_lost && !api_seen || data_lost && !data_seen { Err(Violation::UnknownCountsAsLost) } else { Ok(()) }
}

/// I6 for a move: never under the brake, never for the API alone (but where the
/// user chose so for clusters whose data plane is unseen), never unarmed. What
/// a person wrote acts as written.
pub fn i6_eviction(due: &Due, place: &Place<'_>, brake: &Brake) -> Result<(), Violation> {
    if due.by_hand {
        return Ok(());
    }
    if brake.is_on() {
        return Err(Violation::MovedUnderBrake);
    }
    let verdict = place.verdict;
    let lost = match verdict.grade {
        Grade::IsolatedFull | Grade::IsolatedData => true,
        Grade::IsolatedApi => verdict.data == DataState::Unknown,
        Grade::Healthy | Grade::Degraded | Grade::Recovering | Grade::Unknown | Grade::Suspect => false,
    };
    if lost && verdict.arming == verdict::Arming::Armed {
        Ok(())
    } else {
        Err(Violation::MovedWithoutLoss(verdict.grade))
    }
}

/// I7: no minute sees more deletes than the budget. `deletes`: when each one
/// without an approval started, in order; `most_owned`: the most objects the
/// cluster held in that time.
pub fn i7_deletes(deletes: &[Mono], most_owned: usize) -> Result<(), Violation> {
    let allowed = crate::deletes::allowed(most_owned);
    let busiest = deletes
        .iter()
        .enumerate()
        .map(|(first, start)| deletes[first..].iter().take_while(|at| at.since(*start).as_secs() < 60).count())
        .max()
        .unwrap_or(0);
    if busiest > allowed { Err(Violation::TooManyDeletes { deletes: busiest, allowed }) } else { Ok(()) }
}

fn i2_removed_where_seen(source: Source) -> Result<(), Violation> {
    if source == Source::Known { Ok(()) } else { Err(Violation::RemovedUnseen) }
}

fn remains(copies: &[Copy<'_>]) -> Result<(), Violation> {
    if copies.is_empty() { Err(Violation::NothingRemains) } else { Ok(()) }
}

fn all_healthy(copies: &[Copy<'_>]) -> Result<(), Violation> {
    remains(copies)?;
    match copies.iter().find(|(_, health)| *health != Health::Healthy) {
        Some((name, _)) => Err(Violation::RemovedTooEarly((*name).clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
