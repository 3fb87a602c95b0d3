use std::time::Duration;

use atoll_decide::cluster::Grade;
use atoll_decide::ids::ClusterName;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::labels::{PlaneLabel, ProbeLabel, QueueLabel};
use super::scrape::{MemberReading, ProcessReading};
use super::*;
use crate::fleet::Stats;
use crate::members::lane::Reading;
use crate::queue;

pub fn sources(members: Vec<MemberReading>, fleet: Stats) -> Sources {
    let queues = || QueueLabel::ALL.iter().map(|queue| (*queue, queue::Reading::default())).collect();
    Sources {
        members: Box::new(move || members.clone()),
        fleet: Box::new(move || fleet.clone()),
        queues: Box::new(queues),
        process: Box::new(ProcessReading::default),
    }
}

pub fn member() -> MemberReading {
    MemberReading {
        cluster: "m1".into(),
        lane: Reading { depth: 4, coalesced: 9, in_flight: 2, limit: 8, open: true },
        grade: Grade::IsolatedFull,
        copies: 7,
        orphans: 3,
        deletes_paused: true,
    }
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
        r#"atoll_step_duration_seconds_count{step="schedule"} 0"#,
        r#"atoll_looks_total{cause="copy_lost"} 0"#,
        r#"atoll_telling_dropped_total{kind="event"} 0"#,
        r#"atoll_trace_spans_total{outcome="dropped"} 0"#,
        r#"atoll_watch_interruptions_total{of="copy"} 0"#,
        r#"atoll_queue_depth{queue="reconcile",line="catch_up"} 0"#,
        r#"atoll_queue_age_seconds{queue="status"} 0.0"#,
        "atoll_leader 0",
        "atoll_failover_braked 0",
        "atoll_runtime_tasks 0",
        concat!("atoll_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(has(&text, line), "{line} is missing in\n{text}");
    }
    for task in TaskKind::ALL {
        let line = format!("atoll_task_panics_total{{task=\"{task}\"}} 0");
        assert!(has(&text, &line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_member_brings_the_series_of_its_orders_and_takes_them_with_it() {
    let (metrics, cluster) = (Metrics::default(), ClusterName::new("m1"));
    metrics.join(&cluster);
    let text = scrape(&metrics, sources(Vec::new(), Stats::default()));
    assert!(has(&text, r#"atoll_member_order_duration_seconds_count{cluster="m1"} 0"#), "{text}");
    metrics.leave(&cluster);
    metrics.members.latency.observe(&cluster, Duration::from_millis(3));
    let text = scrape(&metrics, sources(Vec::new(), Stats::default()));
    assert!(!text.contains("m1"), "a late order must not bring them back: {text}");
}

/// The page, from what a scraper is told.
fn page() -> String {
    let (metrics, cluster) = (Metrics::default(), ClusterName::new("m1"));
    metrics.join(&cluster);
    let text = scrape(&metrics, sources(vec![member()], Stats::default()));
    let mut page = String::from(
        "# Metrics\n\nWhat `/metrics` serves (`--listen`). Every series is there at zero from the start; those with the label `cluster`\n\
         come and go with the Cluster. Made from the registry: run the tests of the operator with `ATOLL_WRITE_DOCS=1` to write this\n\
         page anew.\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    let mut rows = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = line.split_once(' ').unwrap();
        let type_ = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        let served = if type_ == "counter" { format!("{name}_total") } else { name.to_owned() };
        let series: Vec<&str> = text.lines().filter(|line| line.starts_with(name) && line.contains('{')).collect();
        rows.push(format!("| `{served}` | {type_} | {} | {} |", labels(name, &series), help.trim_end_matches('.')));
    }
    rows.sort();
    page.push_str(&rows.join("\n"));
    page.push('\n');
    page
}

/// Each label with the values it has; a name that is free stands as `NAME`.
fn labels(metric: &str, series: &[&str]) -> String {
    let mut values: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in series {
        let (name, rest) = line.split_once('{').unwrap();
        let suffix = name.strip_prefix(metric).unwrap_or("?");
        if !["", "_total", "_count"].contains(&suffix) {
            continue;
        }
        for pair in rest.split_once('}').unwrap().0.split(',') {
            let (label, value) = pair.split_once('=').unwrap();
            let value = value.trim_matches('"');
            match values.iter_mut().find(|(known, _)| *known == label) {
                Some((_, known)) if known.contains(&value) => {}
                Some((_, known)) => known.push(value),
                None => values.push((label, vec![value])),
            }
        }
    }
    for (_, values) in &mut values {
        values.sort_unstable();
    }
    let told = values.iter().map(|(label, values)| match *label {
        "cluster" | "version" => format!("`{label}`"),
        _ => format!("`{label}`: {}", values.join(", ")),
    });
    told.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_page_of_metrics_is_as_the_registry_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    if std::env::var_os("ATOLL_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/metrics.md is old; run the tests of the operator with ATOLL_WRITE_DOCS=1");
}

#[test]
fn what_is_counted_is_scraped() {
    let metrics = Metrics::default();
    let accepted: Result<(), ()> = metrics.hub.count(HubWriteLabel::Claim, Ok(()));
    let refused: Result<(), ()> = metrics.hub.count(HubWriteLabel::Claim, Err(()));
    assert!(accepted.is_ok() && refused.is_err(), "what came of a write is handed on");
    metrics.pipeline.observe_reconcile(OutcomeLabel::Done, Duration::from_millis(3));
    let fleet = Stats { commits_by_age: 5, conflicts_owner: 2, ..Stats::default() };
    let text = scrape(&metrics, sources(vec![member()], fleet));
    for line in [
        r#"atoll_hub_writes_total{kind="claim"} 1"#,
        r#"atoll_hub_write_failures_total{kind="claim"} 1"#,
        r#"atoll_reconcile_duration_seconds_bucket{le="0.002",outcome="done"} 0"#,
        r#"atoll_reconcile_duration_seconds_bucket{le="0.005",outcome="done"} 1"#,
        r#"atoll_lane_depth{cluster="m1"} 4"#,
        r#"atoll_lane_in_flight{cluster="m1"} 2"#,
        r#"atoll_lane_limit{cluster="m1"} 8"#,
        r#"atoll_member_copies{cluster="m1"} 7"#,
        r#"atoll_member_orphans{cluster="m1"} 3"#,
        r#"atoll_member_deletes_paused{cluster="m1"} 1"#,
        r#"atoll_member_grade{cluster="m1",grade="isolated_full"} 1"#,
        r#"atoll_member_grade{cluster="m1",grade="healthy"} 0"#,
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
