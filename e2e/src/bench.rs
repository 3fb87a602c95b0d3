//! Benches: what propagation costs, beside what the same API calls cost without anybody deciding anything.
//!
//! In: a hub and its members, by their kubeconfigs or from a stage of our own. Out: a [`Report`]. Everything goes through the
//! public API, so any hub that speaks Karmada's API can be measured; of an operator on this machine memory and
//! processor time are read besides. Nothing is left behind on a hub that was there before. The maps that could hold what an
//! operator knows are measured without any of that ([`map`]).

mod api_writes;
mod arrivals;
mod binding;
pub mod bulkhead;
mod burst;
pub mod drift;
mod machine;
pub mod map;
mod names;
mod namespace;
mod paced;
mod process;
mod propagation;
mod raw;
mod raw_watches;
mod report;
pub mod restart;
mod site;
mod stages;
mod statistics;
mod table;
mod templates;

pub use machine::Machine;
pub use process::Usage;
pub use propagation::{Measured, Plan, measure, measure_on_stages};
pub use report::{Report, Run};
pub use site::{Member, Site};
