//! `CronFederatedHPA`: replicas by the clock (karmada-api 1.11).

use k8s_openapi::api::autoscaling::v2::CrossVersionObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::upstream::autoscaling as upstream;

/// What is scaled, and when.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "autoscaling.karmada.io",
    version = "v1alpha1",
    kind = "CronFederatedHPA",
    plural = "cronfederatedhpas",
    shortname = "cronfhpa",
    category = "karmada-io",
    namespaced,
    status = "CronFederatedHPAStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Scales a template, or the bounds of a FederatedHPA, by the clock."
)]
#[serde(rename_all = "camelCase")]
pub struct CronFederatedHPASpec {
    /// A `FederatedHPA`, or any template with replicas.
    #[schemars(schema_with = "upstream::reference")]
    pub scale_target_ref: CrossVersionObjectReference,
    /// What happens when; names are unique.
    pub rules: Vec<CronFederatedHPARule>,
}

/// One time and what happens then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CronFederatedHPARule {
    /// Name of the rule. Its history is kept under it.
    #[schemars(length(min = 1, max = 32))]
    pub name: String,
    /// Five-field cron expression.
    pub schedule: String,
    /// Replicas from then on; for a target that is no `FederatedHPA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_replicas: Option<i32>,
    /// New `minReplicas` of a `FederatedHPA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_min_replicas: Option<i32>,
    /// New `maxReplicas` of a `FederatedHPA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_max_replicas: Option<i32>,
    /// The rule is not carried out.
    #[serde(default)]
    pub suspend: bool,
    /// Name of the time zone that the schedule is read in, such as
    /// `Europe/Berlin`. Unset means the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How many successes the history keeps.
    #[serde(default = "CronFederatedHPARule::default_history")]
    #[schemars(range(min = 1, max = 32))]
    pub successful_history_limit: i32,
    /// How many failures the history keeps.
    #[serde(default = "CronFederatedHPARule::default_history")]
    #[schemars(range(min = 0, max = 32))]
    pub failed_history_limit: i32,
}

impl CronFederatedHPARule {
    const fn default_history() -> i32 {
        3
    }
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CronFederatedHPAStatus {
    /// The history of each rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub execution_histories: Vec<ExecutionHistory>,
}

/// The history of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionHistory {
    /// Name of the rule.
    pub rule_name: String,
    /// When it is due next; unset while it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_execution_time: Option<Time>,
    /// Times that went well, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successful_executions: Vec<SuccessfulExecution>,
    /// Times that did not, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_executions: Vec<FailedExecution>,
}

/// One time that went well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuccessfulExecution {
    /// When it was due.
    pub schedule_time: Time,
    /// When it happened.
    pub execution_time: Time,
    /// Replicas that were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_replicas: Option<i32>,
    /// `minReplicas` that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_min_replicas: Option<i32>,
    /// `maxReplicas` that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_max_replicas: Option<i32>,
}

/// One time that did not go well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedExecution {
    /// When it was due.
    pub schedule_time: Time,
    /// When it was tried.
    pub execution_time: Time,
    /// Why it failed, for a person.
    pub message: String,
}
