//! Group `policy.karmada.io/v1alpha1`: what users write.

pub mod failover;
pub mod override_policy;
pub mod placement;
pub mod propagation;
pub mod selector;
pub mod suspension;
