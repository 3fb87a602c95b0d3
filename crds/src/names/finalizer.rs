//! Finalizers.

/// On a Cluster.
pub const CLUSTER: &str = "karmada.io/cluster-controller";

/// On a `ResourceBinding`.
pub const BINDING: &str = "karmada.io/binding-controller";

/// On a `ClusterResourceBinding`.
pub const CLUSTER_BINDING: &str = "karmada.io/cluster-resource-binding-controller";

/// On a `PropagationPolicy`.
pub const PROPAGATION_POLICY: &str = "karmada.io/propagation-policy-controller";

/// On a `ClusterPropagationPolicy`.
pub const CLUSTER_PROPAGATION_POLICY: &str = "karmada.io/cluster-propagation-policy-controller";
