//! The map bench's report for a person.

use std::fmt::{self, Display, Formatter};

use comfy_table::{Table, presets};

use super::report::{Floor, Report, Row};
use crate::bench::table::{runs, show_machine};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        let header = [
            "LOAD",
            "MAP",
            "CALLS/S",
            "P99 us",
            "OPEN P50 us",
            "OPEN P99 us",
            "ALLOCS/CALL",
            "/READ",
            "LONGEST WRITE us",
            "TORN",
        ];
        table.load_style(presets::NOTHING).set_header(header);
        for row in &self.candidates {
            table.add_row(cells(row));
        }
        let (tasks, keys, times) = (self.tasks, self.keys, runs(self.runs.len()));
        writeln!(f, "{tasks} tasks, {keys} keys, {} ms each, {times}\n\n{table}\n", self.time_ms)?;
        let Floor { ops_per_s, p99_us } = self.floor;
        let verdict = if self.meets_floor() { "met" } else { "MISSED" };
        writeln!(
            f,
            "Floor for {} under the mixed load, {ops_per_s} calls/s at a p99 of {p99_us} us: {verdict}",
            self.chosen
        )?;
        show_machine(f, &self.machine)
    }
}

impl Report {
    /// Whether the chosen map does at least what it must.
    pub fn meets_floor(&self) -> bool {
        let [rate, closed, open] = [self.ops_per_s, self.p99_us, self.open_p99_us];
        rate.is_some_and(|rate| rate >= self.floor.ops_per_s)
            && [closed, open].iter().all(|p99| p99.is_some_and(|p99| p99 <= self.floor.p99_us))
            && self.torn_snapshots == 0
    }
}

fn cells(row: &Row) -> [String; 10] {
    let number = |figure: Option<f64>, decimals: usize| {
        figure.map_or_else(|| "unknown".to_owned(), |is| format!("{is:.decimals$}"))
    };
    let of = &row.figures;
    [
        row.workload.to_owned(),
        row.candidate.to_owned(),
        number(of.ops_per_s, 0),
        number(of.p99_us, 1),
        number(of.open_p50_us, 0),
        number(of.open_p99_us, 0),
        number(of.allocs_per_op, 2),
        number(of.allocs_per_read, 2),
        number(of.longest_writer_wait_us, 0),
        of.torn_snapshots.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;

    #[test]
    fn a_figure_that_is_missing_meets_no_floor() {
        let mut report = report();
        assert!(!report.meets_floor(), "the open loop is unknown");
        report.open_p99_us = Some(4_100.0);
        assert!(report.meets_floor());
        report.torn_snapshots = 1;
        assert!(!report.meets_floor());
    }
}
