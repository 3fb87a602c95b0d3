//! Which rules a kind has. A new kind is one file and one line here.

use serde_json::Value;

use super::aggregation::{Aggregation, Fields};
use super::{
    Health, autoscaler, cron_job, daemon_set, deployment, disruption_budget, ingress, job, persistent_volume, pod,
    reflection, replica_set, service, stateful_set, volume_claim,
};
use crate::ids::Gvk;

/// What is known about a kind. A part that is None has no rule.
pub(super) struct Rules {
    /// For kinds that run pods in replicas.
    pub workload: Option<Workload>,
    /// Whether a live object does its job.
    pub health: fn(&Value) -> Health,
    /// What of a live object's status travels.
    pub reflect: fn(&Value) -> Option<Value>,
    /// Fields of the template's status; none leaves it as it is.
    pub aggregate: Option<fn(&Aggregation<'_>) -> Fields>,
    /// Why two copies of the same object must never run, whatever it says.
    pub runs_once: Option<&'static str>,
}

/// Where replicas stand and what they are made of.
pub(super) struct Workload {
    /// How many are wanted.
    pub count: fn(&Value) -> i32,
    /// JSON pointer of the field that is revised; None when there is none.
    pub replicas: Option<&'static str>,
    /// JSON pointer of the pod's spec.
    pub pod: &'static str,
}

impl Rules {
    /// What holds for a kind nobody knows: healthy once it is there, its whole
    /// status travels, nothing is aggregated (karmada-api 2.6).
    pub const UNKNOWN: Self = Self {
        workload: None,
        health: |_| Health::Healthy,
        reflect: reflection::whole,
        aggregate: None,
        runs_once: None,
    };
}

/// The rules of a kind, whatever its version.
pub(super) fn of(gvk: &Gvk) -> &'static Rules {
    match (&*gvk.group, &*gvk.kind) {
        ("apps", "Deployment") => &deployment::RULES,
        // The older of the two says the same in the same fields.
        ("apps", "ReplicaSet") | ("", "ReplicationController") => &replica_set::RULES,
        ("apps", "StatefulSet") => &stateful_set::RULES,
        ("apps", "DaemonSet") => &daemon_set::RULES,
        ("batch", "Job") => &job::RULES,
        ("batch", "CronJob") => &cron_job::RULES,
        ("", "Pod") => &pod::RULES,
        ("", "Service") => &service::RULES,
        ("networking.k8s.io", "Ingress") => &ingress::RULES,
        ("", "PersistentVolumeClaim") => &volume_claim::RULES,
        ("", "PersistentVolume") => &persistent_volume::RULES,
        ("autoscaling", "HorizontalPodAutoscaler") => &autoscaler::RULES,
        ("policy", "PodDisruptionBudget") => &disruption_budget::RULES,
        _ => &Rules::UNKNOWN,
    }
}
