//! Scheduling, when a rule asks for it.

use super::observer::Observer;
use super::{Note, Outcome, Plan, Purpose, Question, Scene, vacated};
use crate::failover::eviction::{Held, Now, Twice};
use crate::ids::ClusterName;
use crate::placement::Target;
use crate::trigger::{self, Last, Trigger};

/// Schedules. Whatever goes wrong, the placement in force stands (D17).
pub(super) fn reschedule<O: Observer>(scene: &Scene<'_>, mut plan: Plan, now: Now, observer: &mut O) -> Plan {
    let standing = &scene.standing;
    if standing.suspended {
        return plan;
    }
    let last = Last {
        targets: &plan.targets,
        scheduled_before: standing.scheduled_before,
        same_placement: standing.same_placement,
        asked: standing.asked,
    };
    let Some(trigger) = trigger::find(last, &scene.placement.replicas, scene.replicas, &scene.fleet.clusters) else {
        return plan;
    };
    let question = Question {
        why: Purpose::Rule(trigger),
        previous: &plan.targets,
        evicting: &vacated(&plan.tasks),
        group: plan.group.as_deref(),
        // Asking is heard even when another rule holds first.
        fresh: standing.asked,
    };
    match scene.schedule(question, now, observer) {
        Ok(decision) if decision.targets.is_empty() && !plan.targets.is_empty() && !scene.wants_nothing() => {
            let message = "the schedule came out empty; the last placement stands".to_owned();
            plan.outcome = Outcome::Failed { reason: "NoClusterFit", message };
        }
        Ok(decision) => {
            let held = held(scene, trigger, &plan.targets, &decision.targets);
            if let [Note::Held { cluster, why }, ..] = &held[..] {
                // The whole answer waits, what a user scaled included: a part of
                // it would start the workload beside the old copy all the same.
                let message = format!("the copy on {cluster} cannot leave: {why}; the last placement stands");
                plan.outcome = Outcome::Failed { reason: "Unschedulable", message };
            } else {
                plan.targets = decision.targets;
                plan.group = decision.group;
                plan.outcome = Outcome::Scheduled(trigger);
            }
            plan.notes.extend(held);
        }
        Err(failure) => plan.outcome = Outcome::Failed { reason: failure.reason(), message: failure.to_string() },
    }
    plan
}

/// Targets on clusters that leave, whose workload would start elsewhere while
/// the old copy may still run. Deleting the Cluster object stops no pods and is
/// no fence (architecture section 7); a person's own word on the placement is
/// not held up.
fn held(scene: &Scene<'_>, trigger: Trigger, before: &[Target], after: &[Target]) -> Vec<Note> {
    let Twice::Forbidden(why) = scene.twice else { return Vec::new() };
    let by_person = matches!(trigger, Trigger::First | Trigger::PlacementChanged | Trigger::Asked);
    let replicas_on = |targets: &[Target], cluster: &ClusterName| {
        let target = targets.iter().find(|target| target.cluster == *cluster);
        target.map(|target| target.replicas.unwrap_or_default())
    };
    let grows = after.iter().any(|target| replicas_on(before, &target.cluster) < replicas_on(after, &target.cluster));
    if by_person || scene.standing.asked || !grows {
        return Vec::new();
    }
    let may_run_on = |cluster: &ClusterName| match scene.fleet.cluster(cluster) {
        Some(cluster) => cluster.deleting && !cluster.fenced,
        None => true,
    };
    before
        .iter()
        .map(|target| &target.cluster)
        .filter(|cluster| replicas_on(after, cluster).is_none() && may_run_on(cluster))
        .map(|cluster| Note::Held { cluster: cluster.clone(), why: Held::Unfenced(why.clone()) })
        .collect()
}
