//! `ResourceInterpreterWebhookConfiguration`: who is asked about kinds
//! (karmada-api 1.15). Like the webhook configurations of Kubernetes it has no
//! spec: the list stands at the root.

use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::upstream;

/// The webhooks.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "config.karmada.io",
    version = "v1alpha1",
    kind = "ResourceInterpreterWebhookConfiguration",
    plural = "resourceinterpreterwebhookconfigurations",
    category = "karmada-io",
    no_spec,
    derive = "Default",
    derive = "PartialEq",
    doc = "Webhooks that say what is to be known about kinds."
)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterWebhookConfigurationBody {
    /// The webhooks; names are unique.
    pub webhooks: Vec<ResourceInterpreterWebhook>,
}

/// One webhook and what it is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterWebhook {
    /// Its name: a domain name of at least two parts.
    pub name: String,
    /// Where it answers.
    #[schemars(schema_with = "upstream::webhook_client")]
    pub client_config: WebhookClientConfig,
    /// What it is asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleWithOperations>,
    /// Seconds it gets to answer, 1 to 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i32>,
    /// Versions of `ResourceInterpreterContext` it understands.
    pub interpreter_context_versions: Vec<String>,
}

/// Questions about kinds. `*` stands for all and then stands alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleWithOperations {
    /// The questions, by the names of
    /// [`Operation`](super::interpreter_context::Operation).
    pub operations: Vec<String>,
    /// Groups of the kinds; the core group is the empty text.
    pub api_groups: Vec<String>,
    /// Versions of the kinds.
    pub api_versions: Vec<String>,
    /// The kinds.
    pub kinds: Vec<String>,
}
