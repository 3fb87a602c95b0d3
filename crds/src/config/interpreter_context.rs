//! `ResourceInterpreterContext`: question and answer of an interpreter webhook
//! (karmada-api 1.15). A message: it is never stored, so it has no definition.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::work::binding::{AggregatedStatusItem, Component, ReplicaRequirements};

/// Group and version of the message.
pub const API_VERSION: &str = "config.karmada.io/v1alpha1";

/// Kind of the message.
pub const KIND: &str = "ResourceInterpreterContext";

/// A question to a webhook, or its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterContext {
    /// [`API_VERSION`].
    pub api_version: String,
    /// [`KIND`].
    pub kind: String,
    /// The question; an answer may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<InterpreterRequest>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<InterpreterResponse>,
}

/// A question about one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterpreterRequest {
    /// Identity of the question; the answer carries the same.
    pub uid: String,
    /// Kind of the object.
    pub kind: GroupVersionKind,
    /// Its name.
    pub name: String,
    /// Its namespace; unset for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What is asked.
    pub operation: Operation,
    /// The object: of the hub, or for questions about copies of the member.
    pub object: Value,
    /// The member's object, for [`Operation::Retain`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_object: Option<Value>,
    /// Replicas wanted, for [`Operation::ReviseReplica`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// What the clusters report, for [`Operation::AggregateStatus`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<AggregatedStatusItem>,
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupVersionKind {
    /// Its group; empty for the core group.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name.
    pub kind: String,
}

/// What a webhook can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Replicas of a template, and what one of them needs.
    InterpretReplica,
    /// Parts of a template, with the replicas and needs of each.
    InterpretComponent,
    /// A template with another number of replicas.
    ReviseReplica,
    /// What of a member's object stays.
    Retain,
    /// The template's status, from those of its copies.
    AggregateStatus,
    /// What a template needs beside it.
    InterpretDependency,
    /// The part of a copy's status that travels.
    InterpretStatus,
    /// Whether a copy does its work.
    InterpretHealth,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterpreterResponse {
    /// Identity of the question.
    pub uid: String,
    /// Whether it could be answered.
    pub successful: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RequestStatus>,
    /// Changes of the object, in the form of `patch_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<ByteString>,
    /// Form of `patch`: `JSONPatch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<String>,
    /// What one replica needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ReplicaRequirements>,
    /// Replicas the template asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Parts of the template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// What it needs beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<DependentObjectReference>,
    /// The part of the status that travels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_status: Option<Value>,
    /// Whether the copy does its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
}

/// Why a question was not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// For a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// As an HTTP status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
}

/// Objects that a template needs: one by name, or some by labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DependentObjectReference {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; unset for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name; not together with `label_selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels of the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
}
