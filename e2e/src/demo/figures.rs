//! What the demo measures, in seconds.

use std::time::Duration;

use comfy_table::Table;
use serde::Serialize;

/// The figures; those of chapters that were not reached are `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// The whole story went as it should.
    pub ok: bool,
    /// Hub and members, from nothing to ready.
    pub fleet_up_s: Option<f64>,
    /// From the policy's arrival to the last replica Ready on its cluster.
    pub first_placement_s: Option<f64>,
    /// From a foreign edit on a member to the value as it should be.
    pub drift_repair_s: Option<f64>,
    /// From the cut to the verdict on the hub.
    pub verdict_s: Option<f64>,
    /// From the cut to all replicas Ready elsewhere.
    pub replacement_ready_s: Option<f64>,
    /// From the mended cable to everything as it should be, the old copy gone included.
    pub reconciled_s: Option<f64>,
}

/// Seconds with three digits: a watch tells no more.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// The figures with what they mean, for a person.
pub fn table(figures: &Figures) -> Table {
    let rows = [
        ("a hub and its members, from nothing to ready", figures.fleet_up_s),
        ("policy applied → every replica Ready on its cluster", figures.first_placement_s),
        ("edit on a member → undone", figures.drift_repair_s),
        ("cable cut → verdict: fully isolated", figures.verdict_s),
        ("cable cut → every replica Ready elsewhere", figures.replacement_ready_s),
        ("cable mended → old copy gone, all as it should be", figures.reconciled_s),
    ];
    let mut table = super::narrator::table(&["WHAT", "SECONDS"]);
    for (what, value) in rows {
        table.add_row([what.to_owned(), value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_null_and_not_zero() {
        let figures = Figures { fleet_up_s: Some(seconds(Duration::from_micros(7_123_456))), ..Figures::default() };
        let json = serde_json::to_value(figures).unwrap();
        assert_eq!(json["fleet_up_s"], 7.123);
        assert_eq!(json["ok"], false);
        assert!(json["verdict_s"].is_null());
    }
}
