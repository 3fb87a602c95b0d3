//! What the drift bench found out, as JSON and for a person.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::super::machine::Machine;
use super::super::statistics::percentile;
use super::super::table::{self, Aim, Line};
use super::deviation::Deviation;
use super::sightings::Outcome;

/// So many that were not undone are shown to a person; the JSON has all.
const SHOWN: usize = 10;

/// The figures of a drift bench.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Share of the deviations that were undone, 0 to 1.
    pub drift_repaired_ratio: Option<f64>,
    /// From the member's answer to the deviation to the copy seen as on the hub again, milliseconds.
    pub drift_p50_ms: Option<f64>,
    /// The same for all but one of a hundred.
    pub drift_p99_ms: Option<f64>,
    /// The longest.
    pub drift_max_ms: Option<f64>,
    /// How many were made.
    pub deviations: usize,
    /// How many a second.
    pub rate_per_s: u32,
    /// Members they were made on.
    pub members: usize,
    /// The same by kind of deviation.
    pub by_kind: Vec<OfKind>,
    /// Every one that was not undone.
    pub not_repaired: Vec<Unrepaired>,
    /// Where it was measured.
    pub machine: Machine,
}

/// The deviations of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct OfKind {
    /// The kind.
    pub deviation: Deviation,
    /// How many were made.
    pub made: usize,
    /// How many were undone.
    pub repaired: usize,
    /// Milliseconds.
    pub p50_ms: Option<f64>,
    /// Milliseconds.
    pub p99_ms: Option<f64>,
}

/// A deviation that was not undone.
#[derive(Clone, Debug, Serialize)]
pub struct Unrepaired {
    /// Where.
    pub cluster: String,
    /// Which copy.
    pub object: String,
    /// What was done to it.
    pub deviation: Deviation,
    /// What was there in the end.
    pub reason: String,
}

impl Report {
    pub(super) fn new(rate: u32, members: usize, machine: Machine, outcomes: &[Outcome]) -> Self {
        let times = times_of(outcomes);
        let not_repaired = outcomes.iter().filter_map(Unrepaired::of).collect();
        Self {
            drift_repaired_ratio: ratio(times.len(), outcomes.len()),
            drift_p50_ms: percentile(&times, 50.0),
            drift_p99_ms: percentile(&times, 99.0),
            drift_max_ms: percentile(&times, 100.0),
            deviations: outcomes.len(),
            rate_per_s: rate,
            members,
            by_kind: Deviation::ALL.iter().map(|kind| OfKind::of(*kind, outcomes)).collect(),
            not_repaired,
            machine,
        }
    }
}

impl OfKind {
    fn of(deviation: Deviation, outcomes: &[Outcome]) -> Self {
        let of_kind: Vec<Outcome> =
            outcomes.iter().filter(|outcome| outcome.injected.deviation == deviation).cloned().collect();
        let times = times_of(&of_kind);
        let (p50_ms, p99_ms) = (percentile(&times, 50.0), percentile(&times, 99.0));
        Self { deviation, made: of_kind.len(), repaired: times.len(), p50_ms, p99_ms }
    }
}

impl Unrepaired {
    fn of(outcome: &Outcome) -> Option<Self> {
        let reason = outcome.repaired.as_ref().err()?.clone();
        let injected = &outcome.injected;
        let (cluster, object) = (injected.cluster.clone(), injected.name.clone());
        Some(Self { cluster, object, deviation: injected.deviation, reason })
    }
}

fn times_of(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().filter_map(|outcome| Some(outcome.repaired.as_ref().ok()?.as_secs_f64() * 1000.0)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few thousands")]
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (deviations, members, rate) = (self.deviations, self.members, self.rate_per_s);
        writeln!(f, "{deviations} deviations on {members} members, {rate} a second\n")?;
        let lines = [
            Line::new("share that was undone", self.drift_repaired_ratio, 4, Aim::AtLeast(0.996)),
            Line::new("undone after, p50 ms", self.drift_p50_ms, 0, Aim::None),
            Line::new("undone after, p99 ms", self.drift_p99_ms, 0, Aim::Below(1000.0)),
            Line::new("undone after, longest ms", self.drift_max_ms, 0, Aim::None),
        ];
        table::show(f, &lines)?;
        writeln!(f)?;
        for OfKind { deviation, made, repaired, p50_ms, p99_ms } in &self.by_kind {
            let ms = |figure: &Option<f64>| figure.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms:.0}"));
            let (p50, p99) = (ms(p50_ms), ms(p99_ms));
            writeln!(f, "  {deviation:?}: {repaired} of {made} undone, p50 {p50} ms, p99 {p99} ms")?;
        }
        for Unrepaired { cluster, object, deviation, reason } in self.not_repaired.iter().take(SHOWN) {
            writeln!(f, "  not undone: {deviation:?} of {object} on {cluster}: {reason}")?;
        }
        if let Some(more) = self.not_repaired.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(f, "  and {more} more")?;
        }
        table::show_machine(f, &self.machine)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::deviation::tests::injected;
    use super::*;

    #[test]
    fn what_was_not_undone_counts_against_the_ratio_and_is_listed_with_its_reason() {
        let outcome = |deviation, repaired| Outcome { injected: injected(deviation), repaired };
        let outcomes = vec![
            outcome(Deviation::FieldEdited, Ok(Duration::from_millis(20))),
            outcome(Deviation::ObjectDeleted, Ok(Duration::from_millis(60))),
            outcome(Deviation::FieldEdited, Ok(Duration::from_millis(40))),
            outcome(Deviation::LabelStripped, Err("the operator's label is missing".into())),
        ];
        let report = Report::new(50, 3, Machine::observe(), &outcomes);
        assert_eq!(report.drift_repaired_ratio, Some(0.75));
        assert_eq!((report.drift_p50_ms, report.drift_max_ms), (Some(40.0), Some(60.0)));
        assert_eq!((report.by_kind[0].made, report.by_kind[0].repaired), (2, 2));
        assert_eq!((report.by_kind[3].made, report.by_kind[3].p50_ms), (0, None));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["not_repaired"][0]["deviation"], "labelStripped");
        assert_eq!(json["not_repaired"][0]["reason"], "the operator's label is missing");
    }
}
