//! Keys and names both sides agree on (karmada-api sections 3.1 to 3.4).
//!
//! Constants and pure functions alone: the keys of labels, annotations, taints
//! and finalizers by the object they belong to, the names of derived objects,
//! and what is never propagated.

pub mod annotation;
pub mod finalizer;
pub mod label;
pub mod reserved;

pub use reserved::{is_never_propagated_group, is_reserved_namespace};

/// Namespace of the control plane's own objects.
pub const SYSTEM_NAMESPACE: &str = "karmada-system";

/// Namespace of members' credentials, on the hub and on members.
pub const CLUSTER_NAMESPACE: &str = "karmada-cluster";

/// `ConfigMap` on a member, in [`CLUSTER_NAMESPACE`], that says which hub it
/// obeys and how far that hub had come.
pub const HUB_MARK: &str = "atoll-hub";

/// Start of the names of execution namespaces.
pub const EXECUTION_NAMESPACE_PREFIX: &str = "karmada-es-";

/// Longest name of a Cluster: with the prefix of its execution namespace it
/// still fits the 63 characters of a label value.
pub const CLUSTER_NAME_MAX: usize = 48;

/// Name of the binding of a template: its name and kind, lower-cased.
///
/// Neither the API group nor the case of the name is in it, and `:` becomes
/// `.`, so two templates can share one name (D7): whoever finds a binding by
/// name compares `spec.resource` before trusting it.
pub fn binding_name(kind: &str, name: &str) -> String {
    format!("{}-{kind}", name.replace(':', ".")).to_lowercase()
}

/// Service account and Secret owner's name on a member.
pub fn member_service_account(cluster: &str) -> String {
    format!("karmada-{cluster}")
}

/// Cluster role of the member's service account.
pub fn member_cluster_role(cluster: &str) -> String {
    format!("karmada-controller-manager:karmada-{cluster}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_name_is_lower_case_name_and_kind() {
        assert_eq!(binding_name("Deployment", "nginx"), "nginx-deployment");
        assert_eq!(binding_name("ClusterRole", "System:Reader"), "system.reader-clusterrole");
    }

    #[test]
    fn the_longest_cluster_name_fits_its_execution_namespace() {
        assert!(EXECUTION_NAMESPACE_PREFIX.len() + CLUSTER_NAME_MAX <= 63);
    }
}
