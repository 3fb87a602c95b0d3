//! Group `multicluster.x-k8s.io/v1alpha1`: services across clusters, as the
//! Kubernetes community writes them.

pub mod service_export;
pub mod service_import;
