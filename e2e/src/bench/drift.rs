//! The drift bench: changes on members that are nobody's there to make, at a steady rate, and how soon they are undone.
//!
//! In: a site with an operator on it, and how many. Out: a [`Report`] that lists every one that was not undone with what
//! was there instead. What is undone is judged by the members' watches alone.

mod deviation;
mod report;
mod sightings;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::deviation::{Deviation, Injected};
pub use self::report::{OfKind, Report, Unrepaired};
use self::sightings::Sightings;
use super::arrivals::Arrivals;
use super::machine::Machine;
use super::names::Load;
use super::site::Site;
use super::{burst, stages, templates};
use crate::fleet::Progress;

/// For placing the templates, before anything is measured.
const PLACE_DEADLINE: Duration = Duration::from_mins(5);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Deviations, each on a copy of its own; the four kinds take turns.
    pub deviations: usize,
    /// How many a second.
    pub rate: u32,
    /// How long the last one has to be undone.
    pub deadline: Duration,
    /// Where to show what takes time.
    pub progress: Progress,
}

/// Measures on clusters of our own, with the operator of these sources.
pub async fn measure_on_stage(members: &[String], plan: &Plan) -> Result<Report> {
    let stage = stages::as_a_user(members, plan.progress).start().await?;
    let site = stages::site_of(&stage, members).await?;
    let log = || format!("the end of the operator's log:\n{}", stage.operator().log_tail());
    let report = measure(&site, plan).await.with_context(log)?;
    stage.shutdown().await?;
    Ok(report)
}

async fn measure(site: &Site, plan: &Plan) -> Result<Report> {
    let mut machine = Machine::observe();
    let step = plan.progress.start("placing the templates");
    let space = "bench-drift";
    place(site, space, plan.deviations.div_ceil(site.members.len())).await?;
    let mut sightings = Sightings::watch(site, space).await?;
    step.finish("the templates are placed");

    let step = plan.progress.start(&format!("{} deviations, {} a second", plan.deviations, plan.rate));
    let injected = inject_all(site, space, plan).await?;
    sightings.wait_until_repaired(&injected, plan.deadline).await;
    let outcomes = sightings.outcomes(injected);
    step.finish("the deviations were made and watched");
    machine.observe_end();
    Ok(Report::new(plan.rate, site.members.len(), machine, &outcomes))
}

/// Places so many templates on all members.
async fn place(site: &Site, space: &str, count: usize) -> Result<()> {
    burst::warm_up(site, space).await?;
    let mut arrivals = Arrivals::watch(site, space, Load::Burst).await?;
    templates::create_all(&site.hub, space, Load::Burst, count).await?;
    arrivals.wait_for(&Load::Burst.names(count), PLACE_DEADLINE).await.context("placing the templates")?;
    burst::settle(site).await
}

/// Each deviation is made at its time, whether or not earlier ones were answered.
async fn inject_all(site: &Site, space: &str, plan: &Plan) -> Result<Vec<Injected>> {
    let mut ticks = interval(Duration::from_secs(1) / plan.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let copies = site.copies(space);
    let mut requests = JoinSet::new();
    for index in 0..plan.deviations {
        ticks.tick().await;
        let member = index % copies.len();
        let name = Load::Burst.name(index / copies.len());
        let (cluster, api) = copies[member].clone();
        let deviation = Deviation::ALL[index % Deviation::ALL.len()];
        requests.spawn(async move {
            let made = deviation.inject(&api, &name).await;
            let (uid, version) = made.with_context(|| format!("making a deviation of {name} on {cluster}"))?;
            Ok::<_, anyhow::Error>(Injected { deviation, member, cluster, name, uid, version, at: Instant::now() })
        });
    }
    let mut injected = Vec::with_capacity(plan.deviations);
    while let Some(made) = requests.join_next().await {
        injected.push(made.context("a task of the bench ended")??);
    }
    Ok(injected)
}
