//! Keys of taints on Clusters.

/// A person cordoned the cluster.
pub const UNSCHEDULABLE: &str = "cluster.karmada.io/unschedulable";

/// The cluster says that it is not ready.
pub const NOT_READY: &str = "cluster.karmada.io/not-ready";

/// The cluster does not answer.
pub const UNREACHABLE: &str = "cluster.karmada.io/unreachable";

/// The data plane, or all of the cluster, is cut off.
pub const ISOLATED: &str = "atoll.dev/isolated";
