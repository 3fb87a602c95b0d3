//! `PropagationPolicy` and `ClusterPropagationPolicy`: which templates go where.
//!
//! Both kinds share [`PropagationSpec`] and [`PolicyStatus`]; code that does not
//! care which one it has takes a [`Policy`].

use std::ops::{Deref, DerefMut};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failover::FailoverBehavior;
use super::placement::Placement;
use super::selector::ResourceSelector;
use super::suspension::Suspension;
use crate::schema::upstream;

/// What a policy selects and how it is placed.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "PropagationPolicy",
    plural = "propagationpolicies",
    shortname = "pp",
    category = "karmada-io",
    namespaced,
    status = "PolicyStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Places templates of its namespace on clusters."
)]
#[serde(rename_all = "camelCase")]
pub struct PropagationSpec {
    /// The templates this policy claims.
    #[schemars(length(min = 1))]
    pub resource_selectors: Vec<ResourceSelector>,
    /// Without effect; `propagateDeps` took its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub association: bool,
    /// Objects the template refers to (such as its `ConfigMaps`) go with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub propagate_deps: bool,
    /// Where copies may and should run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// The higher one wins when several policies match a template.
    #[serde(default)]
    pub priority: i32,
    /// Whether templates may be taken from policies of lower priority.
    #[serde(default)]
    pub preemption: Preemption,
    /// Override policies that must exist before this policy acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependent_overrides: Vec<String>,
    /// The scheduler meant. Cannot change.
    #[serde(default = "default_scheduler")]
    pub scheduler_name: String,
    /// What happens when a workload or its cluster fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// What to do about an object that a member has already.
    #[serde(default)]
    pub conflict_resolution: ConflictResolution,
    /// When a change of this policy acts on templates it holds already. Unset
    /// means at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_preference: Option<ActivationPreference>,
    /// Pauses delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Copies on members outlive the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// Place in the scheduler's queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<SchedulePriority>,
}

/// Name of the scheduler when the user names none.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";

fn default_scheduler() -> String {
    DEFAULT_SCHEDULER.to_owned()
}

/// The spec of a [`ClusterPropagationPolicy`]: the same fields, reached through
/// dereferencing.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "ClusterPropagationPolicy",
    plural = "clusterpropagationpolicies",
    shortname = "cpp",
    category = "karmada-io",
    status = "PolicyStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Places templates of any namespace, and templates without one, on clusters."
)]
#[serde(transparent)]
pub struct ClusterPropagationSpec(pub PropagationSpec);

impl Deref for ClusterPropagationSpec {
    type Target = PropagationSpec;

    fn deref(&self) -> &PropagationSpec {
        &self.0
    }
}

impl DerefMut for ClusterPropagationSpec {
    fn deref_mut(&mut self) -> &mut PropagationSpec {
        &mut self.0
    }
}

impl From<PropagationSpec> for ClusterPropagationSpec {
    fn from(spec: PropagationSpec) -> Self {
        Self(spec)
    }
}

/// Either propagation policy.
pub trait Policy: kube::Resource<DynamicType = ()> {
    /// What it selects and how it is placed.
    fn propagation(&self) -> &PropagationSpec;
    /// Its status, once written.
    fn status(&self) -> Option<&PolicyStatus>;
}

impl Policy for PropagationPolicy {
    fn propagation(&self) -> &PropagationSpec {
        &self.spec
    }

    fn status(&self) -> Option<&PolicyStatus> {
        self.status.as_ref()
    }
}

impl Policy for ClusterPropagationPolicy {
    fn propagation(&self) -> &PropagationSpec {
        &self.spec
    }

    fn status(&self) -> Option<&PolicyStatus> {
        self.status.as_ref()
    }
}

/// Whether a policy may take templates from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Preemption {
    /// Takes templates from policies of strictly lower priority; every selector
    /// needs a name.
    Always,
    /// Leaves claimed templates where they are.
    #[default]
    Never,
}

/// What to do about an object that a member has already and that is not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConflictResolution {
    /// Leave it and say so.
    #[default]
    Abort,
    /// Take it over.
    Overwrite,
}

/// When a change of a policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActivationPreference {
    /// With the next change of the template itself.
    Lazy,
}

/// Place in the scheduler's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePriority {
    /// Where the class is looked up.
    pub priority_class_source: PriorityClassSource,
    /// Name of the class.
    pub priority_class_name: String,
}

/// Where a priority class is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PriorityClassSource {
    /// A `PriorityClass` object of the hub.
    KubePriorityClass,
}

/// What became of a policy. Karmada has no such status; this is Atoll's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// Generation of the policy this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The sum in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PolicyState>,
    /// Why, in one word: the reason of condition `Ready`, or `Success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Clusters that templates of this policy are placed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters_matched: Option<i32>,
    /// Of these, clusters where a template is not applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters_failed: Option<i32>,
    /// Templates this policy holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<i32>,
    /// Condition `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "upstream::condition_map")]
    pub conditions: Vec<Condition>,
}

/// The sum of a policy's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyState {
    /// Not everything is placed and answered yet.
    Pending,
    /// Every template is applied on every cluster it is placed on.
    Applied,
    /// Something is refused or failed; the reason says what.
    Failed,
}
