//! API types of Atoll: the Karmada API it speaks, and its own kinds.
//!
//! Enters: nothing. Leaves: Rust types for every kind, the
//! custom resource definitions generated from them, the keys and names both
//! sides agree on, and the condition vocabulary. This crate decides nothing and
//! talks to nobody; semantic checks beyond the schema are the operator's.
#![deny(missing_docs)]

pub mod apps;
pub mod atoll;
pub mod autoscaling;
pub mod cluster;
pub mod condition;
pub mod config;
pub mod facts;
pub mod multicluster;
pub mod names;
pub mod networking;
pub mod policy;
pub mod remedy;
pub mod schema;
pub mod work;

pub use apps::workload_rebalancer::WorkloadRebalancer;

pub use atoll::isolation_snapshot::{IsolationSnapshot, IsolationSnapshotSpec, IsolationSnapshotStatus};
pub use autoscaling::cron_federated_hpa::CronFederatedHPA;
pub use autoscaling::federated_hpa::FederatedHPA;
pub use cluster::{Cluster, ClusterSpec, ClusterStatus};
pub use config::interpreter_context::ResourceInterpreterContext;
pub use config::interpreter_customization::ResourceInterpreterCustomization;
pub use config::interpreter_webhook::ResourceInterpreterWebhookConfiguration;
pub use multicluster::service_export::ServiceExport;
pub use multicluster::service_import::ServiceImport;
pub use networking::multi_cluster_ingress::MultiClusterIngress;
pub use networking::multi_cluster_service::MultiClusterService;
pub use policy::cluster_taint_policy::ClusterTaintPolicy;
pub use policy::federated_resource_quota::FederatedResourceQuota;
pub use policy::override_policy::{ClusterOverridePolicy, OverridePolicy, OverrideSpec, Overrides};
pub use policy::propagation::{ClusterPropagationPolicy, Policy, PolicyStatus, PropagationPolicy, PropagationSpec};
pub use remedy::Remedy;
pub use schema::all_crds;
pub use work::binding::{Binding, BindingSpec, BindingStatus, ClusterResourceBinding, ResourceBinding};
pub use work::work::Work;
