//! What a bench found out, as JSON.
//!
//! In: the measurements of each run. Out: their medians under fixed keys, with every run beside them. Unknown
//! figures are null, never zero.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::burst::Burst;
use super::machine::Machine;
use super::statistics::{median_of, percentile};
use super::table::{self, Aim, Line};

/// The figures of a bench: medians over its runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Pairs of object and member that the operator brought in place in a second, in a burst.
    pub pairs_per_s: Option<f64>,
    /// The same for the plain client.
    pub raw_pairs_per_s: Option<f64>,
    /// The first over the second, run by run.
    pub ratio: Option<f64>,
    /// From the first create to the last copy seen, seconds.
    pub burst_s: Option<f64>,
    /// From the hub's answer to a create to the copy seen on a member, milliseconds, at a few creates a second.
    pub paced_p50_ms: Option<f64>,
    /// The same for all but one of a hundred pairs.
    pub paced_p99_ms: Option<f64>,
    /// Writes on the hub for each object of a burst; the load itself, leases, events and the policy's own status left
    /// out.
    pub hub_writes_per_object: Option<f64>,
    /// Writes of the policy's own status, a second, while those were counted.
    pub policy_statuses_per_s: Option<f64>,
    /// The operator's memory after a burst, with all objects in place, MiB.
    pub operator_rss_mb: Option<f64>,
    /// The operator's processor time for a burst, its statuses included, seconds.
    pub operator_cpu_s: Option<f64>,
    /// The most memory that the operator held, MiB.
    pub operator_peak_rss_mb: Option<f64>,
    /// The writes of the last burst by what they wrote, events included.
    pub hub_writes_by_kind: Option<BTreeMap<String, u64>>,
    /// Templates of a burst.
    pub objects: usize,
    /// Members that each went to.
    pub members: usize,
    /// Where it was measured.
    pub machine: Machine,
    /// Every run, in order.
    pub runs: Vec<Run>,
}

impl Report {
    pub(super) fn new(objects: usize, members: usize, machine: Machine, runs: Vec<Run>) -> Self {
        let median = |value: fn(&Run) -> Option<f64>| median_of(&runs, value);
        Self {
            pairs_per_s: median(|run| Some(run.pairs_per_s)),
            raw_pairs_per_s: median(|run| Some(run.raw_pairs_per_s)),
            ratio: median(|run| Some(run.ratio)),
            burst_s: median(|run| Some(run.burst_s)),
            paced_p50_ms: median(|run| run.paced_p50_ms),
            paced_p99_ms: median(|run| run.paced_p99_ms),
            hub_writes_per_object: median(|run| run.hub_writes_per_object),
            policy_statuses_per_s: median(|run| run.policy_statuses_per_s),
            operator_rss_mb: median(|run| run.operator_rss_mb),
            operator_cpu_s: median(|run| run.operator_cpu_s),
            operator_peak_rss_mb: median(|run| run.operator_peak_rss_mb),
            hub_writes_by_kind: runs.last().and_then(|run| run.hub_writes_by_kind.clone()),
            objects,
            members,
            machine,
            runs,
        }
    }
}

impl Report {
    /// Aims: close to the raw cost, and what a small machine can give away.
    fn lines(&self) -> [Line; 12] {
        [
            Line::new("pairs per second, operator", self.pairs_per_s, 0, Aim::None),
            Line::new("pairs per second, raw client", self.raw_pairs_per_s, 0, Aim::None),
            Line::new("ratio of both", self.ratio, 2, Aim::AtLeast(0.8)),
            Line::new("burst, s", self.burst_s, 1, Aim::None),
            Line::new("template to member at 5/s, p50 ms", self.paced_p50_ms, 0, Aim::None),
            Line::new("template to member at 5/s, p99 ms", self.paced_p99_ms, 0, Aim::Below(150.0)),
            Line::new("writes on the hub per object", self.hub_writes_per_object, 2, Aim::AtMost(3.0)),
            Line::new("the policy's own status, writes a second", self.policy_statuses_per_s, 2, Aim::AtMost(1.0)),
            Line::new("memory of the operator, MiB", self.operator_rss_mb, 0, Aim::Below(60.0)),
            Line::new("most memory at any time, MiB", self.operator_peak_rss_mb, 0, Aim::None),
            Line::new("processor time of the operator, s", self.operator_cpu_s, 1, Aim::None),
            Line::new("share of one processor", self.share_of_a_processor(), 2, Aim::None),
        ]
    }

    fn share_of_a_processor(&self) -> Option<f64> {
        Some(self.operator_cpu_s? / self.burst_s?)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (objects, members) = (self.objects, self.members);
        writeln!(f, "{objects} ConfigMaps to {members} members, {}\n", table::runs(self.runs.len()))?;
        table::show(f, &self.lines())?;
        if let Some(writes) = &self.hub_writes_by_kind {
            writeln!(f, "\nWrites on the hub in the last burst:")?;
            writes.iter().try_for_each(|(kind, count)| writeln!(f, "  {count:>7}  {kind}"))?;
        }
        table::show_machine(f, &self.machine)
    }
}

/// One run: the plain client, then the operator.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the report, for one run")]
pub struct Run {
    pub pairs_per_s: f64,
    pub raw_pairs_per_s: f64,
    pub ratio: f64,
    pub burst_s: f64,
    /// Until the hub had answered the last create of the burst.
    pub creates_s: f64,
    pub raw_burst_s: f64,
    pub paced_p50_ms: Option<f64>,
    pub paced_p99_ms: Option<f64>,
    pub paced_pairs: usize,
    pub hub_writes_per_object: Option<f64>,
    pub policy_statuses_per_s: Option<f64>,
    pub hub_writes_by_kind: Option<BTreeMap<String, u64>>,
    pub hub_events: Option<u64>,
    pub operator_rss_mb: Option<f64>,
    pub operator_peak_rss_mb: Option<f64>,
    pub operator_cpu_s: Option<f64>,
}

impl Run {
    pub(super) fn new((objects, members): (usize, usize), raw: Duration, burst: &Burst, paced: &[f64]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a count of a few thousand pairs")]
        let pairs = (objects * members) as f64;
        let (burst_s, raw_burst_s) = (burst.took.as_secs_f64(), raw.as_secs_f64());
        Self {
            pairs_per_s: pairs / burst_s,
            raw_pairs_per_s: pairs / raw_burst_s,
            ratio: raw_burst_s / burst_s,
            burst_s,
            creates_s: burst.creates.as_secs_f64(),
            raw_burst_s,
            paced_p50_ms: percentile(paced, 50.0),
            paced_p99_ms: percentile(paced, 99.0),
            paced_pairs: paced.len(),
            hub_writes_per_object: burst.writes_per_object(objects),
            policy_statuses_per_s: burst.policy_statuses_per_s(),
            hub_writes_by_kind: burst.writes_by_kind(),
            hub_events: burst.writes.as_ref().map(super::api_writes::Writes::events),
            operator_rss_mb: burst.usage.map(|usage| usage.rss_mb),
            operator_peak_rss_mb: burst.usage.map(|usage| usage.peak_rss_mb),
            operator_cpu_s: burst.usage.map(|usage| usage.cpu_s),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::process::Usage;
    use super::*;

    pub fn run(raw: u64, took: u64, paced: &[f64]) -> Run {
        let usage = Usage { rss_mb: 41.0, peak_rss_mb: 55.0, cpu_s: 4.0 };
        let burst = Burst {
            took: Duration::from_secs(took),
            creates: Duration::from_secs(1),
            writes: None,
            counted: Duration::from_secs(took),
            usage: Some(usage),
        };
        Run::new((2_000, 3), Duration::from_secs(raw), &burst, paced)
    }

    pub fn report() -> Report {
        let runs = vec![run(5, 8, &[]), run(5, 100, &[]), run(6, 10, &[20.0, 40.0, 160.0])];
        Report::new(2_000, 3, Machine::observe(), runs)
    }

    #[test]
    fn figures_are_medians_and_the_ratio_is_that_of_paired_runs() {
        let report = report();
        assert_eq!(report.pairs_per_s, Some(600.0));
        assert_eq!(report.raw_pairs_per_s, Some(1_200.0));
        assert_eq!(report.ratio, Some(0.6));
    }

    #[test]
    fn latencies_come_from_the_runs_that_have_them() {
        assert_eq!(report().paced_p50_ms, Some(40.0));
        assert_eq!(report().paced_p99_ms, Some(160.0));
    }

    #[test]
    fn the_keys_are_there_and_what_is_unknown_is_null() {
        let json = serde_json::to_value(report()).unwrap();
        for key in ["pairs_per_s", "raw_pairs_per_s", "ratio", "burst_s", "paced_p50_ms", "paced_p99_ms"] {
            assert!(json[key].is_number(), "{key}");
        }
        assert!(json["operator_rss_mb"].is_number() && json["operator_cpu_s"].is_number());
        assert!(json.as_object().unwrap()["hub_writes_per_object"].is_null());
    }
}
