//! `ResourceInterpreterCustomization`: what is to be known about a kind, as
//! scripts (karmada-api 1.14).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which kind, and what is to be known about it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "config.karmada.io",
    version = "v1alpha1",
    kind = "ResourceInterpreterCustomization",
    plural = "resourceinterpretercustomizations",
    shortname = "ric",
    category = "karmada-io",
    derive = "Default",
    derive = "PartialEq",
    doc = "Scripts that say what is to be known about one kind."
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterCustomizationSpec {
    /// The kind.
    pub target: CustomizationTarget,
    /// The scripts; what has none is read by the built-in rules.
    pub customizations: CustomizationRules,
}

/// One kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationTarget {
    /// API version, such as `apps.example.com/v1`.
    pub api_version: String,
    /// Kind, such as `CronTab`.
    pub kind: String,
}

/// One script for each question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationRules {
    /// What of a member's object is kept when the manifest is applied over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<LuaRule>,
    /// How many replicas a template asks for, and what one of them needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_resource: Option<LuaRule>,
    /// The same for a template with several parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_resource: Option<LuaRule>,
    /// The template with another number of replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_revision: Option<LuaRule>,
    /// The part of a copy's status that travels to the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reflection: Option<LuaRule>,
    /// The template's status, made from those of its copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_aggregation: Option<LuaRule>,
    /// Whether a copy does its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_interpretation: Option<LuaRule>,
    /// What a template needs beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency_interpretation: Option<LuaRule>,
}

/// A script in Lua.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LuaRule {
    /// Its text, which defines one function.
    pub lua_script: String,
}
