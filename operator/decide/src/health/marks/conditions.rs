//! The conditions a verdict gives a Cluster.

use crate::health::brake::Brake;
use crate::health::marks::PROBE_TARGETS;
use crate::health::observation::{About, BadAnswer, Level};
use crate::health::verdict::{ApiState, DataState, Trouble, Verdict};

/// A condition's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`
    Unknown,
}

/// The condition types the verdict owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// Karmada's `Ready`.
    Ready,
    /// Whether an isolation of this cluster could move anything.
    FailoverArmed,
}

/// Why (karmada-api 3.5, and ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Ready is True.
    ClusterReady,
    /// `/readyz` answers, but not well.
    ClusterNotReady,
    /// Its API does not accept our credentials.
    CredentialsRejected,
    /// Its certificate is not signed by the authority we were given.
    CertificateNotTrusted,
    /// Our role there does not allow what status needs.
    MemberForbidden,
    /// Silence.
    ClusterNotReachable,
    /// The API answers, but not to what status needs.
    StatusCollectionFailed,
    /// The hub itself has learned nothing for long.
    ClusterStatusUnknown,
    /// The data plane has been seen to answer.
    DataPlaneSeen,
    /// The data plane has never been seen to answer.
    DataPlaneUnseen,
    /// The brake is on and this cluster is one of those behind it.
    Braked,
}

impl Reason {
    /// The text in the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterReady => "ClusterReady",
            Self::ClusterNotReady => "ClusterNotReady",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::CertificateNotTrusted => "CertificateNotTrusted",
            Self::MemberForbidden => "MemberForbidden",
            Self::ClusterNotReachable => "ClusterNotReachable",
            Self::StatusCollectionFailed => "StatusCollectionFailed",
            Self::ClusterStatusUnknown => "ClusterStatusUnknown",
            Self::DataPlaneSeen => "DataPlaneSeen",
            Self::DataPlaneUnseen => "DataPlaneUnseen",
            Self::Braked => "Braked",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: ConditionType,
    /// Its status.
    pub status: Status,
    /// Its reason, as text: another writer's may be there.
    pub reason: String,
    /// What a person should know.
    pub message: String,
}

/// The ones that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `Ready`
    pub ready: Option<Condition>,
    /// `FailoverArmed`
    pub failover_armed: Option<Condition>,
}

/// The Ready condition to write; None: what is there stays, either because it
/// says the same or because there is no judgement.
pub(super) fn ready(verdict: &Verdict, current: Option<&Condition>) -> Option<Condition> {
    let (status, reason, message) = if verdict.blind {
        let message = "the hub has learned nothing about this cluster for a while; look at the hub";
        (Status::Unknown, Reason::ClusterStatusUnknown, message.to_owned())
    } else {
        match verdict.api {
            ApiState::Reachable => reachable(verdict, current)?,
            ApiState::Unreachable => (Status::False, Reason::ClusterNotReachable, verdict.reason.clone()),
            ApiState::Unknown if verdict.never_answered => {
                let message =
                    "the API has never answered since this cluster joined: check spec.apiEndpoint and the way to it";
                (Status::False, Reason::ClusterNotReachable, message.to_owned())
            }
            // No judgement yet, or not yet another one.
            ApiState::Unknown | ApiState::Suspect | ApiState::Returning => return None,
        }
    };
    changed(current, Condition { kind: ConditionType::Ready, status, reason: reason.as_str().into(), message })
}

fn reachable(verdict: &Verdict, current: Option<&Condition>) -> Option<(Status, Reason, String)> {
    let (level, detail, lasting): (_, BadAnswer, _) = match &verdict.trouble {
        Some(Trouble::WrongAnswer { level, detail, lasting }) => (level, detail.clone(), *lasting),
        // So much silence makes a trouble only once it has lasted.
        Some(trouble @ Trouble::LevelSilent(level @ (Level::Ready | Level::Serve))) => {
            (level, trouble.to_string().into(), true)
        }
        Some(Trouble::LevelSilent(_) | Trouble::TargetsSilent(_) | Trouble::NodesNotReady { .. }) | None => {
            return Some((Status::True, Reason::ClusterReady, "the cluster is ready to take workloads".into()));
        }
    };
    // One bad answer does not unready a ready cluster; a cluster that was not
    // ready learns the reason at once.
    if !lasting && current.is_some_and(|current| current.status == Status::True) {
        return None;
    }
    let reason = match (detail.about, level) {
        (About::Credentials, _) => Reason::CredentialsRejected,
        (About::Certificate, _) => Reason::CertificateNotTrusted,
        (About::Rights, _) => Reason::MemberForbidden,
        (About::Server, Level::Ready) => Reason::ClusterNotReady,
        (About::Server, Level::Connect | Level::Serve | Level::Use) => Reason::StatusCollectionFailed,
    };
    Some((Status::False, reason, detail.text))
}

/// The `FailoverArmed` condition to write.
pub(super) fn failover_armed(verdict: &Verdict, brake: &Brake, current: Option<&Condition>) -> Option<Condition> {
    let isolated = matches!(verdict.data, DataState::Suspect | DataState::Dark);
    let (status, reason, message) = match (brake.why(), verdict.data) {
        (Some(why), _) if isolated => (Status::False, Reason::Braked, why),
        (_, DataState::Unknown) if current.is_some_and(|current| current.status == Status::True) => return None,
        (_, DataState::Unknown) => {
            let message = format!(
                "no node address and no named target of this cluster has ever answered the hub, so a cut cannot be \
                 told from a sick API server and moves nothing: let the hub reach the nodes' kubelet port, or name \
                 reachable addresses (such as 10.0.0.7:443, comma separated) in the annotation {PROBE_TARGETS}"
            );
            (Status::False, Reason::DataPlaneUnseen, message)
        }
        (_, DataState::Serving | DataState::Suspect | DataState::Dark | DataState::Returning) => {
            (Status::True, Reason::DataPlaneSeen, "the data plane has been seen to answer".into())
        }
    };
    let kind = ConditionType::FailoverArmed;
    changed(current, Condition { kind, status, reason: reason.as_str().into(), message })
}

fn changed(current: Option<&Condition>, wanted: Condition) -> Option<Condition> {
    (current != Some(&wanted)).then_some(wanted)
}
