//! From a template to the manifest of one cluster.
//!
//! Enters: a template as the hub holds it, a target, the override policies that
//! mean it, the marks. Leaves: the manifest and its hash, or the reason why
//! there is none. Must not: look at what the member holds.

pub(crate) mod canonical;
mod destination;
mod error;
pub mod explanation;
mod manifest;
pub mod marks;
mod provenance;
mod prune;

pub use destination::Destination;
pub use error::Error;
pub use explanation::{Changed, explain};
pub use manifest::{Manifest, Render, render, render_all};
pub use provenance::{BindingMark, Provenance};
pub use prune::{PrunedTemplate, prune};

#[cfg(test)]
mod tests;
