//! The chart's alert rules and its board speak of metrics that there are.

use std::collections::BTreeSet;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::labels::{PlaneLabel, ProbeLabel};
use super::tests::{member, sources};
use super::*;
use crate::fleet::Stats;

const RULES: &str = include_str!("../../../../charts/atoll/files/alerts.yaml");
const BOARD: &str = include_str!("../../../../charts/atoll/files/board.json");

/// What a scrape shows with one member: the names of its series, and `name{label="value"` of each.
fn shown() -> (BTreeSet<String>, String) {
    let metrics = Metrics::default();
    metrics.join(&"m1".into());
    metrics.health.probes.observe(&"m1".into(), PlaneLabel::Api, ProbeLabel::Good);
    let mut registry = Registry::default();
    metrics.register(&mut registry, sources(vec![member()], Stats::default()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let names = series.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect();
    (names, text)
}

/// The names of metrics in a text, each with the labels that follow it.
fn spoken_of(text: &str) -> Vec<(&str, &str)> {
    let starts = text.match_indices("atoll_").map(|(start, _)| &text[start..]);
    starts
        .map(|rest| {
            let end = rest.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_')).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
            (name, labels)
        })
        .collect()
}

#[test]
fn rules_and_board_speak_of_metrics_that_a_scrape_shows() {
    let (names, _) = shown();
    for (file, text, least) in [("alerts.yaml", RULES, 15), ("board.json", BOARD, 25)] {
        let spoken: BTreeSet<&str> = spoken_of(text).into_iter().map(|(name, _)| name).collect();
        let unknown: Vec<_> = spoken.iter().filter(|name| !names.contains(**name)).collect();
        assert!(unknown.is_empty(), "{file} speaks of {unknown:?}; there are {names:?}");
        assert!(spoken_of(text).len() >= least, "{file} speaks of too little to be whole: {spoken:?}");
    }
}

#[test]
fn values_of_labels_in_rules_and_board_occur() {
    let (_, scraped) = shown();
    for (file, text) in [("alerts.yaml", RULES.to_owned()), ("board.json", BOARD.replace("\\\"", "\""))] {
        let labels = spoken_of(&text).into_iter().flat_map(|(_, labels)| labels.split(','));
        let mut seen = 0;
        for (key, value) in labels.filter_map(|label| label.split_once('=')) {
            let alternatives = value.trim_start_matches('~').trim_matches('"');
            if alternatives.starts_with('$') {
                continue;
            }
            for value in alternatives.split('|') {
                let start = value.trim_end_matches(".*");
                let wanted = format!("{key}=\"{start}");
                assert!(scraped.contains(&wanted), "{file}: no series has {key}={value}");
                seen += 1;
            }
        }
        assert!(seen > 2, "{file} selects nothing");
    }
}
