//! The propagation bench: the raw client and the operator, turn by turn, on the same clusters.
//!
//! In: a site, or how many members a stage of our own shall have. Out: a [`Report`] with the medians of all
//! runs, and of those before it when one fails. The raw client goes first in every run, before any policy selects a
//! `ConfigMap`: then the operator has no reason to look at what the raw client does.

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use futures::future::try_join_all;
use jiff::Timestamp;
use tokio::signal::ctrl_c;

use super::machine::Machine;
use super::report::{Report, Run};
use super::site::Site;
use super::{burst, namespace, paced, raw, stages};
use crate::fleet::Progress;

/// A few thousand objects go within half a minute.
const REMOVAL_DEADLINE: Duration = Duration::from_mins(5);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Templates of a burst.
    pub objects: usize,
    /// How often; figures are medians.
    pub runs: usize,
    /// How long templates come at a few a second, after the last burst. None of it leaves those figures out.
    pub paced: Option<Duration>,
    /// For one burst.
    pub deadline: Duration,
    /// Where to show what takes time.
    pub progress: Progress,
}

impl Plan {
    fn is_last(&self, run: usize) -> bool {
        run + 1 == self.runs
    }

    fn tell(&self, run: usize, what: &str) -> crate::fleet::Step {
        self.progress.start(&format!("run {} of {}: {what}", run + 1, self.runs))
    }
}

/// What came of a plan.
#[derive(Debug)]
pub struct Measured {
    /// The figures of the runs that ended.
    pub report: Report,
    /// Why there are no more.
    pub failure: Option<Error>,
}

/// Measures a hub that is already there, and removes everything again.
pub async fn measure(site: &Site, plan: &Plan) -> Measured {
    repeat(plan, site.members.len(), async |index, runs| {
        let spaces = Spaces::new(index);
        let run = tokio::select! {
            run = measure_once(site, plan, &spaces, index) => run,
            interrupted = ctrl_c() => Err(interrupted.map_or_else(Into::into, |()| anyhow!("interrupted"))),
        };
        let step = plan.tell(index, "removing everything");
        let removed = spaces.remove(site).await;
        runs.push(run?);
        removed?;
        step.finish("everything is removed");
        Ok(())
    })
    .await
}

/// Measures on clusters of our own, new ones for each run, with the operator of these sources.
pub async fn measure_on_stages(members: &[String], plan: &Plan) -> Measured {
    repeat(plan, members.len(), async |index, runs| {
        let stage = stages::as_a_user(members, plan.progress).start().await?;
        let site = stages::site_of(&stage, members).await?;
        let run = measure_once(&site, plan, &Spaces::new(index), index).await;
        let log = || format!("the end of the operator's log:\n{}", stage.operator().log_tail());
        runs.push(run.with_context(log)?);
        stage.shutdown().await
    })
    .await
}

/// Takes one turn after another, until one fails: what was measured by then counts.
async fn repeat(plan: &Plan, members: usize, turn: impl AsyncFn(usize, &mut Vec<Run>) -> Result<()>) -> Measured {
    let mut machine = Machine::observe();
    let mut runs = Vec::with_capacity(plan.runs);
    let mut failure = None;
    for index in 0..plan.runs {
        if let Err(error) = turn(index, &mut runs).await {
            failure = Some(error.context(format!("run {} of {} failed", index + 1, plan.runs)));
            break;
        }
    }
    machine.observe_end();
    Measured { report: Report::new(plan.objects, members, machine, runs), failure }
}

async fn measure_once(site: &Site, plan: &Plan, spaces: &Spaces, index: usize) -> Result<Run> {
    let step = plan.tell(index, "the raw client");
    let raw = raw::measure(site, &spaces.raw, plan.objects, plan.deadline).await?;
    step.finish(&format!("the raw client took {:.1} s", raw.as_secs_f64()));
    let step = plan.tell(index, "the operator, as many as the hub takes");
    burst::warm_up(site, &spaces.propagated).await?;
    let burst = burst::measure(site, &spaces.propagated, plan.objects, plan.deadline).await;
    let burst = burst.context("measuring the operator")?;
    step.finish(&format!("the operator took {:.1} s", burst.took.as_secs_f64()));
    let paced = match plan.paced.filter(|_| plan.is_last(index)) {
        Some(time) => {
            let step = plan.tell(index, "the operator, a few a second");
            let latencies = paced::measure(site, &spaces.propagated, time).await?;
            step.finish("the latencies are measured");
            latencies
        }
        None => Vec::new(),
    };
    Ok(Run::new((plan.objects, site.members.len()), raw, &burst, &paced))
}

/// The namespaces of one run.
struct Spaces {
    raw: String,
    propagated: String,
}

impl Spaces {
    fn new(run: usize) -> Self {
        let now = Timestamp::now().as_second();
        Self { raw: format!("bench-raw-{now}-{run}"), propagated: format!("bench-{now}-{run}") }
    }

    /// Removes both with all that is in them, or what is there of them. The hub lets go first, so that nothing is put
    /// back on a member.
    async fn remove(&self, site: &Site) -> Result<()> {
        raw::remove(site, &self.raw).await?;
        namespace::remove(&site.hub, &self.propagated, "the hub", REMOVAL_DEADLINE).await?;
        let members = site.members.iter();
        let removals =
            members.map(|member| namespace::remove(&member.client, &self.propagated, &member.name, REMOVAL_DEADLINE));
        try_join_all(removals).await.map(drop)
    }
}
