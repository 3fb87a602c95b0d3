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
            "CPU us",
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
        writeln!(f, "Floor for {} under the mixed load:", self.chosen)?;
        for (what, is_met) in self.against_floor() {
            writeln!(f, "  {what}: {}", if is_met { "met" } else { "MISSED" })?;
        }
        show_machine(f, &self.machine)
    }
}

impl Report {
    /// What the chosen map must do, and whether it does.
    fn against_floor(&self) -> [(String, bool); 4] {
        let Floor { ops_per_s, p99_us } = self.floor;
        let is_quick = |p99: Option<f64>| p99.is_some_and(|p99| p99 <= p99_us);
        [
            (format!("{ops_per_s} calls/s"), self.ops_per_s.is_some_and(|rate| rate >= ops_per_s)),
            (format!("p99 of {p99_us} us"), is_quick(self.p99_us)),
            (format!("the same with {} calls due a second", self.arrivals_per_s), is_quick(self.open_p99_us)),
            ("no torn view".to_owned(), self.torn_snapshots == 0),
        ]
    }
}

fn cells(row: &Row) -> [String; 11] {
    let number = |figure: Option<f64>, decimals: usize| {
        figure.map_or_else(|| "unknown".to_owned(), |is| format!("{is:.decimals$}"))
    };
    let of = &row.figures;
    [
        row.workload.to_owned(),
        row.candidate.to_owned(),
        number(of.ops_per_s, 0),
        number(of.cpu_us_per_op, 2),
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
    use super::*;

    #[test]
    fn a_figure_that_is_missing_meets_no_floor() {
        let mut report = report();
        let met = |report: &Report| report.against_floor().map(|(_, is_met)| is_met);
        assert_eq!(met(&report), [true, true, false, true], "the open loop is unknown");
        report.open_p99_us = Some(4_100.0);
        report.ops_per_s = Some(341_999.0);
        report.torn_snapshots = 1;
        assert_eq!(met(&report), [false, true, true, false]);
    }
}
