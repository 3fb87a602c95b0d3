//! The closed loop: every task calls again as soon as it is its turn, so the map sets the pace.

use std::process::id;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::Result;
use tokio::task::{JoinSet, yield_now};
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::actor::Actor;
use super::candidate::Candidate;
use super::record::Record;
use super::texts::Texts;
use super::workload::{Call, Workload};
use crate::bench::process;

/// Calls for the plan's time. A call's time is that of the map alone, without the wait for the task's turn.
pub async fn measure(plan: &Plan, map: &Arc<dyn Candidate>, texts: &Arc<Texts>, workload: Workload) -> Result<Record> {
    let (begin, end) = (CancellationToken::new(), Arc::new(OnceLock::new()));
    let mut tasks = JoinSet::new();
    for number in 0..plan.tasks {
        let actor = Actor::new(map, texts, workload, number);
        let (begin, end) = (begin.clone(), Arc::clone(&end));
        tasks.spawn(async move {
            begin.cancelled().await;
            call(actor, *end.get_or_init(Instant::now)).await
        });
    }
    let cpu_before = read_cpu();
    end.get_or_init(|| Instant::now() + plan.time);
    begin.cancel();
    let mut all = Record::default();
    while let Some(record) = tasks.join_next().await {
        all.extend(&record?);
    }
    all.cpu_s = read_cpu().zip(cpu_before).map(|(after, before)| after - before);
    Ok(all)
}

/// Processor time of this process, seconds.
fn read_cpu() -> Option<f64> {
    process::fetch(&[id()]).ok().flatten().map(|usage| usage.cpu_s)
}

async fn call(mut actor: Actor, end: Instant) -> Record {
    loop {
        let (call, took, ended) = actor.act();
        if ended > end {
            return actor.record;
        }
        actor.record.add(took);
        if call == Call::Write {
            actor.record.add_write(took);
        }
        yield_now().await;
    }
}
