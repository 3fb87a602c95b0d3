//! What the restart bench found out, as JSON and for a person.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::super::machine::Machine;
use super::super::statistics::median_of;
use super::super::table::{self, Aim, Line};
use super::Undisturbed;

/// The figures of a restart bench: medians over its runs, the writes those of the worst.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// From the start of the process until every template had been looked at again, seconds.
    pub caught_up_s: Option<f64>,
    /// Until the process said it was ready, seconds.
    pub ready_s: Option<f64>,
    /// Writes on the hub and on the members meanwhile and in the seconds after; Leases left out.
    pub writes: Option<f64>,
    /// From the start of the process until what had changed while none ran was made good, seconds.
    pub changes_made_good_s: Option<f64>,
    /// The new process, once it had caught up, MiB.
    pub operator_rss_mb: Option<f64>,
    /// Its processor time until then, seconds.
    pub operator_cpu_s: Option<f64>,
    /// Templates in place.
    pub objects: usize,
    /// Members that each is on.
    pub members: usize,
    /// Where it was measured.
    pub machine: Machine,
    /// Every run, in order.
    pub runs: Vec<Run>,
}

/// One restart where nothing had changed, and one where something had.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the report, for one run")]
pub struct Run {
    pub caught_up_s: f64,
    pub ready_s: f64,
    pub hub_writes: u64,
    pub hub_writes_by_kind: BTreeMap<String, u64>,
    pub member_writes: u64,
    pub changes_made_good_s: f64,
    pub operator_rss_mb: Option<f64>,
    pub operator_cpu_s: Option<f64>,
}

impl Run {
    pub(super) fn new(undisturbed: &Undisturbed, made_good: Duration) -> Self {
        Self {
            caught_up_s: undisturbed.caught_up.as_secs_f64(),
            ready_s: undisturbed.ready.as_secs_f64(),
            hub_writes: undisturbed.hub_writes.total(),
            hub_writes_by_kind: undisturbed.hub_writes.by_kind().clone(),
            member_writes: undisturbed.member_writes,
            changes_made_good_s: made_good.as_secs_f64(),
            operator_rss_mb: undisturbed.usage.map(|usage| usage.rss_mb),
            operator_cpu_s: undisturbed.usage.map(|usage| usage.cpu_s),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a few thousands")]
    fn writes(&self) -> f64 {
        (self.hub_writes + self.member_writes) as f64
    }
}

impl Report {
    pub(super) fn new(objects: usize, members: usize, machine: Machine, runs: Vec<Run>) -> Self {
        let median = |value: fn(&Run) -> Option<f64>| median_of(&runs, value);
        Self {
            caught_up_s: median(|run| Some(run.caught_up_s)),
            ready_s: median(|run| Some(run.ready_s)),
            writes: runs.iter().map(Run::writes).reduce(f64::max),
            changes_made_good_s: median(|run| Some(run.changes_made_good_s)),
            operator_rss_mb: median(|run| run.operator_rss_mb),
            operator_cpu_s: median(|run| run.operator_cpu_s),
            objects,
            members,
            machine,
            runs,
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (objects, members) = (self.objects, self.members);
        writeln!(f, "{objects} ConfigMaps on {members} members, {}\n", table::runs(self.runs.len()))?;
        let lines = [
            Line::new("caught up after, s", self.caught_up_s, 1, Aim::Below(5.0)),
            Line::new("writes on hub and members, worst run", self.writes, 0, Aim::AtMost(0.0)),
            Line::new("ready after, s", self.ready_s, 1, Aim::None),
            Line::new("earlier changes made good after, s", self.changes_made_good_s, 1, Aim::None),
            Line::new("memory of the operator, MiB", self.operator_rss_mb, 0, Aim::None),
            Line::new("processor time of the operator, s", self.operator_cpu_s, 1, Aim::None),
        ];
        table::show(f, &lines)?;
        for (index, run) in self.runs.iter().enumerate().filter(|(_, run)| run.writes() > 0.0) {
            writeln!(
                f,
                "  run {}: {} copies written, on the hub {:?}",
                index + 1,
                run.member_writes,
                run.hub_writes_by_kind
            )?;
        }
        table::show_machine(f, &self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_that_wrote_is_not_hidden_by_others_that_did_not() {
        let run = |caught_up_s, hub_writes| Run {
            caught_up_s,
            ready_s: 0.5,
            hub_writes,
            hub_writes_by_kind: BTreeMap::new(),
            member_writes: 0,
            changes_made_good_s: 2.0,
            operator_rss_mb: None,
            operator_cpu_s: None,
        };
        let report = Report::new(2_000, 3, Machine::observe(), vec![run(1.0, 0), run(3.0, 4), run(2.0, 0)]);
        assert_eq!((report.caught_up_s, report.writes), (Some(2.0), Some(4.0)));
        assert!(report.to_string().contains("run 2"), "{report}");
    }
}
