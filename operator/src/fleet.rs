pub mod stats;
pub use stats::Stats;
