//! Conditions of a Cluster.

use super::{ConditionValue, Status};

/// `Ready`: the member's API answers and its status could be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// All is well.
    Ready,
    /// The member says that it is not ready.
    NotReady,
    /// The member's endpoint does not answer.
    NotReachable,
    /// It answers, but its status could not be read.
    StatusCollectionFailed,
    /// The Secret is missing, incomplete or no credential. Atoll's.
    CredentialsInvalid,
    /// The member does not know the credential: wrong or expired. Atoll's.
    CredentialsRejected,
    /// The member's certificate is not signed by the CA of the Secret. Atoll's.
    CertificateNotTrusted,
    /// The credential lacks rights the member must grant. Atoll's.
    MemberForbidden,
    /// Its agent stopped reporting.
    StatusUnknown,
    /// Its agent never reported.
    StatusNeverUpdated,
}

impl ConditionValue for Ready {
    const TYPE: &'static str = "Ready";

    fn status(self) -> Status {
        match self {
            Self::Ready => Status::True,
            Self::StatusUnknown | Self::StatusNeverUpdated => Status::Unknown,
            Self::NotReady
            | Self::NotReachable
            | Self::StatusCollectionFailed
            | Self::CredentialsInvalid
            | Self::CredentialsRejected
            | Self::CertificateNotTrusted
            | Self::MemberForbidden => Status::False,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Ready => "ClusterReady",
            Self::NotReady => "ClusterNotReady",
            Self::NotReachable => "ClusterNotReachable",
            Self::StatusCollectionFailed => "StatusCollectionFailed",
            Self::CredentialsInvalid => "CredentialsInvalid",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::CertificateNotTrusted => "CertificateNotTrusted",
            Self::MemberForbidden => "MemberForbidden",
            Self::StatusUnknown => "ClusterStatusUnknown",
            Self::StatusNeverUpdated => "ClusterStatusNeverUpdated",
        }
    }
}

/// `CompleteAPIEnablements`: the list of the member's APIs can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiEnablements {
    /// All groups answered.
    Complete,
    /// Some groups did not answer; an API that is not listed may be there.
    Partial,
    /// Nothing was learned.
    Empty,
}

impl ConditionValue for ApiEnablements {
    const TYPE: &'static str = "CompleteAPIEnablements";

    fn status(self) -> Status {
        match self {
            Self::Complete => Status::True,
            Self::Partial | Self::Empty => Status::False,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Partial => "Partial",
            Self::Empty => "Empty",
        }
    }
}

/// `DeletesPaused`: nothing is deleted on the member until a person approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletesPaused {
    /// Deletes go through.
    WithinBudget,
    /// More would be deleted within a minute than the budget allows.
    BudgetExceeded,
    /// The member has seen a later state of this hub: the hub was restored.
    HubRolledBack,
    /// The member was last written by another hub.
    HubReplaced,
}

impl ConditionValue for DeletesPaused {
    const TYPE: &'static str = "DeletesPaused";

    fn status(self) -> Status {
        match self {
            Self::WithinBudget => Status::False,
            Self::BudgetExceeded | Self::HubRolledBack | Self::HubReplaced => Status::True,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::WithinBudget => "WithinBudget",
            Self::BudgetExceeded => "DeleteBudgetExceeded",
            Self::HubRolledBack => "HubRolledBack",
            Self::HubReplaced => "HubReplaced",
        }
    }
}

/// `Fenced`: nothing of the cluster runs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// A person or an external fencer says so.
    Stated,
    /// The lease of an agent that promised to stop its workloads has run out.
    LeaseExpired,
    /// Nobody says so.
    NotFenced,
}

impl ConditionValue for Fenced {
    const TYPE: &'static str = "Fenced";

    fn status(self) -> Status {
        match self {
            Self::Stated | Self::LeaseExpired => Status::True,
            Self::NotFenced => Status::False,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Stated => "Stated",
            Self::LeaseExpired => "LeaseExpired",
            Self::NotFenced => "NotFenced",
        }
    }
}
