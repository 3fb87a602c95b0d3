//! From API types to decision values: the one place where raw specs are read.
//!
//! Enters: objects as the API server holds them. Leaves: checked values, or an
//! [`Invalid`] that names the field, its value and what would be right. The
//! admission webhook and the watches use the same functions, so that what the
//! webhook let through while it was away is refused here in the same words.

pub mod affinity;
pub mod cluster;
pub mod overrides;
pub mod placement;
pub mod policy;

use std::fmt;

/// One thing that is wrong in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Path of the field, such as `spec.placement.spreadConstraints[0].minGroups`.
    pub field: String,
    /// What is wrong and what would be right, the value included.
    pub problem: String,
}

impl Invalid {
    /// A problem at a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// Everything that is wrong, collected while a spec is read, so that a user
/// sees all of it at once.
#[derive(Default)]
pub struct Problems {
    found: Vec<Invalid>,
}

impl Problems {
    /// Notes one problem.
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.found.push(Invalid::new(field, problem));
    }

    /// `value` when nothing was wrong.
    pub fn or<T>(self, value: T) -> Result<T, Vec<Invalid>> {
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }
}

/// All problems in one sentence.
pub fn sentence(problems: &[Invalid]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
