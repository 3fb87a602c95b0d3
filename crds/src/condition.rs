//! The conditions of every kind, as values.
//!
//! One enum per condition type, each with a total conversion to status and
//! reason; nobody writes such strings by hand. Karmada's types and reasons are
//! those of karmada-api 3.5, the others are Atoll's.

pub mod binding;
pub mod cluster;
pub mod policy;
pub mod relaxed;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

impl Status {
    /// As written in a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The values one condition type can take.
pub trait ConditionValue: Copy {
    /// The `type` of the condition.
    const TYPE: &'static str;

    /// Its `status`.
    fn status(self) -> Status;

    /// Its `reason`.
    fn reason(self) -> &'static str;

    /// The condition as written, observed at `now`. `generation` is that of the
    /// object the value speaks of, where it speaks of one.
    fn condition(self, message: impl Into<String>, generation: Option<i64>, now: Time) -> Condition {
        Condition {
            type_: Self::TYPE.to_owned(),
            status: self.status().as_str().to_owned(),
            reason: self.reason().to_owned(),
            message: message.into(),
            observed_generation: generation,
            last_transition_time: now,
        }
    }
}

/// Puts `new` in its place in `conditions`; true when anything changed.
///
/// The time of the last transition moves with the status alone: a new reason or
/// message under the same status keeps it.
pub fn set_condition(conditions: &mut Vec<Condition>, mut new: Condition) -> bool {
    let Some(old) = conditions.iter_mut().find(|old| old.type_ == new.type_) else {
        conditions.push(new);
        return true;
    };
    if old.status == new.status {
        new.last_transition_time = old.last_transition_time.clone();
    }
    if *old == new {
        return false;
    }
    *old = new;
    true
}

/// The condition of a type, when it is there.
pub fn find_condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of a type is there and holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find_condition(conditions, type_).is_some_and(|condition| condition.status == Status::True.as_str())
}

#[cfg(test)]
mod tests;
