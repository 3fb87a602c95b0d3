//! What the bulkhead bench found out, as JSON and for a person.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::super::machine::Machine;
use super::super::statistics::{median_of, percentile};
use super::super::table::{self, Aim, Line};

/// The figures of a bulkhead bench: medians over its pairs of runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Median latency to the healthy members with the fault over the same without.
    pub latency_ratio: Option<f64>,
    /// The same for all but one of a hundred copies.
    pub latency_p99_ratio: Option<f64>,
    /// Pairs a second to the healthy members with the fault over the same without.
    pub rate_ratio: Option<f64>,
    /// Templates of a burst.
    pub objects: usize,
    /// Where it was measured.
    pub machine: Machine,
    /// Every pair of runs, in order.
    pub pairs: Vec<Pair>,
}

/// Two runs, one after the other.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the ratios are those of the report, for one pair")]
pub struct Pair {
    pub latency_ratio: f64,
    pub latency_p99_ratio: f64,
    pub rate_ratio: f64,
    /// All members answer.
    pub without: Leg,
    /// The third is black-holed.
    pub with: Leg,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Leg {
    /// Pairs of object and healthy member brought in place in a second, in a burst.
    pub pairs_per_s: f64,
    /// From the hub's answer to a create to the copy seen on a healthy member, at five creates a second, milliseconds.
    pub p50_ms: f64,
    /// The same for all but one of a hundred.
    pub p99_ms: f64,
}

impl Leg {
    pub(super) fn new(pairs: usize, took: Duration, latencies: &[f64]) -> Result<Self> {
        let at = |percent| percentile(latencies, percent).context("no latency was measured");
        #[expect(clippy::cast_precision_loss, reason = "a count of a few thousand pairs")]
        let pairs_per_s = pairs as f64 / took.as_secs_f64();
        Ok(Self { pairs_per_s, p50_ms: at(50.0)?, p99_ms: at(99.0)? })
    }
}

impl Pair {
    pub(super) fn new(without: Leg, with: Leg) -> Self {
        Self {
            latency_ratio: with.p50_ms / without.p50_ms,
            latency_p99_ratio: with.p99_ms / without.p99_ms,
            rate_ratio: with.pairs_per_s / without.pairs_per_s,
            without,
            with,
        }
    }
}

impl Report {
    pub(super) fn new(objects: usize, machine: Machine, pairs: Vec<Pair>) -> Self {
        Self {
            latency_ratio: median_of(&pairs, |pair| Some(pair.latency_ratio)),
            latency_p99_ratio: median_of(&pairs, |pair| Some(pair.latency_p99_ratio)),
            rate_ratio: median_of(&pairs, |pair| Some(pair.rate_ratio)),
            objects,
            machine,
            pairs,
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (objects, pairs) = (self.objects, self.pairs.len());
        writeln!(f, "{objects} ConfigMaps to two members, the third black-holed; medians of {pairs} pairs of runs\n")?;
        let lines = [
            Line::new("latency, with the fault over without", self.latency_ratio, 3, Aim::AtMost(1.05)),
            Line::new("the same at p99", self.latency_p99_ratio, 3, Aim::None),
            Line::new("rate, with the fault over without", self.rate_ratio, 3, Aim::AtLeast(0.95)),
        ];
        table::show(f, &lines)?;
        for Pair { without, with, .. } in &self.pairs {
            let leg = |leg: &Leg| {
                format!("{:.0} pairs/s, p50 {:.1} ms, p99 {:.0} ms", leg.pairs_per_s, leg.p50_ms, leg.p99_ms)
            };
            writeln!(f, "  without: {}; with: {}", leg(without), leg(with))?;
        }
        table::show_machine(f, &self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_paired_runs_and_more_is_slower_for_latency_alone() {
        let leg = |took, latency| Leg::new(1_000, Duration::from_secs(took), &[latency]).unwrap();
        let pairs = vec![
            Pair::new(leg(2, 10.0), leg(4, 11.0)),
            Pair::new(leg(4, 20.0), leg(4, 20.0)),
            Pair::new(leg(2, 10.0), leg(2, 30.0)),
        ];
        let report = Report::new(500, Machine::observe(), pairs);
        assert_eq!((report.rate_ratio, report.latency_ratio), (Some(1.0), Some(1.1)));
        assert!(Leg::new(1, Duration::from_secs(1), &[]).is_err());
    }
}
