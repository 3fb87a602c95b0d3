//! Which policy a template belongs to.
//!
//! Enters: a template (key, labels, its recorded claim) and the policies.
//! Leaves: a [`ClaimDecision`] with its reason. Must not: change a claim by
//! itself, or look at anything the policies' selectors do not name.
//!
//! The rules are those of karmada-api 2.2. [`ResourceSelector`]s are
//! shared with the override policies.

mod claim;
pub mod explanation;
mod index;
mod policy;
mod selector;

pub use claim::{ClaimDecision, ClaimReason, Lost};
pub use explanation::Explanation;
pub use index::Index;
pub use policy::{Claim, Policy, PolicyRef, Scope, Template};
pub use selector::{MatchLevel, Mismatch, Pick, ResourceSelector};

#[cfg(test)]
mod tests;
