//! What a store counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// A reading of all counters, for metrics and `/debug/vars`. The fields are
/// not read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Version of the published view.
    pub version: u64,
    /// Changes not yet published.
    pub pending: u64,
    /// Subscriptions.
    pub subscribers: u64,
    /// Writes accepted, those that changed nothing aside.
    pub writes: u64,
    /// Writes that changed nothing.
    pub unchanged: u64,
    /// Writes that replaced or took back a change not yet published.
    pub coalesced: u64,
    /// Commits because the batch was full.
    pub commits_by_count: u64,
    /// Commits because the oldest change had waited long enough.
    pub commits_by_age: u64,
    /// Commits because a change was urgent.
    pub commits_urgent: u64,
    /// Commits of what was left at the end.
    pub commits_at_shutdown: u64,
    /// A second writer asked for a key.
    pub conflicts_owner: u64,
    /// A write was made from a version that was no longer the latest.
    pub conflicts_stale: u64,
    /// Times the writers' lock was taken already.
    pub contention: u64,
    /// Times a subscriber fell so far behind that it has to look at everything.
    pub resyncs: u64,
}

/// One counter. Relaxed: nothing is ordered by it.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one.
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub struct Counts {
    pub writes: Count,
    pub unchanged: Count,
    pub coalesced: Count,
    pub commits_by_count: Count,
    pub commits_by_age: Count,
    pub commits_urgent: Count,
    pub commits_at_shutdown: Count,
    pub conflicts_owner: Count,
    pub conflicts_stale: Count,
    pub contention: Count,
    pub resyncs: Count,
}

impl Counts {
    /// Reads them all.
    pub fn read(&self, version: u64, pending: usize, subscribers: usize) -> Stats {
        Stats {
            version,
            pending: pending as u64,
            subscribers: subscribers as u64,
            writes: self.writes.get(),
            unchanged: self.unchanged.get(),
            coalesced: self.coalesced.get(),
            commits_by_count: self.commits_by_count.get(),
            commits_by_age: self.commits_by_age.get(),
            commits_urgent: self.commits_urgent.get(),
            commits_at_shutdown: self.commits_at_shutdown.get(),
            conflicts_owner: self.conflicts_owner.get(),
            conflicts_stale: self.conflicts_stale.get(),
            contention: self.contention.get(),
            resyncs: self.resyncs.get(),
        }
    }
}
