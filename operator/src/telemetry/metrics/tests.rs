use std::time::Duration;

use atoll_decide::ids::ClusterName;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::labels::{BreakerLabel, PlaneLabel, ProbeLabel};
use super::scrape::LaneReading;
use super::*;
use crate::fleet::Stats;

fn sources(lanes: Vec<LaneReading>, fleet: Stats) -> Sources {
    Sources { lanes: Box::new(move || lanes.clone()), fleet: Box::new(move || fleet.clone()) }
}

fn scrape(metrics: &Metrics, sources: Sources) -> String {
    let mut registry = Registry::default();
    metrics.register(&mut registry, sources);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[test]
fn every_series_of_a_closed_label_is_there_at_zero() {
    let text = scrape(&Metrics::default(), sources(Vec::new(), Stats::default()));
    for line in [
        r#"atoll_reconcile_duration_seconds_count{outcome="failed"} 0"#,
        r#"atoll_hub_writes_total{kind="binding_create"} 0"#,
        r#"atoll_hub_write_failures_total{kind="claim"} 0"#,
        r#"atoll_member_applies_total{outcome="rejected"} 0"#,
        r#"atoll_member_deletes_total{outcome="released"} 0"#,
        r#"atoll_drift_repaired_total{kind="object_deleted"} 0"#,
        r#"atoll_verdict_transitions_total{grade="isolated_full"} 0"#,
        r#"atoll_failover_moves_total{stage="planned"} 0"#,
        r#"atoll_fleet_map_commits_total{trigger="urgent"} 0"#,
        r#"atoll_fleet_map_write_conflict_total{kind="stale_version"} 0"#,
        "atoll_fleet_map_contention_total 0",
        "atoll_fleet_map_pending 0",
    ] {
        assert!(has(&text, line), "{line} is missing in\n{text}");
    }
}

#[test]
fn what_is_counted_is_scraped() {
    let metrics = Metrics::default();
    let accepted: Result<(), ()> = metrics.hub.count(HubWriteLabel::Claim, Ok(()));
    let refused: Result<(), ()> = metrics.hub.count(HubWriteLabel::Claim, Err(()));
    assert!(accepted.is_ok() && refused.is_err(), "what came of a write is handed on");
    metrics.pipeline.observe_reconcile(OutcomeLabel::Done, Duration::from_millis(3));
    let lane = LaneReading { cluster: "m1".into(), depth: 4, coalesced: 9, breaker: BreakerLabel::Open };
    let fleet = Stats { commits_by_age: 5, conflicts_owner: 2, ..Stats::default() };
    let text = scrape(&metrics, sources(vec![lane], fleet));
    for line in [
        r#"atoll_hub_writes_total{kind="claim"} 1"#,
        r#"atoll_hub_write_failures_total{kind="claim"} 1"#,
        r#"atoll_reconcile_duration_seconds_bucket{le="0.002",outcome="done"} 0"#,
        r#"atoll_reconcile_duration_seconds_bucket{le="0.005",outcome="done"} 1"#,
        r#"atoll_lane_depth{cluster="m1"} 4"#,
        r#"atoll_lane_coalesced_total{cluster="m1"} 9"#,
        r#"atoll_lane_breaker{cluster="m1",state="open"} 1"#,
        r#"atoll_lane_breaker{cluster="m1",state="closed"} 0"#,
        r#"atoll_fleet_map_commits_total{trigger="age"} 5"#,
        r#"atoll_fleet_map_write_conflict_total{kind="second_writer"} 2"#,
    ] {
        assert!(has(&text, line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_member_brings_its_probe_series_and_takes_them_with_it() {
    let (metrics, cluster) = (Metrics::default(), ClusterName::new("m1"));
    let silent = r#"atoll_probes_total{cluster="m1",plane="data",outcome="silence"}"#;
    metrics.health.probes.join(&cluster);
    metrics.health.probes.observe(&cluster, PlaneLabel::Data, ProbeLabel::Silence);
    let text = scrape(&metrics, sources(Vec::new(), Stats::default()));
    assert!(has(&text, &format!("{silent} 1")), "{text}");
    assert!(has(&text, r#"atoll_probes_total{cluster="m1",plane="api",outcome="good"} 0"#), "{text}");

    metrics.health.probes.leave(&cluster);
    metrics.health.probes.observe(&cluster, PlaneLabel::Data, ProbeLabel::Silence);
    let text = scrape(&metrics, sources(Vec::new(), Stats::default()));
    assert!(!text.contains(silent), "a late probe must not bring them back: {text}");
}
