//! `batch` Job.
//!
//! The hub's API server checks a Job's status more strictly than any other: a
//! finished Job has no active pods, a start time and the condition that
//! announced its end; a start time never moves; a failed pod never un-fails.

use serde_json::{Value, json};

use super::aggregation::{Aggregation, Fields};
use super::conditions::{self, Condition};
use super::rules::{Rules, Workload};
use super::{Health, clamp, number, reflection};

pub(super) const RULES: Rules = Rules {
    workload: Some(Workload { count, replicas: Some("/spec/parallelism"), pod: "/spec/template/spec" }),
    health,
    reflect,
    aggregate: Some(aggregate),
    runs_once: Some("the pods of a Job may have effects that must happen once"),
};

/// Pods that run at once: never more than there is to complete.
fn count(template: &Value) -> i32 {
    let number = |field: &str| template["spec"][field].as_i64().map(clamp);
    let parallelism = number("parallelism").unwrap_or(1);
    number("completions").map_or(parallelism, |completions| parallelism.min(completions))
}

/// It is done, it runs, or it waits because it was told to. Karmada has no rule
/// for a Job; without one a replacement that has not started counts as good,
/// and the copy that does the work is removed beside it (promise I1).
fn health(live: &Value) -> Health {
    let status = &live["status"];
    let is = |kind: &str| conditions::holds(&status["conditions"], kind);
    let at_work = ["ready", "succeeded"].iter().any(|counter| number(&status[*counter]) >= 1);
    Health::from_bool(is("Complete") || !is("Failed") && (live["spec"]["suspend"] == true || at_work))
}

fn reflect(live: &Value) -> Option<Value> {
    reflection::fields(live, &["active", "succeeded", "failed", "conditions", "startTime", "completionTime"])
}

/// The end a Job has come to.
enum End {
    /// In every cluster.
    Complete,
    /// In the clusters named; nothing runs any more elsewhere.
    Failed(String),
    /// In the clusters named; pods of other clusters still run.
    Failing(String),
}

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let there = &aggregation.old()["conditions"];
    if conditions::holds(there, "Complete") || conditions::holds(there, "Failed") {
        return Fields::new();
    }
    let mut fields = aggregation.sums(&["active"]);
    for counter in ["succeeded", "failed"] {
        let before = number(&aggregation.old()[counter]);
        fields.insert(counter.into(), json!(aggregation.sum(counter).max(before)));
    }
    let end = end(aggregation);
    let finished = matches!(end, Some(End::Complete | End::Failed(_)));
    if let Some(start) = start_time(aggregation, finished) {
        fields.insert("startTime".into(), start);
    }
    if matches!(end, Some(End::Complete))
        && let Some(last) = times(aggregation, "completionTime").max()
    {
        fields.insert("completionTime".into(), json!(last));
    }
    let wanted = end.map(announcements).unwrap_or_default();
    let merged = conditions::merge(there, wanted, Some("lastProbeTime"), aggregation.now);
    fields.insert("conditions".into(), merged);
    fields
}

fn end(aggregation: &Aggregation<'_>) -> Option<End> {
    let has = |status: Option<&Value>, kind: &str| status.is_some_and(|s| conditions::holds(&s["conditions"], kind));
    let failed: Vec<&str> =
        aggregation.items.iter().filter(|item| has(item.status, "Failed")).map(|item| item.cluster.as_str()).collect();
    if !failed.is_empty() {
        let clusters = failed.join(", ");
        return Some(if aggregation.sum("active") == 0 { End::Failed(clusters) } else { End::Failing(clusters) });
    }
    let complete = aggregation.items.iter().all(|item| has(item.status, "Complete"));
    (complete && !aggregation.items.is_empty()).then_some(End::Complete)
}

fn announcements(end: End) -> Vec<Condition> {
    let condition = |kind, reason, message: &str| Condition { kind, holds: true, reason, message: message.to_owned() };
    match end {
        End::Complete => {
            let message = "the Job is complete in every cluster";
            vec![
                condition("SuccessCriteriaMet", "CompletionsReached", message),
                condition("Complete", "CompletionsReached", message),
            ]
        }
        End::Failed(clusters) => {
            let message = format!("the Job failed in {clusters}");
            vec![condition("FailureTarget", "JobFailed", &message), condition("Failed", "JobFailed", &message)]
        }
        End::Failing(clusters) => {
            vec![condition("FailureTarget", "JobFailed", &format!("the Job failed in {clusters}"))]
        }
    }
}

/// The earliest, once every target has one; fixed from then on. A finished Job
/// needs one even when a target never started.
fn start_time(aggregation: &Aggregation<'_>, finished: bool) -> Option<Value> {
    let fixed = &aggregation.old()["startTime"];
    if !fixed.is_null() {
        return Some(fixed.clone());
    }
    let all_started = times(aggregation, "startTime").count() == aggregation.items.len();
    if all_started || finished { times(aggregation, "startTime").min().map(|time| json!(time)) } else { None }
}

/// Times of the API compare as text: always UTC, always whole seconds.
fn times<'a>(aggregation: &Aggregation<'a>, field: &'static str) -> impl Iterator<Item = &'a str> {
    aggregation.known().filter_map(move |status| status[field].as_str())
}
