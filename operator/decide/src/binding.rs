//! The decision over one binding: where its copies should be, what is being
//! vacated, and why.
//!
//! Enters: the binding as it stands, its template and placement, the fleet, the
//! health of its copies, the time. Leaves: one [`Plan`], written before anything
//! of it is carried out (promise I4); and, for copies no plan names any more,
//! whether they may go ([`may_remove`], [`may_purge`]). Must not: empty a
//! placement, but for a divided workload that is scaled to zero.
//!
//! The steps, in order: close or take back open moves, schedule when a rule
//! asks for it, move off what must be vacated. Scheduling comes before moving,
//! so that a target that cannot be replaced does not keep the binding from
//! following its placement and its replicas. One kind of target does: that of a
//! workload that must not run twice, on a cluster that leaves unfenced. There
//! the last placement stands until a person decides, and the outcome says so.

mod dropped;
pub mod explanation;
mod observer;
mod open_moves;
mod relocate;
mod reschedule;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use dropped::{Dropped, may_purge, may_remove};
pub use explanation::{Explanation, explain};

use crate::cluster::{Cluster, Resources};
use crate::failover::Copy;
use crate::failover::eviction::{self, Eviction, Now, Off, Place, Twice, View};
use crate::failover::release;
use crate::failover::task::{PurgeMode, Task};
use crate::fleet::Fleet;
use crate::ids::{ClusterName, Gvk};
use crate::placement::{Placement, ReplicaScheduling, Target};
use crate::schedule::{self, Failure, Request};
use crate::time::Mono;
use crate::trigger::Trigger;
use observer::Observer;

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
    /// The binding as it stands.
    pub standing: Standing<'a>,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// The setting `failover-after`: what a placement that says nothing of
    /// isolation tolerates.
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
    /// Whether it was ever scheduled, be it to nowhere.
    pub scheduled_before: bool,
    /// Whether that was with this placement.
    pub same_placement: bool,
    /// Rescheduling was asked for since.
    pub asked: bool,
    /// Scheduling is suspended: no new placement, which a move is too. What is
    /// closed is only what was decided before.
    pub suspended: bool,
    /// The schedule result has been made from the spec as it is now.
    pub schedule_is_current: bool,
    /// Health of the copies, now, on every target.
    pub copies: &'a [Copy<'a>],
    /// Clusters being vacated whose member has said that no copy is there.
    pub gone: &'a [ClusterName],
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
    /// `spec.gracefulEvictionTasks`; never for a cluster that is a target.
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
    /// Its cluster is tainted or leaves, and it stays for this reason.
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
    plan_before(scene, now, &mut schedule::observer::Nobody)
}

/// The same, and an observer sees how it comes about.
fn plan_before<O: Observer>(scene: &Scene<'_>, now: Now, observer: &mut O) -> Plan {
    let plan = open_moves::close(scene, observer);
    let plan = reschedule::reschedule(scene, plan, now, observer);
    relocate::relocate(scene, plan, now, observer)
}

impl Scene<'_> {
    /// Replicas are divided over the targets.
    fn is_divided(&self) -> bool {
        self.replicas.is_some() && self.placement.replicas != ReplicaScheduling::Duplicated
    }

    /// A divided workload that its user scaled to zero: no copy is wanted.
    fn wants_nothing(&self) -> bool {
        self.is_divided() && self.replicas.is_some_and(|replicas| replicas <= 0)
    }

    /// Whether the hub has no such cluster. A fleet without any cluster says
    /// nothing of one.
    fn is_gone(&self, cluster: &ClusterName) -> bool {
        !self.fleet.clusters.is_empty() && self.fleet.cluster(cluster).is_none()
    }

    fn evictions(&self, targets: &[Target], now: Now) -> Vec<Eviction> {
        let places: BTreeMap<ClusterName, Place<'_>> = self.fleet.places();
        let view = View {
            placement: self.placement,
            targets,
            places: &places,
            brake: &self.fleet.brake,
            off: self.off,
            twice: self.twice,
            purge: self.purge,
            after: self.after,
        };
        eviction::evictions(view, now)
    }

    /// Asks the schedule. It keeps new copies off clusters
    /// that they would have to leave at once: a toleration that ended long ago
    /// still lets them in by the filter's rule, and they would go to and fro.
    fn schedule<O: Observer>(
        &self,
        question: Question<'_>,
        now: Now,
        observer: &mut O,
    ) -> Result<schedule::Decision, Failure> {
        let is_target = |cluster: &Cluster| question.previous.iter().any(|target| target.cluster == cluster.name);
        let tainted = self.fleet.clusters.iter().filter(|cluster| !cluster.taints.is_empty() && !is_target(cluster));
        let tainted: Vec<Target> =
            tainted.map(|cluster| Target { cluster: cluster.name.clone(), replicas: None }).collect();
        let mut untenable = BTreeSet::new();
        if !tainted.is_empty() {
            let leaving = self.evictions(&tainted, now).into_iter().filter_map(|eviction| match eviction {
                Eviction::Due(due) => Some(due.cluster),
                Eviction::Held { cluster, .. } => Some(cluster),
                Eviction::Waiting { .. } => None,
            });
            untenable.extend(leaving);
        }
        let request = Request {
            gvk: self.gvk,
            placement: self.placement,
            clusters: &self.fleet.clusters,
            previous: question.previous,
            replicas: self.replicas,
            requests: self.requests,
            evicting: question.evicting,
            untenable: &untenable,
            observed_group: question.group,
            fresh: question.fresh,
            template_uid: self.template_uid,
        };
        let decision = schedule::schedule_before(&request, observer);
        observer.answered(question.why, &decision);
        decision
    }
}

/// One question to the schedule.
#[derive(Clone, Copy, Debug)]
struct Question<'a> {
    /// What it is asked for.
    why: Purpose,
    /// The targets it starts from.
    previous: &'a [Target],
    /// Clusters being vacated.
    evicting: &'a BTreeSet<ClusterName>,
    /// The affinity group in use.
    group: Option<&'a str>,
    /// Start over.
    fresh: bool,
}

/// What a schedule is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// A rule asks for it.
    Rule(Trigger),
    /// A target has to be replaced.
    Replacement,
    /// Somebody wants to know what would come out.
    Explanation,
}

/// Clusters being vacated.
fn vacated(tasks: &[Task]) -> BTreeSet<ClusterName> {
    tasks.iter().map(|task| task.from.clone()).collect()
}

/// Whether the placement selects the cluster, in any of its groups.
fn admits(placement: &Placement, cluster: &Cluster) -> bool {
    placement.affinity.admits(cluster)
}

fn group_admits(group: &crate::placement::AffinityGroup, cluster: &Cluster) -> bool {
    group.affinity.matches(cluster) || group.overflow.iter().any(|(_, affinity)| affinity.matches(cluster))
}

#[cfg(test)]
mod tests;
