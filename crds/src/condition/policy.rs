//! Conditions of propagation policies.

use super::{ConditionValue, Status};
use crate::policy::propagation::PolicyState;

/// `Ready`: everything the policy holds is applied where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It is.
    Success,
    /// Not every cluster has answered yet.
    Progressing,
    /// Nothing that exists is selected.
    NoTemplate,
    /// An override policy it depends on does not exist.
    MissingOverride,
    /// The policy contradicts itself.
    InvalidPolicy,
    /// The hub would run what the policy selects.
    HubRunsWorkloads,
    /// The hub does not know a kind it selects.
    KindNotInstalled,
    /// The operator may not read a kind it selects.
    KindNotPermitted,
    /// A template found no cluster.
    NotScheduled,
    /// A cluster refuses a template or does not answer.
    ClusterFailed,
}

impl Ready {
    /// The sum in one word, as printed beside the reason.
    pub const fn state(self) -> PolicyState {
        match self {
            Self::Success => PolicyState::Applied,
            Self::Progressing | Self::NoTemplate | Self::MissingOverride => PolicyState::Pending,
            Self::InvalidPolicy
            | Self::HubRunsWorkloads
            | Self::KindNotInstalled
            | Self::KindNotPermitted
            | Self::NotScheduled
            | Self::ClusterFailed => PolicyState::Failed,
        }
    }
}

impl ConditionValue for Ready {
    const TYPE: &'static str = "Ready";

    fn status(self) -> Status {
        match self.state() {
            PolicyState::Applied => Status::True,
            PolicyState::Pending | PolicyState::Failed => Status::False,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Progressing => "Progressing",
            Self::NoTemplate => "NoTemplate",
            Self::MissingOverride => "MissingOverride",
            Self::InvalidPolicy => "InvalidPolicy",
            Self::HubRunsWorkloads => "HubRunsWorkloads",
            Self::KindNotInstalled => "KindNotInstalled",
            Self::KindNotPermitted => "KindNotPermitted",
            Self::NotScheduled => "NotScheduled",
            Self::ClusterFailed => "ClusterFailed",
        }
    }
}
