//! Watches and writes on the hub: templates, policies, overrides, bindings,
//! clusters, namespaces.

pub mod bindings;
pub mod cluster_write;
pub mod clusters;
pub mod kinds;
pub mod namespaces;
pub mod overrides;
pub mod policies;
pub mod policy_identity;
pub mod synced;
pub mod template_watch;
pub mod templates;
pub mod watches;
