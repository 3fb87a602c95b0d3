//! Group `autoscaling.karmada.io/v1alpha1`: scaling across clusters.

pub mod cron_federated_hpa;
pub mod federated_hpa;
