//! What the process says about itself: metrics, logs, health, and a JSON view
//! of its insides.
//!
//! Enters: counters that components bump, readings taken at scrape time.
//! Leaves: `/metrics`, `/healthz`, `/readyz`, `/debug/vars`, log lines. Must
//! not: decide anything, or be needed by a decision.

#[cfg(test)]
mod capture;
pub mod debug;
pub mod logs;
pub mod metrics;
pub mod panics;
pub mod readiness;
pub mod server;

pub use metrics::Metrics;
pub use readiness::Readiness;
