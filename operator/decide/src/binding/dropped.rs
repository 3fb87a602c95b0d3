//! Copies that the binding does not name as targets: whether they may go now.

use super::{admits, open_moves};
use crate::failover::release::{self, Release};
use crate::failover::removal::{self, Allowed, Cause, Keep, Removal};
use crate::failover::task::{PurgeMode, Task};
use crate::failover::{Copy, Source};
use crate::fleet::Fleet;
use crate::ids::ClusterName;
use crate::placement::Placement;

/// A copy on a cluster that is no target.
#[derive(Clone, Copy, Debug)]
pub struct Dropped<'a> {
    /// The placement in force.
    pub placement: &'a Placement,
    /// Replicas are divided over the targets.
    pub divided: bool,
    /// Replicas the template wants; None: not a workload.
    pub replicas: Option<i32>,
    /// Every target with its copy's health now.
    pub remaining: &'a [Copy<'a>],
}

impl Dropped<'_> {
    /// A divided workload scaled to zero has no targets because its user wants
    /// no copy: there is no last good one to keep.
    fn is_scaled_to_zero(&self) -> bool {
        self.divided && self.replicas.is_some_and(|replicas| replicas <= 0) && self.remaining.is_empty()
    }
}

/// Whether the copy on `cluster` may be deleted now.
pub fn may_remove(dropped: &Dropped<'_>, cluster: &ClusterName, fleet: &Fleet) -> Removal {
    let source = fleet.source(cluster);
    if dropped.is_scaled_to_zero() {
        return match source {
            Source::Silent => Removal::Keep(Keep::SourceSilent),
            Source::NotCompared => Removal::Keep(Keep::SourceNotCompared),
            Source::Known => Removal::Delete(Allowed::GivenUp),
        };
    }
    let admitted = fleet.cluster(cluster).is_some_and(|cluster| admits(dropped.placement, cluster));
    removal::removal(removal::Scene {
        cause: if admitted { Cause::Rescheduled } else { Cause::Narrowed },
        divided: dropped.divided,
        remaining: dropped.remaining,
        source,
    })
}

/// Whether the old copy of an open task may be deleted before the task closes.
/// Only Directly removes before it creates (D13): its replacement starts when
/// the old copy is seen to be gone, and that also closes the task.
pub fn may_purge(task: &Task, dropped: &Dropped<'_>, fleet: &Fleet) -> bool {
    let subject = open_moves::Subject { placement: dropped.placement, divided: dropped.divided, fleet };
    task.purge == PurgeMode::Directly
        && subject.cause_persists(task)
        && release::release(release::Scene {
            task,
            copies: dropped.remaining,
            schedule_is_current: true,
            source: fleet.source(&task.from),
            cause_persists: true,
        }) == Release::Remove
}
