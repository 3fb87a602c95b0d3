//! What the map bench found out, as JSON. Unknown figures are null, never zero.

use serde::Serialize;

use super::Plan;
use super::candidates::Kind;
use super::workload::Workload;
use crate::bench::machine::Machine;
use crate::bench::statistics::median_of;

/// The figures of the map that was chosen, under the mixed load, and those of all candidates.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Calls in a second, in the closed loop.
    pub ops_per_s: Option<f64>,
    /// All but one of a hundred calls took at most this long in the closed loop, microseconds.
    pub p99_us: Option<f64>,
    /// The same in the open loop, from the moment a call was due.
    pub open_p99_us: Option<f64>,
    /// Allocations for each call.
    pub allocs_per_op: Option<f64>,
    /// Allocations for each read.
    pub allocs_per_read: Option<f64>,
    /// The longest write of all runs in the closed loop, microseconds.
    pub longest_writer_wait_us: Option<f64>,
    /// Views of the chosen map that were of no single moment, under any load.
    pub torn_snapshots: u64,
    /// The map that was chosen.
    pub chosen: &'static str,
    /// What it is held against.
    pub floor: Floor,
    /// Tasks that called at the same time.
    pub tasks: usize,
    /// Keys in each map.
    pub keys: usize,
    /// Calls due in a second in the open loop; a tenth of it where views are among them.
    pub arrivals_per_s: u32,
    /// Time of each measurement, milliseconds.
    pub time_ms: u128,
    /// Where it was measured.
    pub machine: Machine,
    /// Every candidate under every load: medians over the runs, but the longest wait and the sum of torn views.
    pub candidates: Vec<Row>,
    /// Every run, in order.
    pub runs: Vec<Vec<Row>>,
}

/// The least that the chosen map must do under the mixed load.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Floor {
    /// Calls in a second.
    pub ops_per_s: f64,
    /// Of all but one of a hundred calls, microseconds.
    pub p99_us: f64,
}

/// The floor that the project set itself.
pub const FLOOR: Floor = Floor { ops_per_s: 342_000.0, p99_us: 4_100.0 };

/// One candidate under one load.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which map.
    pub candidate: &'static str,
    /// Which load.
    pub workload: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was measured of one candidate under one load.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub ops_per_s: Option<f64>,
    /// Processor time of the closed loop for each call, the task's turn included, microseconds.
    pub cpu_us_per_op: Option<f64>,
    pub p99_us: Option<f64>,
    pub open_p50_us: Option<f64>,
    pub open_p99_us: Option<f64>,
    pub allocs_per_op: Option<f64>,
    pub allocs_per_read: Option<f64>,
    pub longest_writer_wait_us: Option<f64>,
    /// Views taken.
    pub views: u64,
    pub torn_snapshots: u64,
}

impl Report {
    pub(super) fn new(plan: &Plan, keys: usize, machine: Machine, runs: Vec<Vec<Row>>) -> Self {
        let candidates: Vec<Row> =
            Workload::ALL.iter().flat_map(|load| Kind::ALL.map(|kind| over_runs(&runs, kind, *load))).collect();
        let chosen = Kind::Chosen.name();
        let of_chosen = || candidates.iter().filter(|row| row.candidate == chosen);
        let mixed = of_chosen().find(|row| row.workload == Workload::Mixed.name()).map(|row| &row.figures);
        let figure = |read: fn(&Figures) -> Option<f64>| mixed.and_then(read);
        Self {
            ops_per_s: figure(|of| of.ops_per_s),
            p99_us: figure(|of| of.p99_us),
            open_p99_us: figure(|of| of.open_p99_us),
            allocs_per_op: figure(|of| of.allocs_per_op),
            allocs_per_read: figure(|of| of.allocs_per_read),
            longest_writer_wait_us: figure(|of| of.longest_writer_wait_us),
            torn_snapshots: of_chosen().map(|row| row.figures.torn_snapshots).sum(),
            chosen,
            floor: FLOOR,
            tasks: plan.tasks,
            keys,
            arrivals_per_s: plan.arrivals_per_s,
            time_ms: plan.time.as_millis(),
            machine,
            candidates,
            runs,
        }
    }
}

fn over_runs(runs: &[Vec<Row>], kind: Kind, workload: Workload) -> Row {
    let (candidate, workload) = (kind.name(), workload.name());
    let of_all = runs.iter().flatten().filter(|row| row.candidate == candidate && row.workload == workload);
    let figures: Vec<&Figures> = of_all.map(|row| &row.figures).collect();
    let median = |read: fn(&Figures) -> Option<f64>| median_of(&figures, |of| read(of));
    Row {
        candidate,
        workload,
        figures: Figures {
            ops_per_s: median(|of| of.ops_per_s),
            cpu_us_per_op: median(|of| of.cpu_us_per_op),
            p99_us: median(|of| of.p99_us),
            open_p50_us: median(|of| of.open_p50_us),
            open_p99_us: median(|of| of.open_p99_us),
            allocs_per_op: median(|of| of.allocs_per_op),
            allocs_per_read: median(|of| of.allocs_per_read),
            longest_writer_wait_us: figures.iter().filter_map(|of| of.longest_writer_wait_us).reduce(f64::max),
            views: figures.iter().map(|of| of.views).sum(),
            torn_snapshots: figures.iter().map(|of| of.torn_snapshots).sum(),
        },
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fleet::Progress;

    fn row(candidate: &'static str, ops_per_s: f64, longest: Option<f64>, torn_snapshots: u64) -> Row {
        let figures = Figures {
            ops_per_s: Some(ops_per_s),
            cpu_us_per_op: None,
            p99_us: Some(7.0),
            open_p50_us: None,
            open_p99_us: None,
            allocs_per_op: Some(2.5),
            allocs_per_read: Some(0.0),
            longest_writer_wait_us: longest,
            views: 3,
            torn_snapshots,
        };
        Row { candidate, workload: Workload::Mixed.name(), figures }
    }

    pub fn report() -> Report {
        let plan = Plan {
            tasks: 10,
            time: Duration::from_millis(5),
            arrivals_per_s: 100,
            counted_calls: 1,
            runs: 3,
            progress: Progress::Silent,
        };
        let ours = Kind::Chosen.name();
        let runs = vec![
            vec![row(ours, 500_000.0, Some(9.0), 0), row("papaya", 1.0, None, 2)],
            vec![row(ours, 900_000.0, Some(80.0), 0), row("papaya", 2.0, None, 0)],
            vec![row(ours, 600_000.0, None, 0), row("papaya", 3.0, None, 1)],
        ];
        Report::new(&plan, 20, Machine::observe(), runs)
    }

    #[test]
    fn rates_are_medians_waits_the_longest_and_torn_views_all_of_them() {
        let report = report();
        assert_eq!(
            (report.ops_per_s, report.longest_writer_wait_us, report.torn_snapshots),
            (Some(600_000.0), Some(80.0), 0)
        );
        let of_papaya = |row: &&Row| row.candidate == "papaya" && row.workload == "mixed";
        let papaya = &report.candidates.iter().find(of_papaya).unwrap().figures;
        assert_eq!((papaya.ops_per_s, papaya.longest_writer_wait_us, papaya.torn_snapshots), (Some(2.0), None, 3));
    }

    #[test]
    fn the_keys_are_there_and_what_is_unknown_is_null() {
        let json = serde_json::to_value(report()).unwrap();
        for key in
            ["ops_per_s", "p99_us", "allocs_per_op", "allocs_per_read", "longest_writer_wait_us", "torn_snapshots"]
        {
            assert!(json[key].is_number(), "{key} in {json}");
        }
        assert!(json.as_object().unwrap()["open_p99_us"].is_null());
        let row = &json["candidates"][0];
        assert_eq!((&row["candidate"], &row["workload"]), (&"atoll-map".into(), &"read-mostly".into()));
        assert!(row.as_object().unwrap()["ops_per_s"].is_null(), "not measured in this report: {row}");
    }
}
