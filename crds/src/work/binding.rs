//! `ResourceBinding` and `ClusterResourceBinding`: one template and where it goes.
//!
//! Both kinds share [`BindingSpec`] and [`BindingStatus`]; code that does not
//! care which one it has takes a [`Binding`].

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::binding_status::{AggregatedStatusItem, BindingStatus, ResourceHealth, placed_on};
pub use super::eviction::GracefulEvictionTask;
pub use super::requirements::{Component, ComponentReplicaRequirements, NodeClaim, ReplicaRequirements};
use crate::policy::failover::FailoverBehavior;
use crate::policy::placement::Placement;
use crate::policy::propagation::ConflictResolution;
use crate::policy::suspension::SuspendClusters;

/// One template, what it asks for and where it goes.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "work.karmada.io",
    version = "v1alpha2",
    kind = "ResourceBinding",
    plural = "resourcebindings",
    shortname = "rb",
    category = "karmada-io",
    namespaced,
    status = "BindingStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "One template of a namespace and where it goes."
)]
#[serde(rename_all = "camelCase")]
pub struct BindingSpec {
    /// The template.
    pub resource: ObjectReference,
    /// Objects the template refers to go with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub propagate_deps: bool,
    /// Demand of one replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ReplicaRequirements>,
    /// Replicas wanted in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Parts of a workload with several pod templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<TargetCluster>,
    /// The policy's placement.
    // Shared: bindings of one policy say the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Arc<Placement>>,
    /// Clusters being vacated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub graceful_eviction_tasks: Vec<GracefulEvictionTask>,
    /// Bindings this one follows as a dependency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<BindingSnapshot>,
    /// The scheduler meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<String>,
    /// What happens when the workload or its cluster fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// What to do about an object that a member has already.
    #[serde(default)]
    pub conflict_resolution: ConflictResolution,
    /// When someone asked for a fresh schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reschedule_triggered_at: Option<Time>,
    /// Pauses delivery or scheduling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<BindingSuspension>,
    /// Copies on members outlive the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// Place in the scheduler's queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<BindingPriority>,
    /// Groups of workloads this one belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_affinity_groups: Option<WorkloadAffinityGroups>,
}

/// The spec of a [`ClusterResourceBinding`]: the same fields, reached through
/// dereferencing.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "work.karmada.io",
    version = "v1alpha2",
    kind = "ClusterResourceBinding",
    plural = "clusterresourcebindings",
    shortname = "crb",
    category = "karmada-io",
    status = "BindingStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "One cluster-scoped template and where it goes."
)]
#[serde(transparent)]
pub struct ClusterBindingSpec(pub BindingSpec);

impl Deref for ClusterBindingSpec {
    type Target = BindingSpec;

    fn deref(&self) -> &BindingSpec {
        &self.0
    }
}

impl DerefMut for ClusterBindingSpec {
    fn deref_mut(&mut self) -> &mut BindingSpec {
        &mut self.0
    }
}

impl From<BindingSpec> for ClusterBindingSpec {
    fn from(spec: BindingSpec) -> Self {
        Self(spec)
    }
}

/// Either binding.
pub trait Binding: kube::Resource<DynamicType = ()> {
    /// The template and where it goes.
    fn binding(&self) -> &BindingSpec;
    /// What became of it, once written.
    fn status(&self) -> Option<&BindingStatus>;
}

impl Binding for ResourceBinding {
    fn binding(&self) -> &BindingSpec {
        &self.spec
    }

    fn status(&self) -> Option<&BindingStatus> {
        self.status.as_ref()
    }
}

impl Binding for ClusterResourceBinding {
    fn binding(&self) -> &BindingSpec {
        &self.spec
    }

    fn status(&self) -> Option<&BindingStatus> {
        self.status.as_ref()
    }
}

/// The template a binding speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// API version, such as `apps/v1`.
    pub api_version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Namespace; unset for cluster-scoped templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Identity of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Version of the template last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// One cluster of a schedule result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetCluster {
    /// The cluster.
    pub name: String,
    /// Replicas there, where replicas are divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Replicas by component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<TargetComponent>,
}

/// Replicas of one component on one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetComponent {
    /// Name of the component.
    pub name: String,
    /// Its replicas there.
    pub replicas: i32,
}

/// A binding that takes this one along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingSnapshot {
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<TargetCluster>,
}

/// Pauses what happens to a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingSuspension {
    /// Pause delivery to every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatching: Option<bool>,
    /// Pause delivery to these clusters alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatching_on_clusters: Option<SuspendClusters>,
    /// Pause scheduling. Owned by queueing tools; no policy sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<bool>,
}

impl BindingSuspension {
    /// Whether nothing may be sent to `cluster`.
    pub fn holds(&self, cluster: &str) -> bool {
        let listed = self.dispatching_on_clusters.iter().flat_map(|clusters| &clusters.cluster_names);
        self.dispatching == Some(true) || listed.into_iter().any(|name| name == cluster)
    }
}

/// Place in the scheduler's queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingPriority {
    /// Value of the priority class.
    #[serde(default)]
    pub priority: i32,
}

/// Groups of workloads, each written `key=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadAffinityGroups {
    /// Together with these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity_group: Option<String>,
    /// Apart from these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anti_affinity_group: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspension_holds_every_cluster_or_the_listed_ones() {
        let all = BindingSuspension { dispatching: Some(true), ..BindingSuspension::default() };
        assert!(all.holds("a"));

        let dispatching_on_clusters = Some(SuspendClusters { cluster_names: vec!["a".into()] });
        let some =
            BindingSuspension { dispatching: Some(false), dispatching_on_clusters, ..BindingSuspension::default() };
        assert!(some.holds("a"));
        assert!(!some.holds("b"));
        assert!(!BindingSuspension::default().holds("a"));
    }
}
