//! Group `policy.karmada.io/v1alpha1`: what users write.

pub mod cluster_taint_policy;
pub mod failover;
pub mod federated_resource_quota;
pub mod override_policy;
pub mod placement;
pub mod propagation;
pub mod selector;
pub mod suspension;
