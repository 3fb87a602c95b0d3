//! `FederatedHPA`: replicas of a template by what all its clusters measure
//! (karmada-api 1.10).

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerCondition, MetricSpec,
    MetricStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::upstream::autoscaling as upstream;

/// What is scaled, within which bounds and by which metrics.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "autoscaling.karmada.io",
    version = "v1alpha1",
    kind = "FederatedHPA",
    plural = "federatedhpas",
    shortname = "fhpa",
    category = "karmada-io",
    namespaced,
    status = "FederatedHPAStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Scales a template by what all its clusters measure."
)]
#[serde(rename_all = "camelCase")]
pub struct FederatedHPASpec {
    /// The template.
    #[schemars(schema_with = "upstream::reference")]
    pub scale_target_ref: CrossVersionObjectReference,
    /// Fewest replicas over all clusters. Unset means 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// Most replicas over all clusters.
    pub max_replicas: i32,
    /// What is measured; the metric that asks for most replicas wins. None
    /// means 80 % of the requested CPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "upstream::metrics")]
    pub metrics: Vec<MetricSpec>,
    /// How fast replicas may change in either direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "upstream::behavior")]
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
}

/// What was measured and decided last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedHPAStatus {
    /// Generation that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the replicas were changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scale_time: Option<Time>,
    /// Replicas over all clusters when last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,
    /// Replicas decided last.
    pub desired_replicas: i32,
    /// What each metric read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "upstream::metric_statuses")]
    pub current_metrics: Vec<MetricStatus>,
    /// Conditions of the kinds that a `HorizontalPodAutoscaler` has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "upstream::conditions")]
    pub conditions: Vec<HorizontalPodAutoscalerCondition>,
}
