//! A graceful eviction task: a cluster being vacated (karmada-api 1.7).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ClusterName;
use crate::time::Wall;

/// How the old copy goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PurgeMode {
    /// Before the replacement starts. The user's written exception to I1 (D13).
    Directly,
    /// After the replacement is healthy.
    #[default]
    Gracefully,
    /// When a person says so (`failover.application` only).
    Never,
}

/// Why a cluster is vacated (karmada-api 3.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// An untolerated `NoExecute` taint.
    TaintUntolerated,
    /// The copy was unhealthy for too long.
    ApplicationFailure,
    /// Another tool's own word. Only that tool knows when it stops to hold, so
    /// for us it holds for as long as its task is there.
    Other(String),
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        match text {
            "TaintUntolerated" => Self::TaintUntolerated,
            "ApplicationFailure" => Self::ApplicationFailure,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TaintUntolerated => "TaintUntolerated",
            Self::ApplicationFailure => "ApplicationFailure",
            Self::Other(text) => text,
        })
    }
}

/// Karmada's producer of taint evictions.
pub const TAINT_MANAGER: &str = "TaintManager";

/// One entry of `spec.gracefulEvictionTasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `fromCluster`
    pub from: ClusterName,
    /// `purgeMode`
    pub purge: PurgeMode,
    /// `replicas` it had there.
    pub replicas: Option<i32>,
    /// `reason`
    pub reason: Reason,
    /// `message`, at most 1024 characters.
    pub message: String,
    /// `producer`
    pub producer: String,
    /// `gracePeriodSeconds`. It shortens nothing: a copy is never removed
    /// before its replacement is Healthy (D18).
    pub grace: Option<Duration>,
    /// `suppressDeletion`
    pub suppress_deletion: Option<bool>,
    /// `preservedLabelState`, for whoever wrote it.
    pub preserved_labels: BTreeMap<String, String>,
    /// `creationTimestamp`; another tool's task may have none.
    pub created: Option<Wall>,
    /// `clustersBeforeFailover`
    pub clusters_before: Vec<ClusterName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_nobody_here_knows_is_kept_word_for_word() {
        for text in ["TaintUntolerated", "ApplicationFailure", "Rebalance", ""] {
            assert_eq!(Reason::from(text).to_string(), text);
        }
        assert_eq!(Reason::from("Rebalance"), Reason::Other("Rebalance".into()));
    }
}
