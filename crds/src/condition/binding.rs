//! Conditions of `ResourceBindings` and `ClusterResourceBindings`.

use super::{ConditionValue, Status};

/// `Scheduled`: the binding has its clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduled {
    /// It has.
    Success,
    /// Scheduling failed for a reason of our own.
    SchedulerError,
    /// No cluster fits the placement.
    NoClusterFit,
    /// Clusters fit, but their room does not suffice.
    Unschedulable,
    /// A quota does not allow it.
    QuotaExceeded,
}

impl ConditionValue for Scheduled {
    const TYPE: &'static str = "Scheduled";

    fn status(self) -> Status {
        match self {
            Self::Success => Status::True,
            Self::SchedulerError | Self::NoClusterFit | Self::Unschedulable | Self::QuotaExceeded => Status::False,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::SchedulerError => "SchedulerError",
            Self::NoClusterFit => "NoClusterFit",
            Self::Unschedulable => "Unschedulable",
            Self::QuotaExceeded => "QuotaExceeded",
        }
    }
}

/// `FullyApplied`: every cluster has the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullyApplied {
    /// Every cluster has it.
    Success,
    /// Some cluster has it not, or has not said so.
    Failed,
}

impl ConditionValue for FullyApplied {
    const TYPE: &'static str = "FullyApplied";

    fn status(self) -> Status {
        match self {
            Self::Success => Status::True,
            Self::Failed => Status::False,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Success => "FullyAppliedSuccess",
            Self::Failed => "FullyAppliedFailed",
        }
    }
}
