//! What the process says about itself: metrics, logs, health, and a JSON view
//! of its insides.
//!
//! Enters: counters that components bump, readings taken at scrape time.
//! Leaves: `/metrics`, `/healthz`, `/readyz`, `/debug/...`, log lines, spans. Must
//! not: decide anything, or be needed by a decision.

pub mod capture;
#[cfg(test)]
pub mod caught;
pub mod debug;
pub mod decisions;
pub mod export;
pub mod fields;
pub mod logs;
pub mod metrics;
pub mod panics;
pub mod readiness;
pub mod server;
pub mod steps;
pub mod subscriber;

pub use metrics::Metrics;
pub use readiness::Readiness;
pub use steps::{Cause, Origin, Step};
pub use subscriber::Telemetry;
