//! The decision over one binding: where its copies should be, what is being
//! vacated, and why.
//!
//! Enters: the binding as it stands, its template and placement, the fleet, the
//! health of its copies, the time. Leaves: one [`Plan`], written before anything
//! of it is carried out (promise I4). The steps, in order: close or take back
//! open moves, find what must be vacated, schedule when a rule asks for it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cluster::Resources;
use crate::failover::Copy;
use crate::failover::eviction::{self, Eviction, Now, Off, Twice, View};
use crate::failover::release::{self, Release, Wait};
use crate::failover::relocation;
use crate::failover::removal::{self, Cause, Removal};
use crate::failover::task::{PurgeMode, Task};
use crate::fleet::Fleet;
use crate::ids::{ClusterName, Gvk};
use crate::placement::{Placement, ReplicaScheduling, Target};
use crate::schedule::{self, Failure, Request};
use crate::taint::Effect;
use crate::time::Mono;
use crate::trigger::{self, Last, Trigger};

/// What the decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The template's kind.
    pub gvk: &'a Gvk,
    /// The template's uid, for tie-breaks.
    pub template_uid: &'a str,
    /// Replicas wanted; None: not a workload.
    pub replicas: Option<i32>,
    /// What one replica requests.
    pub requests: Option<&'a Resources>,
    /// Whether two copies may run at once.
    pub twice: &'a Twice,
    /// The placement of its policy.
    pub placement: &'a Placement,
    /// The policy's `failover.cluster.purgeMode`.
    pub purge: PurgeMode,
    /// The binding's priority.
    pub priority: i32,
    /// The binding as it stands.
    pub standing: Standing<'a>,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// `failover.after`
    pub after: Duration,
    /// Failover is switched off.
    pub off: Option<Off>,
}

/// The binding as it stands on the hub.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the object, read by its own rule")]
pub struct Standing<'a> {
    /// `spec.clusters`
    pub targets: &'a [Target],
    /// `spec.gracefulEvictionTasks`
    pub tasks: &'a [Task],
    /// The affinity group in use.
    pub group: Option<&'a str>,
    /// Whether it was ever scheduled.
    pub scheduled_before: bool,
    /// Whether that was with this placement.
    pub same_placement: bool,
    /// Rescheduling was asked for since.
    pub asked: bool,
    /// Scheduling is suspended.
    pub suspended: bool,
    /// The schedule result has been made from the spec as it is now.
    pub schedule_is_current: bool,
    /// Health of the copies, now, on every target.
    pub copies: &'a [Copy<'a>],
}

/// How the schedule went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No rule asked for one: the last result stands.
    Stands,
    /// Scheduled, and why.
    Scheduled(Trigger),
    /// It failed; the last result stands (D17).
    Failed {
        /// Karmada's reason: `NoClusterFit` or `Unschedulable`.
        reason: &'static str,
        /// One sentence.
        message: String,
    },
}

/// What the binding should say, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `spec.clusters`
    pub targets: Vec<Target>,
    /// `spec.gracefulEvictionTasks`
    pub tasks: Vec<Task>,
    /// The affinity group in use.
    pub group: Option<String>,
    /// How the schedule went.
    pub outcome: Outcome,
    /// What is worth an event: moves, and targets that are lost and stay.
    pub notes: Vec<Note>,
    /// When to look again although nothing changed.
    pub look_again: Option<Mono>,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The copy on this cluster is being replaced.
    Vacating {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        why: String,
    },
    /// It should be replaced and cannot be: it stays (I1).
    Lost {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        why: String,
    },
    /// Its cluster is tainted, and it stays for this reason.
    Held {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        why: eviction::Held,
    },
    /// The replacement is healthy; the old copy's cluster does not answer yet.
    Replaced(ClusterName),
    /// The old copy may go now.
    Released(ClusterName),
    /// The old copy is a target again.
    TakenBack {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        why: release::Readopt,
    },
}

/// Decides.
pub fn plan(scene: &Scene<'_>, now: Now) -> Plan {
    let mut notes = Vec::new();
    let (targets, tasks) = close_tasks(scene, &mut notes);
    let places = scene.fleet.places();
    let view = View {
        placement: scene.placement,
        targets: &targets,
        places: &places,
        brake: &scene.fleet.brake,
        off: scene.off,
        twice: scene.twice,
        purge: scene.purge,
        after: scene.after,
        priority: scene.priority,
    };
    let mut due = Vec::new();
    let mut look_again = None::<Mono>;
    for eviction in eviction::evictions(view, now) {
        match eviction {
            Eviction::Due(one) => due.push(one),
            Eviction::Waiting { until, .. } => look_again = Some(look_again.map_or(until, |at| at.min(until))),
            Eviction::Held { cluster, why } => notes.push(Note::Held { cluster, why }),
        }
    }
    let plan = Plan { targets, tasks, group: group(scene), outcome: Outcome::Stands, notes, look_again };
    if scene.standing.suspended {
        return plan;
    }
    if due.is_empty() { reschedule(scene, plan) } else { relocate(scene, plan, &due, now) }
}

/// Open moves that can be closed: the old copy goes, or is a target again.
fn close_tasks(scene: &Scene<'_>, notes: &mut Vec<Note>) -> (Vec<Target>, Vec<Task>) {
    let mut targets = scene.standing.targets.to_vec();
    let mut open = Vec::new();
    for task in scene.standing.tasks {
        let release = release::release(release::Scene {
            task,
            copies: scene.standing.copies,
            schedule_is_current: scene.standing.schedule_is_current,
            source: scene.fleet.source(&task.from),
            cause_persists: is_untolerated(scene, &task.from),
        });
        match release {
            Release::Wait(wait) => {
                if wait == Wait::SourceSilent {
                    notes.push(Note::Replaced(task.from.clone()));
                }
                open.push(task.clone());
            }
            Release::Remove => notes.push(Note::Released(task.from.clone())),
            Release::Cancel(why) => {
                targets = release::readopt(&targets, task);
                notes.push(Note::TakenBack { cluster: task.from.clone(), why });
            }
        }
    }
    (targets, open)
}

fn is_untolerated(scene: &Scene<'_>, cluster: &ClusterName) -> bool {
    let Some(cluster) = scene.fleet.cluster(cluster) else { return false };
    let taints = cluster.taints.iter().filter(|taint| taint.effect == Effect::NoExecute);
    taints.into_iter().any(|taint| !scene.placement.tolerations.iter().any(|toleration| toleration.tolerates(taint)))
}

fn group(scene: &Scene<'_>) -> Option<String> {
    scene.standing.group.map(str::to_owned)
}

fn is_divided(scene: &Scene<'_>) -> bool {
    scene.replicas.is_some() && scene.placement.replicas != ReplicaScheduling::Duplicated
}

fn relocate(scene: &Scene<'_>, plan: Plan, due: &[eviction::Due], now: Now) -> Plan {
    let mut group = plan.group.clone();
    let current =
        relocation::Current { targets: &plan.targets, tasks: &plan.tasks, divided: is_divided(scene), grace: None };
    let moved = relocation::plan(current, due, now.wall, |evicting, remaining| {
        let decision = run_schedule(scene, remaining, evicting, false).map_err(|failure| failure.to_string())?;
        group.clone_from(&decision.group);
        Ok(decision.targets)
    });
    let mut notes = plan.notes;
    let vacated = due.iter().filter(|due| moved.tasks.iter().any(|task| task.from == due.cluster));
    notes.extend(vacated.map(|due| Note::Vacating { cluster: due.cluster.clone(), why: due.message.clone() }));
    notes.extend(moved.lost.iter().map(|(cluster, why)| Note::Lost { cluster: cluster.clone(), why: why.clone() }));
    let mut targets = moved.clusters;
    targets.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    let outcome = if targets == plan.targets { Outcome::Stands } else { Outcome::Scheduled(Trigger::Evicting) };
    Plan { targets, tasks: moved.tasks, group, outcome, notes, look_again: plan.look_again }
}

fn reschedule(scene: &Scene<'_>, plan: Plan) -> Plan {
    let standing = &scene.standing;
    let last = Last {
        targets: &plan.targets,
        scheduled_before: standing.scheduled_before,
        same_placement: standing.same_placement,
        asked: standing.asked,
        evicting: false,
    };
    let Some(trigger) = trigger::find(last, &scene.placement.replicas, scene.replicas, &scene.fleet.clusters) else {
        return plan;
    };
    let evicting: BTreeSet<ClusterName> = plan.tasks.iter().map(|task| task.from.clone()).collect();
    match run_schedule(scene, &plan.targets, &evicting, trigger == Trigger::Asked) {
        Ok(decision) if decision.targets.is_empty() && !plan.targets.is_empty() && scene.replicas != Some(0) => {
            let message = "the schedule came out empty; the last placement stands".to_owned();
            Plan { outcome: Outcome::Failed { reason: "NoClusterFit", message }, ..plan }
        }
        Ok(decision) => {
            Plan { targets: decision.targets, group: decision.group, outcome: Outcome::Scheduled(trigger), ..plan }
        }
        Err(failure) => {
            let outcome = Outcome::Failed { reason: failure.reason(), message: failure.to_string() };
            Plan { outcome, ..plan }
        }
    }
}

fn run_schedule(
    scene: &Scene<'_>,
    previous: &[Target],
    evicting: &BTreeSet<ClusterName>,
    fresh: bool,
) -> Result<schedule::Decision, Failure> {
    schedule::schedule(&Request {
        gvk: scene.gvk,
        placement: scene.placement,
        clusters: &scene.fleet.clusters,
        previous,
        replicas: scene.replicas,
        requests: scene.requests,
        evicting,
        observed_group: scene.standing.group,
        fresh,
        template_uid: scene.template_uid,
    })
}

/// A copy on a cluster that is no target.
#[derive(Clone, Copy, Debug)]
pub struct Dropped<'a> {
    /// The placement in force.
    pub placement: &'a Placement,
    /// Replicas are divided over the targets.
    pub divided: bool,
    /// Every target with its copy's health now.
    pub remaining: &'a [Copy<'a>],
}

/// Whether the copy on `cluster` may be deleted now.
pub fn may_remove(dropped: &Dropped<'_>, cluster: &ClusterName, fleet: &Fleet) -> Removal {
    let admitted = fleet.cluster(cluster).is_some_and(|cluster| admits(dropped.placement, cluster));
    removal::removal(removal::Scene {
        cause: if admitted { Cause::Rescheduled } else { Cause::Narrowed },
        divided: dropped.divided,
        remaining: dropped.remaining,
        source: fleet.source(cluster),
    })
}

fn admits(placement: &Placement, cluster: &crate::cluster::Cluster) -> bool {
    use crate::placement::Affinities;
    match &placement.affinity {
        Affinities::Any => true,
        Affinities::One(affinity) => affinity.matches(cluster),
        Affinities::Groups(groups) => groups.iter().any(|group| {
            group.affinity.matches(cluster) || group.overflow.iter().any(|(_, affinity)| affinity.matches(cluster))
        }),
    }
}
