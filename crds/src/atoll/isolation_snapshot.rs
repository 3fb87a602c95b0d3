//! `IsolationSnapshot`: what ran on a cluster when it was cut off.
//!
//! Written before anything moves. The spec never changes; moves are appended to
//! the status. A large cluster is written in several parts, so that each stays
//! below 512 KiB (architecture section 6).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::Verdict;
use crate::work::binding::{ResourceHealth, TargetCluster};

/// What was known about a cluster when it was judged isolated.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "atoll.dev",
    version = "v1alpha1",
    kind = "IsolationSnapshot",
    plural = "isolationsnapshots",
    shortname = "isnap",
    category = "atoll",
    status = "IsolationSnapshotStatus",
    derive = "PartialEq",
    doc = "What ran on a cluster when it was cut off, and what moved since."
)]
#[serde(rename_all = "camelCase")]
pub struct IsolationSnapshotSpec {
    /// The cluster.
    #[schemars(length(min = 1))]
    pub cluster: String,
    /// Which part this is, from 1.
    #[schemars(range(min = 1))]
    pub part: i32,
    /// How many parts there are.
    #[schemars(range(min = 1))]
    pub parts: i32,
    /// When it was taken.
    pub taken_at: MicroTime,
    /// Highest resourceVersion of the hub that had been acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_resource_version: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Number of `placements`, for `kubectl get`.
    #[schemars(range(min = 0))]
    pub placement_count: i32,
    /// What ran there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<PlacementRecord>,
    /// What it served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointRecord>,
}

/// One observation behind a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Who saw it: `hub`, or the name of a witness.
    pub observer: String,
    /// What was looked at, such as `api/connect` or `node/10.0.0.4`.
    pub probe: String,
    /// What was seen, such as `timeout`.
    pub outcome: String,
    /// When it answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<MicroTime>,
    /// When it was last looked at.
    pub at: MicroTime,
}

/// One binding that had a copy there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacementRecord {
    /// The binding.
    pub binding: BindingReference,
    /// Kind of its template.
    pub kind: String,
    /// Name of its template.
    pub template: String,
    /// Replicas on the isolated cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Where the binding went as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetCluster>,
    /// Health of the copy when it was last seen.
    pub last_health: ResourceHealth,
    /// Version of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Generation of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// A binding by name: a `ClusterResourceBinding` when it has no namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingReference {
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// What the isolated cluster served of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointRecord {
    /// Namespace of the service.
    pub namespace: String,
    /// Name of the service.
    pub service: String,
    /// Its last endpoints there, each `address:port`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_endpoints: Vec<String>,
}

/// What moved since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IsolationSnapshotStatus {
    /// Number of moves whose replacement is healthy, for `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<i32>,
    /// The moves, in the order they were decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
}

/// One binding that moved, or why it did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// The binding.
    pub binding: BindingReference,
    /// The cluster left.
    pub from: String,
    /// The clusters that take over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<TargetCluster>,
    /// When it was decided.
    pub at: MicroTime,
    /// How far it is.
    pub phase: MovePhase,
    /// Why, in one word.
    pub reason: String,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MovePhase {
    /// Decided and written, not yet applied.
    Planned,
    /// The replacement is applied and not yet healthy.
    Replacing,
    /// The replacement is healthy; the old copy is still there or unseen.
    Replaced,
    /// The old copy is gone as well.
    Completed,
    /// The old copy was taken back because the replacement was not healthy.
    Cancelled,
    /// No cluster can take it; the copy stays where it is.
    Kept,
}
