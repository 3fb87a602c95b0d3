//! Open eviction tasks: which can be closed, and what taking one back means
//! for the targets.

use super::observer::Observer;
use super::{Note, Outcome, Plan, Scene, admits, group_admits};
use crate::failover::eviction::Twice;
use crate::failover::release::{self, Readopt, Release};
use crate::failover::task::{PurgeMode, Reason, Task};
use crate::failover::{Health, Source};
use crate::fleet::Fleet;
use crate::ids::ClusterName;
use crate::placement::{Affinities, Placement, Target};
use crate::taint::Effect;
use crate::trigger::Trigger;

/// Closes what can be closed: the old copy goes, or is a target again.
pub(super) fn close<O: Observer>(scene: &Scene<'_>, observer: &mut O) -> Plan {
    let standing = &scene.standing;
    let mut plan = Plan {
        targets: standing.targets.to_vec(),
        tasks: Vec::new(),
        group: standing.group.map(str::to_owned),
        outcome: Outcome::Stands,
        notes: Vec::new(),
        look_again: None,
    };
    for task in standing.tasks {
        if plan.targets.iter().any(|target| target.cluster == task.from) {
            // Somebody made it a target again: a cluster is used or vacated,
            // and of the two the task is what can be found anew.
            continue;
        }
        let decided = decide(scene, task);
        observer.task(task, &decided);
        match decided {
            Release::Wait(wait) => {
                if wait == release::Wait::SourceSilent {
                    plan.notes.push(Note::Replaced(task.from.clone()));
                }
                plan.tasks.push(task.clone());
            }
            Release::Remove => plan.notes.push(Note::Released(task.from.clone())),
            // Taking back is placing, which is suspended; the old copy runs on.
            Release::Cancel(_) if standing.suspended => plan.tasks.push(task.clone()),
            Release::Cancel(why) => take_back(scene, &mut plan, task, why),
        }
    }
    // A cluster may have had a second task, which has no object any more.
    let Plan { targets, tasks, .. } = &mut plan;
    tasks.retain(|task| !targets.iter().any(|target| target.cluster == task.from));
    plan
}

fn decide(scene: &Scene<'_>, task: &Task) -> Release {
    let standing = &scene.standing;
    let subject = Subject { placement: scene.placement, divided: scene.is_divided(), fleet: scene.fleet };
    let cause_persists = subject.cause_persists(task);
    let source = source(scene, task);
    let is_suppressed = task.suppress_deletion == Some(true);
    if scene.wants_nothing() && standing.targets.is_empty() && source == Source::Known && !is_suppressed {
        return Release::Remove;
    }
    let may_be_there = !standing.gone.contains(&task.from) && !scene.is_gone(&task.from);
    // Directly is an exception for as long as its cause holds. When the cluster
    // is back first, the replacement has not even started, and the old copy is
    // the only one that runs: then the ordinary rules keep it.
    let gracefully = Task { purge: PurgeMode::Gracefully, ..task.clone() };
    let is_back = task.purge == PurgeMode::Directly && !cause_persists && may_be_there;
    let decided = release::release(release::Scene {
        task: if is_back { &gracefully } else { task },
        copies: standing.copies,
        schedule_is_current: standing.schedule_is_current,
        source,
        cause_persists,
    });
    // Closing the task lets the replacement start (D13), so the old copy must
    // be seen to be gone first; `may_purge` is what makes it go.
    let is_too_early = task.purge == PurgeMode::Directly && !is_back && may_be_there;
    match decided {
        Release::Remove if is_too_early => Release::Wait(release::Wait::SourceNotCompared),
        decided => decided,
    }
}

/// Whether the old copy's cluster can be spoken to. Where the hub has no such
/// cluster any more there is nothing left to speak to, and the task ends with
/// its replacement; but this is no fence (architecture section 7).
fn source(scene: &Scene<'_>, task: &Task) -> Source {
    let needs_fence = task.purge == PurgeMode::Directly && *scene.twice != Twice::Allowed;
    if scene.is_gone(&task.from) && !needs_fence { Source::Known } else { scene.fleet.source(&task.from) }
}

/// What says whether the reason of a move still holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub placement: &'a Placement,
    pub divided: bool,
    pub fleet: &'a Fleet,
}

impl Subject<'_> {
    /// Whether the old copy could not be a target again anyway.
    pub fn cause_persists(&self, task: &Task) -> bool {
        // Only a taint is looked at here; and without its replicas nobody knows
        // how much of a divided workload to take back.
        if task.reason != Reason::TaintUntolerated || self.divided && task.replicas.unwrap_or_default() <= 0 {
            return true;
        }
        let Some(cluster) = self.fleet.cluster(&task.from) else { return true };
        let mut taints = cluster.taints.iter().filter(|taint| taint.effect == Effect::NoExecute);
        // A toleration for a while is none here: it has ended once already, and
        // taking the copy back would only evict it again.
        let for_ever = |taint| {
            let stated = self.placement.tolerations.iter().find(|toleration| toleration.tolerates(taint));
            stated.is_some_and(|toleration| toleration.seconds.is_none())
        };
        cluster.deleting || !admits(self.placement, cluster) || !taints.all(for_ever)
    }
}

fn take_back(scene: &Scene<'_>, plan: &mut Plan, task: &Task, why: Readopt) {
    plan.targets = release::readopt(&plan.targets, task);
    if scene.is_divided() {
        give_back_replicas(scene, &mut plan.targets, task);
    } else {
        give_back_place(scene, &mut plan.targets, task);
    }
    plan.targets.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    plan.group = group_of(scene, plan.group.take(), &task.from);
    plan.outcome = Outcome::Scheduled(Trigger::Returned);
    plan.notes.push(Note::TakenBack { cluster: task.from.clone(), why });
}

/// Takes what came back off the copies that are not healthy, newcomers first,
/// so that a schedule has no reason to take it off the good old one instead.
fn give_back_replicas(scene: &Scene<'_>, targets: &mut Vec<Target>, task: &Task) {
    let count = |target: &Target| i64::from(target.replicas.unwrap_or_default());
    let wanted = i64::from(scene.replicas.unwrap_or_default().max(0));
    let mut excess = targets.iter().map(count).sum::<i64>() - wanted;
    for newcomers in [true, false] {
        for target in targets.iter_mut() {
            let is_newcomer = !task.clusters_before.contains(&target.cluster);
            if excess <= 0 || target.cluster == task.from || is_newcomer != newcomers || !is_ill(scene, target) {
                continue;
            }
            // A target from before keeps its place.
            let spare = count(target) - i64::from(!newcomers);
            let taken = spare.clamp(0, excess);
            excess -= taken;
            target.replicas = i32::try_from(count(target) - taken).ok();
        }
    }
    targets.retain(|target| target.cluster == task.from || count(target) > 0);
}

/// The whole copy that came for it, and is not healthy, is a target no more.
fn give_back_place(scene: &Scene<'_>, targets: &mut Vec<Target>, task: &Task) {
    for target in targets.iter_mut().filter(|target| target.cluster == task.from) {
        target.replicas = scene.replicas;
    }
    let is_newcomer = |target: &Target| target.cluster != task.from && !task.clusters_before.contains(&target.cluster);
    let newcomer = targets.iter().rposition(|target| is_newcomer(target) && is_ill(scene, target));
    if let Some(newcomer) = newcomer {
        targets.remove(newcomer);
    }
}

fn is_ill(scene: &Scene<'_>, target: &Target) -> bool {
    let copy = scene.standing.copies.iter().find(|(cluster, _)| **cluster == target.cluster);
    copy.is_none_or(|(_, health)| *health != Health::Healthy)
}

/// The group in use once `cluster` is a target again. The move may have gone on
/// to a later group, which would not select it.
fn group_of(scene: &Scene<'_>, used: Option<String>, cluster: &ClusterName) -> Option<String> {
    let Affinities::Groups(groups) = &scene.placement.affinity else { return used };
    let Some(cluster) = scene.fleet.cluster(cluster) else { return used };
    let mut fitting = groups.iter().filter(|group| group_admits(group, cluster)).map(|group| &group.name);
    if fitting.clone().any(|name| used.as_deref() == Some(name)) {
        return used;
    }
    fitting.next().cloned().or(used)
}
