//! Group `work.karmada.io/v1alpha2`: what the operator writes about a template.

pub mod binding;
pub mod binding_status;
pub mod eviction;
pub mod requirements;
