//! The local fleet of real control planes, and what is tested, shown and measured on it.
//!
//! [`fleet`] is what others use; it stands on [`net`] (namespaces and faults) and [`kubelet`] (nodes that run nothing).
//! [`stage`] puts the operator on a fleet, [`demo`] tells what it does there.
//! [`helm`] is the real Helm for the chart.
//! Nothing here knows the operator from inside: it is a process like any other.

pub mod bench;
pub mod demo;
pub mod fleet;
mod go_program;
pub mod helm;
pub mod kubelet;
pub mod net;
pub mod stage;
