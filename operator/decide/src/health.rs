//! Is a member cluster there? Evidence becomes a verdict, a verdict becomes marks.
//!
//! Enters: observations of probes and of real use, reports of witnesses, what
//! was stored on the Cluster. Leaves: a [`verdict::Verdict`] per cluster, the
//! [`brake::Brake`] over all of them, the [`marks`] a Cluster should carry and
//! what [`traffic`] should do. Must not: move anything; moving is `failover`'s.
//!
//! The rules are those of architecture section 6: only silence counts against
//! a plane, any answer clears it, what never answered is unknown and never
//! dark, and costly acts need silence that this process has seen itself.

pub mod brake;
pub mod detector;
pub mod marks;
pub mod observation;
pub mod plane;
pub mod silence;
pub mod timing;
pub mod traffic;
pub mod verdict;
pub mod witness;

pub use brake::Brake;
pub use detector::{Detector, Stored};
pub use observation::{Level, Observation, Origin, Outcome, TargetId};
pub use timing::Timing;
pub use verdict::Verdict;
