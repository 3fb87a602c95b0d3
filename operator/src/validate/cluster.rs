//! Cluster objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_crds::Cluster as Raw;
use atoll_crds::cluster::{ApiState as RawApi, ClusterStatus, DataState as RawData, Grade as RawGrade};
use atoll_crds::condition::cluster::{DeletesPaused, Fenced};
use atoll_crds::condition::{ConditionValue, find_condition, is_true, set_condition};
use atoll_decide::cluster::{Capacity, Cluster, Grade, Resources};
use atoll_decide::health::marks::{Change, Condition, ConditionType, Conditions, Status};
use atoll_decide::health::verdict::{ApiState, DataState};
use atoll_decide::health::{Stored, TargetId};
use atoll_decide::ids::Gvk;
use atoll_decide::interpret::quantity;
use atoll_decide::taint::Taint;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as RawCondition;
use kube::ResourceExt;

use super::placement;
use crate::clock;

/// Reads a Cluster as the deciders see it. What its status does not say stays
/// unknown; a taint with an effect that nobody knows is left out, as
/// Kubernetes does for nodes.
pub fn cluster(raw: &Raw) -> Cluster {
    let spec = &raw.spec;
    let status = raw.status.as_ref();
    let taints = spec.taints.iter().filter_map(|taint| {
        Some(Taint {
            key: taint.key.clone(),
            value: taint.value.clone().unwrap_or_default(),
            effect: placement::effect(&taint.effect)?,
            added: taint.time_added.as_ref().map(clock::wall_of),
        })
    });
    Cluster {
        name: raw.name_any().into(),
        labels: raw.labels().clone(),
        provider: spec.provider.clone().unwrap_or_default(),
        region: spec.region.clone().unwrap_or_default(),
        zones: spec.all_zones().into_iter().map(str::to_owned).collect(),
        taints: taints.collect(),
        deleting: raw.metadata.deletion_timestamp.is_some(),
        apis: status.and_then(apis),
        capacity: status.and_then(capacity),
        health: status
            .and_then(|status| status.verdict.as_ref())
            .map_or(Grade::Unknown, |verdict| grade(verdict.grade)),
        fenced: status.is_some_and(|status| is_true(&status.conditions, Fenced::TYPE)),
    }
}

fn apis(status: &ClusterStatus) -> Option<Arc<BTreeSet<Gvk>>> {
    let kinds: BTreeSet<Gvk> = status
        .api_enablements
        .iter()
        .flat_map(|enabled| {
            enabled.resources.iter().map(|api| Gvk::from_api_version(&enabled.group_version, &api.kind))
        })
        .collect();
    (!kinds.is_empty()).then(|| Arc::new(kinds))
}

fn capacity(status: &ClusterStatus) -> Option<Capacity> {
    let summary = status.resource_summary.as_ref()?;
    let amounts = |quantities: &std::collections::BTreeMap<String, Quantity>| -> Resources {
        quantities.iter().filter_map(|(name, text)| Some((name.clone(), quantity::amount(name, &text.0)?))).collect()
    };
    Some(Capacity {
        allocatable: amounts(&summary.allocatable),
        allocated: amounts(&summary.allocated),
        allocating: amounts(&summary.allocating),
    })
}

/// A stored grade as a decision value.
pub fn grade(raw: RawGrade) -> Grade {
    match raw {
        RawGrade::Unknown => Grade::Unknown,
        RawGrade::Healthy => Grade::Healthy,
        RawGrade::Degraded => Grade::Degraded,
        RawGrade::Suspect => Grade::Suspect,
        RawGrade::IsolatedApi => Grade::IsolatedApi,
        RawGrade::IsolatedData => Grade::IsolatedData,
        RawGrade::IsolatedFull => Grade::IsolatedFull,
        RawGrade::Recovering => Grade::Recovering,
    }
}

/// A grade as it is stored.
pub fn raw_grade(grade: Grade) -> RawGrade {
    match grade {
        Grade::Unknown => RawGrade::Unknown,
        Grade::Healthy => RawGrade::Healthy,
        Grade::Degraded => RawGrade::Degraded,
        Grade::Suspect => RawGrade::Suspect,
        Grade::IsolatedApi => RawGrade::IsolatedApi,
        Grade::IsolatedData => RawGrade::IsolatedData,
        Grade::IsolatedFull => RawGrade::IsolatedFull,
        Grade::Recovering => RawGrade::Recovering,
    }
}

/// What a process before this one kept of its detector.
pub fn stored(raw: &Raw) -> Option<Stored> {
    let verdict = raw.status.as_ref()?.verdict.as_ref()?;
    let seconds = verdict.hold_down_seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
    Some(Stored {
        grade: grade(verdict.grade),
        since: verdict.since.as_ref().map(clock::wall_of_micro).unwrap_or_default(),
        hold_down: std::time::Duration::from_secs(seconds),
        last_loss: verdict.last_loss.as_ref().map(clock::wall_of_micro),
        api_seen: verdict.api_seen,
        answered: verdict.answered.iter().map(TargetId::new).collect(),
    })
}

/// The state of the API plane as it is stored.
pub fn api_state(state: ApiState) -> RawApi {
    match state {
        ApiState::Unknown => RawApi::Unknown,
        ApiState::Reachable => RawApi::Reachable,
        ApiState::Suspect | ApiState::Returning => RawApi::Suspect,
        ApiState::Unreachable => RawApi::Unreachable,
    }
}

/// The state of the data plane as it is stored.
pub fn data_state(state: DataState) -> RawData {
    match state {
        DataState::Unknown => RawData::Unknown,
        DataState::Serving => RawData::Serving,
        DataState::Suspect | DataState::Returning => RawData::Suspect,
        DataState::Dark => RawData::Dark,
    }
}

const READY: &str = "Ready";
const FAILOVER_ARMED: &str = "FailoverArmed";

/// The conditions that the verdict owns, as they stand.
pub fn conditions(raw: &Raw) -> Conditions {
    let held = raw.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let read = |type_: &str, kind| find_condition(held, type_).map(|condition| self::condition(kind, condition));
    Conditions {
        ready: read(READY, ConditionType::Ready),
        failover_armed: read(FAILOVER_ARMED, ConditionType::FailoverArmed),
    }
}

fn condition(kind: ConditionType, raw: &RawCondition) -> Condition {
    let status = match raw.status.as_str() {
        "True" => Status::True,
        "False" => Status::False,
        _ => Status::Unknown,
    };
    Condition { kind, status, reason: raw.reason.clone(), message: raw.message.clone() }
}

/// Puts a condition that the verdict asks for.
pub fn apply_condition(status: &mut ClusterStatus, change: &Change) {
    let Change::SetCondition(condition) = change else { return };
    let type_ = match condition.kind {
        ConditionType::Ready => READY,
        ConditionType::FailoverArmed => FAILOVER_ARMED,
    };
    set_condition(
        &mut status.conditions,
        RawCondition {
            type_: type_.to_owned(),
            status: format!("{:?}", condition.status),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            last_transition_time: clock::api_time(),
            observed_generation: None,
        },
    );
}

/// Whether the status says that the delete budget is used up there. A pause by
/// the hub's mark is none of it: the mark itself is looked at after each start.
pub fn deletes_are_paused(raw: &Raw) -> bool {
    pauses_by(raw, DeletesPaused::BudgetExceeded)
}

/// Whether the status says that this hub came back older than the member.
pub fn is_rolled_back(raw: &Raw) -> bool {
    pauses_by(raw, DeletesPaused::HubRolledBack)
}

fn pauses_by(raw: &Raw, why: DeletesPaused) -> bool {
    let conditions = raw.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|held| held.type_ == DeletesPaused::TYPE && held.status == "True" && held.reason == why.reason())
}

#[cfg(test)]
mod tests {
    use atoll_crds::condition::cluster::DeletesPaused;

    use super::*;

    #[test]
    fn only_a_pause_of_the_budget_outlives_a_restart() {
        for (value, expected) in [
            (DeletesPaused::BudgetExceeded, true),
            (DeletesPaused::HubReplaced, false),
            (DeletesPaused::HubRolledBack, false),
            (DeletesPaused::WithinBudget, false),
        ] {
            let mut cluster = Raw::new("m1", atoll_crds::ClusterSpec::default());
            let conditions = vec![value.condition("", None, clock::api_time())];
            cluster.status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
            assert_eq!(deletes_are_paused(&cluster), expected, "{value:?}");
        }
    }
}
