//! Keys of taints on Clusters.

/// The data plane, or all of the cluster, is cut off.
pub const ISOLATED: &str = "atoll.dev/isolated";
