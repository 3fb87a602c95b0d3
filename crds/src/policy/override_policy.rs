//! `OverridePolicy` and `ClusterOverridePolicy`: what differs per cluster.
//!
//! Both kinds share [`OverrideSpec`]; code that does not care which one it has
//! takes an [`Overrides`].

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::selector::{ClusterAffinity, ResourceSelector};
use crate::schema::any_value;

/// Which objects are changed for which clusters.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "OverridePolicy",
    plural = "overridepolicies",
    shortname = "op",
    category = "karmada-io",
    namespaced,
    derive = "Default",
    derive = "PartialEq",
    doc = "Changes objects of its namespace on their way to clusters."
)]
#[serde(rename_all = "camelCase")]
pub struct OverrideSpec {
    /// The objects changed. None means all (of the policy's namespace).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_selectors: Vec<ResourceSelector>,
    /// The changes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub override_rules: Vec<RuleWithCluster>,
    /// Deprecated: with `overriders`, a single rule. Not together with
    /// `overrideRules`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cluster: Option<ClusterAffinity>,
    /// Deprecated: with `targetCluster`, a single rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overriders: Option<Overriders>,
}

/// The spec of a [`ClusterOverridePolicy`]: the same fields, reached through
/// dereferencing.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "ClusterOverridePolicy",
    plural = "clusteroverridepolicies",
    shortname = "cop",
    category = "karmada-io",
    derive = "Default",
    derive = "PartialEq",
    doc = "Changes objects of any namespace on their way to clusters."
)]
#[serde(transparent)]
pub struct ClusterOverrideSpec(pub OverrideSpec);

impl Deref for ClusterOverrideSpec {
    type Target = OverrideSpec;

    fn deref(&self) -> &OverrideSpec {
        &self.0
    }
}

impl DerefMut for ClusterOverrideSpec {
    fn deref_mut(&mut self) -> &mut OverrideSpec {
        &mut self.0
    }
}

impl From<OverrideSpec> for ClusterOverrideSpec {
    fn from(spec: OverrideSpec) -> Self {
        Self(spec)
    }
}

/// Either override policy.
pub trait Overrides: kube::Resource<DynamicType = ()> {
    /// What it changes where.
    fn overrides(&self) -> &OverrideSpec;
}

impl Overrides for OverridePolicy {
    fn overrides(&self) -> &OverrideSpec {
        &self.spec
    }
}

impl Overrides for ClusterOverridePolicy {
    fn overrides(&self) -> &OverrideSpec {
        &self.spec
    }
}

/// Changes for a set of clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleWithCluster {
    /// The clusters. Unset means every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cluster: Option<ClusterAffinity>,
    /// The changes.
    pub overriders: Overriders,
}

/// Changes by their kind. They act in the order image, command, args, labels,
/// annotations, field, plaintext.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overriders {
    /// JSON patch operations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plaintext: Vec<PlaintextOverrider>,
    /// Parts of image references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_overrider: Vec<ImageOverrider>,
    /// Entries of container commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command_overrider: Vec<CommandArgsOverrider>,
    /// Entries of container arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args_overrider: Vec<CommandArgsOverrider>,
    /// Labels of the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels_overrider: Vec<LabelAnnotationOverrider>,
    /// Annotations of the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations_overrider: Vec<LabelAnnotationOverrider>,
    /// Structured text inside one string field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_overrider: Vec<FieldOverrider>,
}

/// What an overrider does with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OverriderOperator {
    /// Put in.
    Add,
    /// Take out.
    Remove,
    /// Put in place of what is there.
    Replace,
}

/// What an overrider does with a list of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListOperator {
    /// Append the words.
    Add,
    /// Take the words out.
    Remove,
}

/// One JSON patch operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaintextOverrider {
    /// JSON pointer into the object.
    pub path: String,
    /// The operation.
    pub operator: OverriderOperator,
    /// The new value; for remove, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub value: Option<Value>,
}

/// A change of image references.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOverrider {
    /// One named field. Unset means every container of a known kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<ImagePredicate>,
    /// The part changed.
    pub component: ImageComponent,
    /// The operation.
    pub operator: OverriderOperator,
    /// The new text; ignored by remove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// One field that holds an image reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePredicate {
    /// JSON pointer to the field.
    pub path: String,
}

/// The parts of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImageComponent {
    /// Host and port.
    Registry,
    /// Path between registry and tag.
    Repository,
    /// Tag or digest.
    Tag,
}

/// A change of one container's command or arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandArgsOverrider {
    /// The container.
    pub container_name: String,
    /// The operation.
    pub operator: ListOperator,
    /// The words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value: Vec<String>,
}

/// A change of labels or annotations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelAnnotationOverrider {
    /// The operation.
    pub operator: OverriderOperator,
    /// Keys and values; remove looks at the keys alone.
    pub value: BTreeMap<String, String>,
}

/// A change inside a string field that holds JSON or YAML; exactly one of both
/// lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldOverrider {
    /// JSON pointer to the string field.
    pub field_path: String,
    /// Operations on JSON text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<FieldPatchOperation>,
    /// Operations on YAML text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yaml: Vec<FieldPatchOperation>,
}

/// One operation inside structured text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldPatchOperation {
    /// JSON pointer inside the text.
    pub sub_path: String,
    /// The operation.
    pub operator: OverriderOperator,
    /// The new value; for remove, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub value: Option<Value>,
}
