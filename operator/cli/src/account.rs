//! The operator's account on a member: names and objects (karmada-api 2.23,
//! 3.4).

use std::collections::BTreeMap;

use atoll_crds::names::label::{SYSTEM, TRUE};
use atoll_crds::names::{CLUSTER_NAMESPACE, member_cluster_role, member_service_account};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::args::ClusterName;
use crate::role;

/// Type of Secrets that the member fills with a token that does not expire.
const TOKEN_SECRET_TYPE: &str = "kubernetes.io/service-account-token";

/// On such a Secret: the account's name.
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

/// On such a Secret: the account's uid, written by the member.
pub const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

const RBAC: &str = "rbac.authorization.k8s.io";

/// The account of one cluster.
pub struct Account {
    /// Name of the service account, its Secret and its role in [`CLUSTER_NAMESPACE`].
    pub name: String,
    /// Name of its cluster role and of that role's binding.
    pub cluster_role: String,
}

impl Account {
    pub fn of(cluster: &ClusterName) -> Self {
        Self { name: member_service_account(cluster.as_str()), cluster_role: member_cluster_role(cluster.as_str()) }
    }

    pub fn service_account(&self) -> ServiceAccount {
        ServiceAccount { metadata: namespaced(&self.name), ..ServiceAccount::default() }
    }

    /// `version` is that of the role the rules were made from, so that nobody's
    /// change in between is lost.
    pub fn cluster_role(&self, rules: Vec<PolicyRule>, version: Option<String>) -> ClusterRole {
        let metadata = ObjectMeta { resource_version: version, ..system(&self.cluster_role) };
        ClusterRole { metadata, rules: Some(rules), ..ClusterRole::default() }
    }

    pub fn cluster_role_binding(&self) -> ClusterRoleBinding {
        ClusterRoleBinding {
            metadata: system(&self.cluster_role),
            role_ref: role_ref("ClusterRole", &self.cluster_role),
            subjects: Some(vec![self.subject()]),
        }
    }

    pub fn role(&self) -> Role {
        Role { metadata: namespaced(&self.name), rules: Some(role::rules_in_namespace()) }
    }

    pub fn role_binding(&self) -> RoleBinding {
        RoleBinding {
            metadata: namespaced(&self.name),
            role_ref: role_ref("Role", &self.name),
            subjects: Some(vec![self.subject()]),
        }
    }

    pub fn token_secret(&self) -> Secret {
        let annotations = BTreeMap::from([(ACCOUNT_NAME.to_owned(), self.name.clone())]);
        let metadata = ObjectMeta { annotations: Some(annotations), ..namespaced(&self.name) };
        Secret { metadata, type_: Some(TOKEN_SECRET_TYPE.to_owned()), ..Secret::default() }
    }

    fn subject(&self) -> Subject {
        Subject {
            kind: "ServiceAccount".to_owned(),
            name: self.name.clone(),
            namespace: Some(CLUSTER_NAMESPACE.to_owned()),
            ..Subject::default()
        }
    }
}

/// The namespace of credentials, on the hub and on members.
pub fn namespace() -> Namespace {
    Namespace { metadata: system(CLUSTER_NAMESPACE), ..Namespace::default() }
}

fn system(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(BTreeMap::from([(SYSTEM.to_owned(), TRUE.to_owned())])),
        ..ObjectMeta::default()
    }
}

fn namespaced(name: &str) -> ObjectMeta {
    ObjectMeta { namespace: Some(CLUSTER_NAMESPACE.to_owned()), ..system(name) }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: Some(RBAC.to_owned()), kind: kind.to_owned(), name: name.to_owned() }
}
