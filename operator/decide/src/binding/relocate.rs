//! Moving off the targets that must be vacated.

use super::observer::Observer;
use super::{Note, Outcome, Plan, Purpose, Question, Scene};
use crate::failover::eviction::{Due, Eviction, Now};
use crate::failover::relocation::{self, Current};
use crate::trigger::Trigger;

/// Moves what is due, as far as a replacement is found.
pub(super) fn relocate<O: Observer>(scene: &Scene<'_>, mut plan: Plan, now: Now, observer: &mut O) -> Plan {
    let mut due = Vec::new();
    for eviction in scene.evictions(&plan.targets, now) {
        observer.eviction(&eviction);
        match eviction {
            Eviction::Due(one) => due.push(one),
            Eviction::Waiting { until, .. } => {
                plan.look_again = Some(plan.look_again.map_or(until, |at| at.min(until)));
            }
            Eviction::Held { cluster, why } => plan.notes.push(Note::Held { cluster, why }),
        }
    }
    if due.is_empty() {
        return plan;
    }
    if scene.standing.suspended {
        // A copy goes only when another has taken its place, and none may.
        let why = "scheduling is suspended";
        let lost = due.into_iter().map(|due| Note::Lost { cluster: due.cluster, why: why.to_owned() });
        plan.notes.extend(lost);
        return plan;
    }
    replace(scene, plan, (&due, now), observer)
}

fn replace<O: Observer>(scene: &Scene<'_>, mut plan: Plan, (due, now): (&[Due], Now), observer: &mut O) -> Plan {
    let current = Current { targets: &plan.targets, tasks: &plan.tasks, divided: scene.is_divided(), grace: None };
    let mut group = None;
    let moved = relocation::plan(current, due, now.wall, |evicting, previous| {
        let group_in_use = plan.group.as_deref();
        let question = Question { why: Purpose::Replacement, previous, evicting, group: group_in_use, fresh: false };
        let decision = scene.schedule(question, now, observer).map_err(|failure| failure.to_string())?;
        group = decision.group;
        Ok(decision.targets)
    });
    let lost = moved.lost.iter();
    let lost: Vec<Note> =
        lost.map(|(cluster, why)| Note::Lost { cluster: cluster.clone(), why: why.clone() }).collect();
    if moved.changes(current) {
        let is_vacated = |due: &&Due| moved.tasks.iter().any(|task| task.from == due.cluster);
        let vacating = due.iter().filter(is_vacated);
        plan.notes
            .extend(vacating.map(|due| Note::Vacating { cluster: due.cluster.clone(), why: due.message.clone() }));
        plan.targets = moved.clusters;
        plan.targets.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        plan.tasks = moved.tasks;
        // An answer that was not taken must not move the group on: groups are
        // never tried backwards (D16).
        plan.group = group;
        plan.outcome = Outcome::Scheduled(Trigger::Evicting);
    }
    plan.notes.extend(lost);
    plan
}
