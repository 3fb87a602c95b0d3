//! The part of the operator's webhook that answers requests; what listens and
//! registers is left out.

pub mod admit;
pub mod hook;
mod overrides;
mod patch;
mod propagation;
mod protection;
mod refusal;
