//! Every decision Atoll takes, as pure functions.
//!
//! Enters: values, the time included (`now` is an argument). Leaves: values
//! with their reasons. Must not: reach a network, a clock or a source of
//! randomness; the crate's dependencies cannot do that either, and a test of
//! the workspace keeps it so.

#![deny(missing_docs)]

pub mod affinity;
pub mod binding;
pub mod cluster;
pub mod deletes;
pub mod explain;
pub mod failover;
pub mod first_write;
pub mod fleet;
pub mod health;
pub mod ids;
pub mod interpret;
pub mod invariants;
pub mod matching;
pub mod overrides;
pub mod ownership;
pub mod placement;
pub mod render;
pub mod schedule;
pub mod taint;
pub mod time;
pub mod trigger;
mod webster;
