//! Keys and names both sides agree on (karmada-api sections 3.1 to 3.4).
//!
//! Constants and pure functions alone: the keys of labels, annotations, taints
//! and finalizers by the object they belong to, the names of derived objects,
//! and what is never propagated.

pub mod annotation;
pub mod finalizer;
pub mod hash;
pub mod label;
pub mod reserved;
pub mod taint;

pub use hash::short_hash;
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

/// Name of the Work of an object in its cluster's execution namespace.
/// `namespace` is None for cluster-scoped objects.
pub fn work_name(kind: &str, namespace: Option<&str>, name: &str) -> String {
    let seed = match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("{namespace}-{name}-{kind}"),
        None => format!("{name}-{kind}"),
    };
    let seed = seed.replace(':', ".").to_lowercase();
    format!("{}-{}", name.replace(':', ".").to_lowercase(), short_hash(&seed))
}

/// Namespace that holds the Works of `cluster`.
pub fn execution_namespace(cluster: &str) -> String {
    format!("{EXECUTION_NAMESPACE_PREFIX}{cluster}")
}

/// Label on a dependency's binding that names a binding it follows.
pub fn depended_by_label(namespace: &str, name: &str) -> String {
    format!("{}{}", label::DEPENDED_BY_PREFIX, short_hash(&format!("{namespace}/{name}")))
}

/// Service account and Secret owner's name on a member.
pub fn member_service_account(cluster: &str) -> String {
    format!("karmada-{cluster}")
}

/// Cluster role of the member's service account.
pub fn member_cluster_role(cluster: &str) -> String {
    format!("karmada-controller-manager:karmada-{cluster}")
}

/// Secret with the impersonator's token, in [`CLUSTER_NAMESPACE`].
pub fn impersonator_secret(cluster: &str) -> String {
    format!("{cluster}-impersonator")
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
    fn work_name_carries_the_hash_of_namespace_name_and_kind() {
        assert_eq!(work_name("Deployment", Some("default"), "nginx"), "nginx-687f7fb96f");
        assert_eq!(work_name("Service", Some("default"), "nginx"), "nginx-64b7849b5");
        assert_eq!(work_name("ClusterRole", None, "karmada-impersonator"), "karmada-impersonator-7cbb6bd5c9");
    }

    #[test]
    fn an_empty_namespace_counts_as_none() {
        assert_eq!(work_name("Namespace", Some(""), "a"), work_name("Namespace", None, "a"));
    }

    #[test]
    fn the_longest_cluster_name_fits_its_execution_namespace() {
        let longest = "c".repeat(CLUSTER_NAME_MAX);
        assert!(execution_namespace(&longest).len() <= 63);
    }

    #[test]
    fn depended_by_label_names_the_parent_by_hash() {
        let label = depended_by_label("default", "nginx-deployment");
        assert!(label.starts_with("resourcebinding.karmada.io/depended-by-"));
        assert_ne!(label, depended_by_label("default", "other-deployment"));
    }
}
