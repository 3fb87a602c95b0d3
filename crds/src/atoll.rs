//! Group `atoll.dev/v1alpha1`: kinds of our own.

pub mod isolation_snapshot;
