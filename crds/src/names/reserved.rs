//! What is never propagated, whatever a policy says (karmada-api 2.2, 3.1).

use super::{CLUSTER_NAMESPACE, EXECUTION_NAMESPACE_PREFIX, SYSTEM_NAMESPACE};

/// API groups of the federation itself. `search.karmada.io` is among them here
/// and not in Karmada (D25).
pub const NEVER_PROPAGATED_GROUPS: [&str; 12] = [
    "apps.karmada.io",
    "atoll.dev",
    "autoscaling.karmada.io",
    "cluster.karmada.io",
    "config.karmada.io",
    "coordination.k8s.io",
    "events.k8s.io",
    "networking.karmada.io",
    "policy.karmada.io",
    "remedy.karmada.io",
    "search.karmada.io",
    "work.karmada.io",
];

/// Kinds of the core group that are never propagated.
pub const NEVER_PROPAGATED_CORE_KINDS: [&str; 1] = ["Event"];

/// Whether objects of `namespace` are the control plane's own.
pub fn is_reserved_namespace(namespace: &str) -> bool {
    namespace == SYSTEM_NAMESPACE || namespace == CLUSTER_NAMESPACE || namespace.starts_with(EXECUTION_NAMESPACE_PREFIX)
}

/// Whether a namespace is skipped unless configured otherwise: `kube-` and
/// whatever follows.
pub fn is_system_namespace(namespace: &str) -> bool {
    namespace.starts_with("kube-")
}

/// Whether objects of API group `group` are never propagated.
pub fn is_never_propagated_group(group: &str) -> bool {
    NEVER_PROPAGATED_GROUPS.contains(&group)
}

/// Whether objects of this group and kind are never propagated.
pub fn is_never_propagated(group: &str, kind: &str) -> bool {
    is_never_propagated_group(group) || (group.is_empty() && NEVER_PROPAGATED_CORE_KINDS.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_the_control_plane_are_reserved() {
        assert!(is_reserved_namespace("karmada-system"));
        assert!(is_reserved_namespace("karmada-cluster"));
        assert!(is_reserved_namespace("karmada-es-member-1"));
        assert!(!is_reserved_namespace("default"));
        assert!(!is_reserved_namespace("karmada-es"));
    }

    #[test]
    fn users_may_not_propagate_what_the_federation_runs_on() {
        assert!(is_never_propagated_group("policy.karmada.io"));
        assert!(is_never_propagated("", "Event"));
        assert!(!is_never_propagated("", "ConfigMap"));
        assert!(!is_never_propagated("apps", "Deployment"));
        assert!(!is_never_propagated_group("multicluster.x-k8s.io"));
    }
}
