//! Who watches a plan come about; on the ordinary path nobody does.

use super::Purpose;
use crate::failover::eviction::Eviction;
use crate::failover::release::Release;
use crate::failover::task::Task;
use crate::schedule::{self, Decision, Failure};

/// Sees a plan come about, step by step.
pub(super) trait Observer: schedule::observer::Observer {
    /// What becomes of an open task.
    fn task(&mut self, _task: &Task, _decided: &Release) {}
    /// A schedule that was asked for has its answer.
    fn answered(&mut self, _why: Purpose, _decision: &Result<Decision, Failure>) {}
    /// What becomes of a target on a tainted cluster.
    fn eviction(&mut self, _decided: &Eviction) {}
}

impl Observer for schedule::observer::Nobody {}
