//! When a vacated copy may go, evaluated anew each time with fresh health.

use std::fmt;

use crate::failover::task::{PurgeMode, Task};
use crate::failover::{Copy, Health, Source, first_not_healthy};
use crate::ids::ClusterName;
use crate::invariants;
use crate::placement::Target;

/// What is known at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The task.
    pub task: &'a Task,
    /// Every cluster of `spec.clusters` with its copy's health now.
    pub copies: &'a [Copy<'a>],
    /// The schedule has seen the current spec (`schedulerObservedGeneration`
    /// equals `generation`).
    pub schedule_is_current: bool,
    /// Whether the old copy's cluster can be spoken to.
    pub source: Source,
    /// What caused the task is still there: the taint is not tolerated, the
    /// application is not healthy. It outlasts the hold-down, because the taint
    /// does, so a flapping cluster moves a binding once.
    pub cause_persists: bool,
}

/// Why a task waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `suppressDeletion` is set: until a person says otherwise.
    SuppressDeletion,
    /// The replacement is Healthy and the old copy's cluster does not answer.
    SourceSilent,
    /// It answers, and what runs there has not been compared yet.
    SourceNotCompared,
    /// The schedule is older than the spec.
    ScheduleNotCurrent,
    /// There is no replacement.
    NoReplacement,
    /// This copy is not Healthy.
    NotHealthy(ClusterName, Health),
}

/// Why a move is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readopt {
    /// The cluster is back and nothing has replaced it.
    NoReplacement,
    /// The cluster is back and this replacement is not Healthy.
    NotHealthy(ClusterName, Health),
}

impl fmt::Display for Readopt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReplacement => f.write_str("nothing has replaced it"),
            Self::NotHealthy(cluster, health) => write!(f, "its replacement on {cluster} is {health:?}"),
        }
    }
}

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// It stays, and the old copy with it.
    Wait(Wait),
    /// The task goes and the old copy is removed.
    Remove,
    /// The task goes and the old copy is a target again ([`readopt`]).
    Cancel(Readopt),
}

/// Decides over one task. Time does not come into it: no grace period removes a
/// copy before its replacement is Healthy (D18).
pub fn release(scene: Scene<'_>) -> Release {
    let decided = judge(scene);
    debug_assert_eq!(invariants::i1_release(scene, &decided), Ok(()));
    decided
}

fn judge(scene: Scene<'_>) -> Release {
    if scene.task.suppress_deletion == Some(true) {
        return Release::Wait(Wait::SuppressDeletion);
    }
    let missing = missing_replacement(scene);
    match scene.source {
        // Directly removes without a replacement, but a replacement that has
        // not started must not be told to be good.
        Source::Silent => return Release::Wait(missing.unwrap_or(Wait::SourceSilent)),
        Source::NotCompared => return Release::Wait(Wait::SourceNotCompared),
        Source::Known => {}
    }
    let directly = scene.task.purge == PurgeMode::Directly && !scene.copies.is_empty();
    match missing.filter(|_| !directly) {
        None => Release::Remove,
        Some(wait) if scene.cause_persists => Release::Wait(wait),
        Some(Wait::NoReplacement) => Release::Cancel(Readopt::NoReplacement),
        Some(Wait::NotHealthy(cluster, health)) => Release::Cancel(Readopt::NotHealthy(cluster, health)),
        Some(wait) => Release::Wait(wait),
    }
}

/// What stands between the task and I1.
fn missing_replacement(scene: Scene<'_>) -> Option<Wait> {
    if scene.copies.is_empty() {
        return Some(Wait::NoReplacement);
    }
    if let Some((cluster, health)) = first_not_healthy(scene.copies) {
        return Some(Wait::NotHealthy(cluster, health));
    }
    (!scene.schedule_is_current).then_some(Wait::ScheduleNotCurrent)
}

/// `spec.clusters` with the vacated cluster as a target again. The replacement
/// stays until a schedule drops it and `removal` allows that.
pub fn readopt(targets: &[Target], task: &Task) -> Vec<Target> {
    let mut targets = targets.to_vec();
    if !targets.iter().any(|target| target.cluster == task.from) {
        targets.push(Target { cluster: task.from.clone(), replicas: task.replicas });
    }
    targets
}

/// Whether replacements may be applied while `task` is open and the old copy
/// is there. Directly means "remove before create": the new target is reserved,
/// and while the source is silent and unfenced nothing starts (D13).
/// `old_copy_gone`: a live read of the source said so.
pub fn replacement_may_start(task: &Task, old_copy_gone: bool, fenced: bool) -> bool {
    task.purge != PurgeMode::Directly || old_copy_gone || fenced
}

#[cfg(test)]
mod tests;
