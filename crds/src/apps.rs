//! Group `apps.karmada.io/v1alpha1`: asking for a fresh schedule.

pub mod workload_rebalancer;
