//! Why a request to a member did not do what was asked, sorted by what to do
//! about it.

use std::fmt;
use std::time::Duration;

use kube::core::Status;

/// One failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer: the connection failed or the deadline passed.
    Silent(String),
    /// Answered, and asks to come back later (429, 5xx).
    Busy(String),
    /// The credentials are not accepted.
    Unauthorized(String),
    /// The role does not allow it.
    Forbidden(String),
    /// The member does not serve the kind.
    KindMissing,
    /// The namespace is not there.
    NamespaceMissing(String),
    /// The namespace, or the object, is being deleted.
    Terminating(String),
    /// The member's own word on why it refuses this object.
    Rejected(String),
    /// Another object stands there, and the policy says Abort.
    Foreign(String),
    /// The object changed between our look and our write.
    Raced(String),
    /// Deletes, or all writes, wait for a person there.
    Paused(String),
    /// A defect of ours: carrying it out panicked.
    Defect(String),
}

impl Failure {
    /// Sorts an error of the client.
    pub fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            other => Self::Silent(root_cause(other)),
        }
    }

    fn of_status(status: &Status) -> Self {
        let message = status.message.clone();
        let missing_kind = status.details.as_ref().map(|details| details.kind.as_str());
        match status.code {
            401 => Self::Unauthorized(message),
            403 if status
                .details
                .as_ref()
                .is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")) =>
            {
                Self::Terminating(message)
            }
            403 => Self::Forbidden(message),
            404 if missing_kind == Some("namespaces") => Self::NamespaceMissing(message),
            404 => Self::KindMissing,
            409 => Self::Raced(message),
            408 | 429 | 500..=599 => Self::Busy(message),
            _ => Self::Rejected(message),
        }
    }

    /// How long to wait before the same intent is tried again; `attempt`
    /// counts from 1. A changed intent is tried at once.
    pub fn retry_after(&self, attempt: u32) -> Duration {
        let doubling =
            |first: Duration, most: Duration| most.min(first.saturating_mul(1 << attempt.saturating_sub(1).min(16)));
        match self {
            Self::NamespaceMissing(_) => doubling(Duration::from_millis(50), Duration::from_secs(5)),
            Self::Raced(_) => doubling(Duration::from_millis(20), Duration::from_secs(5)),
            Self::Silent(_) | Self::Busy(_) | Self::Terminating(_) => {
                doubling(Duration::from_millis(250), Duration::from_secs(15))
            }
            Self::KindMissing | Self::Unauthorized(_) | Self::Forbidden(_) | Self::Paused(_) => {
                doubling(Duration::from_secs(1), Duration::from_secs(15))
            }
            // The user has to change something, here or there; that change
            // comes as a new intent or as a member event.
            Self::Rejected(_) | Self::Foreign(_) | Self::Defect(_) => {
                doubling(Duration::from_secs(1), Duration::from_mins(5))
            }
        }
    }

    /// Whether it stays so until somebody does something, here or there.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Unauthorized(_) | Self::Forbidden(_) | Self::KindMissing | Self::Rejected(_) | Self::Foreign(_) => {
                true
            }
            Self::Silent(_)
            | Self::Busy(_)
            | Self::NamespaceMissing(_)
            | Self::Terminating(_)
            | Self::Raced(_)
            | Self::Paused(_)
            | Self::Defect(_) => false,
        }
    }

    /// Whether the member said nothing at all.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silent(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(why) => write!(f, "no answer from the member: {why}"),
            Self::Busy(why) => write!(f, "the member asks to come back later: {why}"),
            Self::Unauthorized(why) => write!(f, "the member refuses our credentials: {why}"),
            Self::Forbidden(why) => write!(f, "MemberForbidden: {why}"),
            Self::KindMissing => f.write_str("APINotInstalled: the member does not serve this kind"),
            Self::NamespaceMissing(why) | Self::Terminating(why) | Self::Rejected(why) | Self::Raced(why) => {
                f.write_str(why)
            }
            Self::Foreign(why) => write!(f, "ResourceConflict: {why}"),
            Self::Paused(why) => write!(f, "Paused: {why}"),
            Self::Defect(why) => f.write_str(why),
        }
    }
}

/// The innermost source: what the operating system or the TLS layer said.
fn root_cause(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_object_backs_off_to_five_minutes_and_a_race_stays_quick() {
        assert_eq!(Failure::Rejected(String::new()).retry_after(1), Duration::from_secs(1));
        assert_eq!(Failure::Rejected(String::new()).retry_after(40), Duration::from_mins(5));
        assert_eq!(Failure::Raced(String::new()).retry_after(1), Duration::from_millis(20));
    }
}
