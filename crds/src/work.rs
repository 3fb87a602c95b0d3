//! Group `work.karmada.io`: what the operator writes about a template
//! (v1alpha2), and manifests for one cluster (v1alpha1).

pub mod binding;
pub mod binding_status;
pub mod eviction;
pub mod requirements;
#[expect(clippy::module_inception, reason = "the group and one of its kinds share their name")]
pub mod work;
