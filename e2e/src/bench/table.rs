//! A report for a person: each figure beside what is aimed at.

use std::fmt::{self, Display, Formatter};

use comfy_table::{Table, presets};

use super::report::Report;

/// One line of the table.
struct Line {
    what: &'static str,
    figure: Option<f64>,
    decimals: usize,
    aim: Aim,
}

/// What is aimed at.
#[derive(Clone, Copy)]
enum Aim {
    /// Nothing: it tells how others came about.
    None,
    AtLeast(f64),
    Below(f64),
    AtMost(f64),
}

impl Aim {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::None => true,
            Self::AtLeast(aim) => figure >= aim,
            Self::Below(aim) => figure < aim,
            Self::AtMost(aim) => figure <= aim,
        }
    }
}

impl Display for Aim {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::AtLeast(aim) => write!(f, ">= {aim}"),
            Self::Below(aim) => write!(f, "< {aim}"),
            Self::AtMost(aim) => write!(f, "<= {aim}"),
        }
    }
}

impl Line {
    fn new(what: &'static str, figure: Option<f64>, decimals: usize, aim: Aim) -> Self {
        Self { what, figure, decimals, aim }
    }

    fn cells(&self) -> [String; 4] {
        let (figure, verdict) = match (self.figure, self.aim) {
            (None, _) => ("unknown".to_owned(), ""),
            (Some(figure), Aim::None) => (format!("{figure:.0$}", self.decimals), ""),
            (Some(figure), aim) => {
                (format!("{figure:.0$}", self.decimals), if aim.is_met(figure) { "met" } else { "MISSED" })
            }
        };
        [self.what.to_owned(), figure, self.aim.to_string(), verdict.to_owned()]
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["MEASURE", "FIGURE", "AIM", ""]);
        for line in self.lines() {
            table.add_row(line.cells());
        }
        let (objects, members) = (self.objects, self.members);
        let runs = match self.runs.len() {
            1 => "one run".to_owned(),
            runs => format!("medians of {runs} runs"),
        };
        writeln!(f, "{objects} ConfigMaps to {members} members, {runs}\n\n{table}")?;
        if let Some(writes) = &self.hub_writes_by_kind {
            writeln!(f, "\nWrites on the hub in the last burst:")?;
            writes.iter().try_for_each(|(kind, count)| writeln!(f, "  {count:>7}  {kind}"))?;
        }
        let machine = &self.machine;
        let name = machine.processor.as_deref().unwrap_or("unknown processor");
        let load = machine.load_before.map_or_else(|| "unknown".to_owned(), |load| load.to_string());
        write!(f, "\n{} x {name}, load before: {load}", machine.processors)?;
        if !machine.optimised {
            write!(f, "; built for debugging: figures are not those of a release build")?;
        }
        Ok(())
    }
}

impl Report {
    /// Aims are those of the first bench: half of the raw cost, and what a small machine can give away.
    fn lines(&self) -> [Line; 12] {
        [
            Line::new("pairs per second, operator", self.pairs_per_s, 0, Aim::None),
            Line::new("pairs per second, raw client", self.raw_pairs_per_s, 0, Aim::None),
            Line::new("ratio of both", self.ratio, 2, Aim::AtLeast(0.5)),
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

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn a_missed_aim_and_an_unknown_figure_are_told_apart() {
        let verdicts: Vec<[String; 4]> = report().lines().iter().map(Line::cells).collect();
        let row = |what: &str| verdicts.iter().find(|cells| cells[0].starts_with(what)).unwrap()[1..].join("|");
        assert_eq!(row("ratio"), "0.60|>= 0.5|met");
        assert_eq!(row("template to member at 5/s, p99"), "160|< 150|MISSED");
        assert_eq!(row("writes on the hub"), "unknown|<= 3|");
    }

    #[test]
    fn an_aim_holds_at_its_edge_as_it_is_written() {
        assert!(Aim::AtLeast(0.5).is_met(0.5) && Aim::AtMost(3.0).is_met(3.0));
        assert!(!Aim::Below(60.0).is_met(60.0));
    }
}
