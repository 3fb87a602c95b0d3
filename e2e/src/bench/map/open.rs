//! The open loop: calls are due at a fixed rate, whether or not the ones before them have ended.
//!
//! A call's time runs from the moment it was due, so that a map that stops everybody for a while is charged for all who
//! had to wait, not for the one call that it stopped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep_until;

use super::Plan;
use super::actor::Actor;
use super::candidate::Candidate;
use super::record::Record;
use super::texts::Texts;
use super::workload::{Call, Workload};

/// Timers are exact to a millisecond; the rest is waited for by giving way to others.
const EXACTNESS: Duration = Duration::from_millis(1);
/// Time for all tasks to be there before the first call is due.
const LEAD: Duration = Duration::from_millis(50);

/// Makes the calls that are due within the plan's time, each task in its turn.
pub async fn measure(plan: &Plan, map: &Arc<dyn Candidate>, texts: &Arc<Texts>, workload: Workload) -> Result<Record> {
    let between = Duration::from_secs(1) / workload.arrivals_per_s(plan.arrivals_per_s);
    let begin = Instant::now() + LEAD;
    let mut tasks = JoinSet::new();
    for number in 0..u32::try_from(plan.tasks)? {
        let actor = Actor::new(map, texts, workload, number as usize);
        let (first, every, end) = (begin + between * number, between * u32::try_from(plan.tasks)?, begin + plan.time);
        tasks.spawn(call(actor, first, every, end));
    }
    let mut all = Record::default();
    while let Some(record) = tasks.join_next().await {
        all.extend(&record?);
    }
    Ok(all)
}

async fn call(mut actor: Actor, first: Instant, every: Duration, end: Instant) -> Record {
    let mut due = first;
    while due < end {
        if let Some(early) = due.checked_sub(EXACTNESS).filter(|early| Instant::now() < *early) {
            sleep_until(early.into()).await;
        }
        while Instant::now() < due {
            yield_now().await;
        }
        let (call, _, ended) = actor.act();
        actor.record.add(ended - due);
        if call == Call::Write {
            actor.record.add_write(ended - due);
        }
        due += every;
    }
    actor.record
}
