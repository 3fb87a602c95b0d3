//! Group `networking.karmada.io/v1alpha1`: services and ingresses over several
//! clusters.

pub mod multi_cluster_ingress;
pub mod multi_cluster_service;
