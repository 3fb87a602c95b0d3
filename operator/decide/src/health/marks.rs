//! What a verdict leaves on the Cluster object: conditions, taints, a label, as
//! a difference to what is there. Only our own keys are touched, key by key.

mod conditions;

use crate::cluster::{Cluster, Grade};
use crate::health::brake::Brake;
use crate::health::verdict::Verdict;
use crate::taint::{Effect, Taint};
use crate::time::{Mono, Wall};

pub use conditions::{Condition, ConditionType, Conditions, Reason, Status};

/// Ready is False (karmada-api 2.7).
pub const NOT_READY_TAINT: &str = "cluster.karmada.io/not-ready";
/// Ready is Unknown (karmada-api 2.7).
pub const UNREACHABLE_TAINT: &str = "cluster.karmada.io/unreachable";
/// Key of our label (`true`) and of our `NoExecute` taint on an isolated cluster.
pub const ISOLATED: &str = "atoll.dev/isolated";
/// Annotation of a Cluster: data-plane targets a user names, comma separated
/// ([`super::observation::NamedTargets`]).
pub const PROBE_TARGETS: &str = "atoll.dev/probe-targets";

/// One change of a Cluster object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the condition of that type.
    SetCondition(Condition),
    /// Adds a taint whose key and effect are not there.
    AddTaint(Taint),
    /// Removes the taint with this key and effect.
    RemoveTaint(&'static str, Effect),
    /// Sets the label `atoll.dev/isolated` to `true`.
    SetIsolatedLabel,
    /// Removes it.
    RemoveIsolatedLabel,
}

/// What the marks need besides the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The verdict over the cluster.
    pub verdict: &'a Verdict,
    /// The brake over the fleet.
    pub brake: &'a Brake,
    /// Since when the comparison of what should and what does run there has
    /// been complete; None: never done.
    pub compared: Option<Mono>,
    /// The wall clock, for a new taint's `timeAdded`.
    pub now: Wall,
}

/// What to write, and what to do before more can be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Empty when the object says already what it should.
    pub changes: Vec<Change>,
    /// The cluster answers after an isolation: compare first (overwriting
    /// nothing); its marks go only then.
    pub anti_entropy_due: bool,
}

/// Whether the isolation marks are ours. Label and taint are written together;
/// the taint without the label was set by a person and acts as written.
pub fn is_marked_isolated(cluster: &Cluster) -> bool {
    cluster.labels.get(ISOLATED).is_some_and(|value| value == "true")
}

/// The difference between what `cluster` carries and what it should.
pub fn plan(cluster: &Cluster, conditions: &Conditions, evidence: Evidence<'_>) -> Plan {
    let verdict = evidence.verdict;
    let mut changes = Vec::new();
    let ready = conditions::ready(verdict, conditions.ready.as_ref());
    let armed = conditions::failover_armed(verdict, evidence.brake, conditions.failover_armed.as_ref());
    let status = ready.as_ref().or(conditions.ready.as_ref()).map(|condition| condition.status);
    changes.extend([ready, armed].into_iter().flatten().map(Change::SetCondition));
    if let Some(status) = status {
        changes.extend(no_schedule(cluster, status));
    }
    changes.extend(isolation(cluster, evidence));
    let back_since = verdict.back_since.filter(|_| is_marked_isolated(cluster));
    Plan { changes, anti_entropy_due: back_since.is_some_and(|back| !is_compared(evidence.compared, back)) }
}

fn is_compared(compared: Option<Mono>, back_since: Mono) -> bool {
    compared.is_some_and(|compared| compared >= back_since)
}

fn no_schedule(cluster: &Cluster, ready: Status) -> Vec<Change> {
    let wanted = match ready {
        Status::True => None,
        Status::False => Some(NOT_READY_TAINT),
        Status::Unknown => Some(UNREACHABLE_TAINT),
    };
    [NOT_READY_TAINT, UNREACHABLE_TAINT]
        .into_iter()
        .filter_map(|key| match (has_taint(cluster, key, Effect::NoSchedule), wanted == Some(key)) {
            (false, true) => Some(Change::AddTaint(taint(key, Effect::NoSchedule, None))),
            (true, false) => Some(Change::RemoveTaint(key, Effect::NoSchedule)),
            (true, true) | (false, false) => None,
        })
        .collect()
}

fn isolation(cluster: &Cluster, evidence: Evidence<'_>) -> Vec<Change> {
    let tainted = has_taint(cluster, ISOLATED, Effect::NoExecute);
    let labelled = is_marked_isolated(cluster);
    let verdict = evidence.verdict;
    let trusted = matches!(verdict.grade, Grade::Healthy | Grade::Degraded);
    let compared = verdict.back_since.is_some_and(|back| is_compared(evidence.compared, back));
    let mut changes = Vec::new();
    if verdict.is_armed() && !evidence.brake.is_on() {
        if !labelled {
            changes.push(Change::SetIsolatedLabel);
        }
        if !tainted {
            changes.push(Change::AddTaint(taint(ISOLATED, Effect::NoExecute, Some(evidence.now))));
        }
    } else if labelled && trusted && compared {
        changes.push(Change::RemoveIsolatedLabel);
        if tainted {
            changes.push(Change::RemoveTaint(ISOLATED, Effect::NoExecute));
        }
    }
    changes
}

fn has_taint(cluster: &Cluster, key: &str, effect: Effect) -> bool {
    cluster.taints.iter().any(|taint| taint.key == key && taint.effect == effect)
}

fn taint(key: &str, effect: Effect, added: Option<Wall>) -> Taint {
    Taint { key: key.into(), value: String::new(), effect, added }
}

#[cfg(test)]
mod tests;
