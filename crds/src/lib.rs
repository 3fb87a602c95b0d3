//! API types of Atoll: the Karmada API it speaks, and its own kinds.
//!
//! Enters: nothing. Leaves: Rust types for every kind, the
//! custom resource definitions generated from them, the keys and names both
//! sides agree on, and the condition vocabulary. This crate decides nothing and
//! talks to nobody; semantic checks beyond the schema are the operator's.
#![deny(missing_docs)]

pub mod atoll;
pub mod cluster;
pub mod condition;
pub mod names;
pub mod policy;
pub mod schema;
pub mod work;

pub use atoll::isolation_snapshot::{IsolationSnapshot, IsolationSnapshotSpec, IsolationSnapshotStatus};
pub use cluster::{Cluster, ClusterSpec, ClusterStatus};
pub use policy::override_policy::{ClusterOverridePolicy, OverridePolicy, OverrideSpec, Overrides};
pub use policy::propagation::{ClusterPropagationPolicy, Policy, PolicyStatus, PropagationPolicy, PropagationSpec};
pub use schema::all_crds;
pub use work::binding::{Binding, BindingSpec, BindingStatus, ClusterResourceBinding, ResourceBinding};
