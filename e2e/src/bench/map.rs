//! The map bench: the fleet map beside what else could hold the same, under the same calls, in one run.
//!
//! In: a [`Plan`]. Out: a [`Report`]. Ten thousand tasks call each candidate in turn, once as fast as it answers and once
//! at a fixed rate, in which a call that has to wait is late from the moment it was due. Every candidate is used as
//! Atoll would have to use it: with views in which all keys are of one moment.

mod actor;
mod allocations;
mod candidate;
mod candidates;
mod closed;
mod open;
mod record;
mod report;
mod table;
mod texts;
mod workload;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::report::Report;

use self::candidate::Candidate;
use self::candidates::Kind;
use self::report::{Figures, Row};
use self::texts::Texts;
use self::workload::Workload;
use super::machine::Machine;
use crate::fleet::Progress;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Tasks that call at the same time. Each writes two keys of its own and reads those of all.
    pub tasks: usize,
    /// How long each candidate is called under each load, once in each loop.
    pub time: Duration,
    /// Calls due in a second in the open loop; a tenth of it where views are among them.
    pub arrivals_per_s: u32,
    /// Calls in which allocations are counted.
    pub counted_calls: u32,
    /// How often; figures are medians.
    pub runs: usize,
    /// Where to show what takes time.
    pub progress: Progress,
}

/// Measures all candidates under all loads.
pub async fn measure(plan: &Plan) -> Result<Report> {
    ensure!(plan.tasks > 0 && plan.runs > 0 && plan.arrivals_per_s > 0, "a bench of nothing");
    let mut machine = Machine::observe();
    let texts = Arc::new(Texts::new(plan.tasks));
    let mut runs = Vec::with_capacity(plan.runs);
    for run in 1..=plan.runs {
        let mut rows = Vec::new();
        for workload in Workload::ALL {
            let step = plan.progress.start(&format!("run {run} of {}: {}", plan.runs, workload.name()));
            for kind in Kind::ALL {
                step.tick();
                let figures = measure_one(plan, &texts, kind, workload).await?;
                rows.push(Row { candidate: kind.name(), workload: workload.name(), figures });
            }
            step.finish(&format!("{} candidates measured, {}", Kind::ALL.len(), workload.name()));
        }
        runs.push(rows);
    }
    machine.observe_end();
    Ok(Report::new(plan, texts.keys(), machine, runs))
}

/// One candidate under one load, a new one for each loop.
async fn measure_one(plan: &Plan, texts: &Arc<Texts>, kind: Kind, workload: Workload) -> Result<Figures> {
    let closed = with_candidate(kind, texts, async |map| closed::measure(plan, &map, texts, workload).await).await?;
    let open = with_candidate(kind, texts, async |map| open::measure(plan, &map, texts, workload).await).await?;
    let map = filled(kind, texts);
    Ok(Figures {
        ops_per_s: closed.ops_per_s(plan.time),
        cpu_us_per_op: closed.cpu_us_per_op(),
        p99_us: closed.percentile_us(99.0),
        open_p50_us: open.percentile_us(50.0),
        open_p99_us: open.percentile_us(99.0),
        allocs_per_op: allocations::count(&map, texts, workload, plan.counted_calls),
        allocs_per_read: allocations::count(&map, texts, Workload::Reads, plan.counted_calls),
        longest_writer_wait_us: closed.longest_write_us(),
        views: closed.views + open.views,
        torn_snapshots: closed.torn + open.torn,
    })
}

/// A candidate with all keys in it.
fn filled(kind: Kind, texts: &Texts) -> Arc<dyn Candidate> {
    let map = kind.build();
    (0..texts.keys()).for_each(|index| map.put(texts.key(index), texts.value(0)));
    map.settle();
    map
}

/// Calls it while what it needs besides runs.
async fn with_candidate<T>(
    kind: Kind,
    texts: &Texts,
    measure: impl AsyncFnOnce(Arc<dyn Candidate>) -> Result<T>,
) -> Result<T> {
    let map = filled(kind, texts);
    let (cancel, mut background) = (CancellationToken::new(), JoinSet::new());
    if let Some(task) = map.background(cancel.clone()) {
        background.spawn(task);
    }
    let measured = measure(map).await;
    cancel.cancel();
    while let Some(ended) = background.join_next().await {
        ended?;
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_small_plan_measures_every_candidate_under_every_load() {
        let plan = Plan {
            tasks: 50,
            time: Duration::from_millis(15),
            arrivals_per_s: 2_000,
            counted_calls: 1_000,
            runs: 1,
            progress: Progress::Silent,
        };
        let report = measure(&plan).await.unwrap();
        assert_eq!(report.candidates.len(), Kind::ALL.len() * Workload::ALL.len());
        for row in &report.candidates {
            let Row { candidate, workload, figures } = row;
            assert!(figures.ops_per_s.is_some_and(|rate| rate > 0.0), "{candidate}, {workload}: nobody called");
            assert!(figures.p99_us.is_some() && figures.open_p99_us.is_some(), "{candidate}, {workload}");
            assert_eq!(figures.torn_snapshots, 0, "{candidate}, {workload}");
        }
        assert!(report.candidates.iter().any(|row| row.figures.views > 0), "no view was taken");
        assert_eq!(report.allocs_per_read, Some(0.0), "the chosen map reads without allocating");
        assert!(report.to_string().contains("read-mostly"), "{report}");
    }
}
