//! A concurrent map with whole views: one writer per key, one version across
//! all keys, changes published in batches, subscribers told which keys changed
//! (architecture section 4). It knows nothing of what it holds.
//!
//! Enters: changes, through a [`Writer`]. Leaves: [`Snapshot`]s, the keys that
//! changed ([`Subscription`]), counters ([`Stats`]). Must not: hold a lock
//! across an await, or make a reader of snapshots wait.
//!
//! The protocol is in the synchronous functions of [`Store`] and [`Writer`],
//! with the time as an argument; the one task around them only waits. What it
//! shares between threads comes from the module `sync`, in whose place
//! `tests/model.rs` compiles the same files on a model checker.

mod inbox;
mod stats;
mod store;
mod subscription;
mod sync;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

pub use self::stats::Stats;
pub use self::store::{BATCH, MAX_AGE, Snapshot, Store, Urgency};
pub use self::subscription::{Changed, Changes, Subscription};
pub use self::tables::{Tables, Versioned};
pub use self::writer::{Change, Conflict, Writer, Written};
