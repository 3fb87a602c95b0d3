//! Admission: what CEL in the CRDs cannot say, said before an object is stored.
//!
//! Enters: `AdmissionReview`s of the hub's API server. Leaves: defaults as JSON
//! patches, refusals that name every wrong field, and the configurations that
//! tell the API server where to ask. Must not: be needed. Whatever passes while
//! nobody answers here is judged again, in the same words, when it is read
//! (`validate`); the protection against deletion is the one exception, and it
//! concerns only objects that carry its label.

pub mod admit;
pub mod configuration;
pub mod hook;
pub mod identity;
mod overrides;
mod patch;
mod propagation;
mod protection;
mod refusal;
pub mod register;
pub mod server;

pub use configuration::{Reach, configurations};
pub use identity::Identity;
pub use register::apply_configurations;
pub use server::Server;

#[cfg(test)]
mod tests;
