//! Why an override cannot be applied.

use std::fmt;

/// One failed change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{overrider} at {path}: {problem}")]
pub struct Error {
    /// The overrider, as the policy spells it.
    pub overrider: &'static str,
    /// JSON pointer of the field.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Error {
    pub(super) fn new(overrider: &'static str, path: impl fmt::Display, problem: Problem) -> Self {
        Self { overrider, path: path.to_string(), problem }
    }
}

/// What kept a change from being made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing is at the path.
    #[error("there is no such field")]
    NotThere,
    /// Something else than a text is there.
    #[error("the field is not a text")]
    NotText,
    /// Something else than a map is there.
    #[error("the field is not a map")]
    NotMap,
    /// The result has no repository, or is no image reference at all.
    #[error("{0:?} is not an image reference")]
    NotImage(String),
    /// The text of the field cannot be read.
    #[error("the text is not valid {format}: {cause}")]
    Unreadable {
        /// JSON or YAML.
        format: &'static str,
        /// What the parser says.
        cause: String,
    },
    /// The changed content cannot be written so that it reads the same again.
    #[error("the changed content cannot be written as {0}; change it with a plaintext overrider")]
    Unwritable(&'static str),
    /// A patch operation does not fit the object.
    #[error("the operation does not apply: {0}")]
    Patch(String),
}
