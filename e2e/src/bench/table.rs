//! Figures for a person: each beside what is aimed at.

use std::fmt::{self, Display, Formatter};

use comfy_table::{Table, presets};

use super::machine::Machine;

/// One line of the table.
pub struct Line {
    what: &'static str,
    figure: Option<f64>,
    decimals: usize,
    aim: Aim,
}

/// What is aimed at.
#[derive(Clone, Copy)]
pub enum Aim {
    /// Nothing: it tells how others came about.
    None,
    /// This or more.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
    /// This or less.
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
    /// `figure` with so many decimals; none when it is unknown.
    pub fn new(what: &'static str, figure: Option<f64>, decimals: usize, aim: Aim) -> Self {
        Self { what, figure, decimals, aim }
    }

    pub(super) fn cells(&self) -> [String; 4] {
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

/// Writes the lines as a table.
pub fn show(f: &mut Formatter<'_>, lines: &[Line]) -> fmt::Result {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["MEASURE", "FIGURE", "AIM", ""]);
    for line in lines {
        table.add_row(line.cells());
    }
    writeln!(f, "{table}")
}

/// Writes where the figures were taken.
pub fn show_machine(f: &mut Formatter<'_>, machine: &Machine) -> fmt::Result {
    let name = machine.processor.as_deref().unwrap_or("unknown processor");
    let load = machine.load_before.map_or_else(|| "unknown".to_owned(), |load| load.to_string());
    write!(f, "\n{} x {name}, load before: {load}", machine.processors)?;
    if !machine.optimised {
        write!(f, "; built for debugging: figures are not those of a release build")?;
    }
    Ok(())
}

/// How many runs the figures come from.
pub fn runs(count: usize) -> String {
    if count == 1 { "one run".to_owned() } else { format!("medians of {count} runs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_and_an_unknown_figure_are_told_apart() {
        let row = |figure, decimals, aim| Line::new("what", figure, decimals, aim).cells()[1..].join("|");
        assert_eq!(row(Some(0.6), 2, Aim::AtLeast(0.5)), "0.60|>= 0.5|met");
        assert_eq!(row(Some(160.0), 0, Aim::Below(150.0)), "160|< 150|MISSED");
        assert_eq!(row(None, 2, Aim::AtMost(3.0)), "unknown|<= 3|");
    }

    #[test]
    fn an_aim_holds_at_its_edge_as_it_is_written() {
        assert!(Aim::AtLeast(0.5).is_met(0.5) && Aim::AtMost(3.0).is_met(3.0));
        assert!(!Aim::Below(60.0).is_met(60.0));
    }
}
