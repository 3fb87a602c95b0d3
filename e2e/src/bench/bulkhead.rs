//! The bulkhead bench: what a black-holed member costs the others.
//!
//! In: how many templates and pairs of runs. Out: a [`Report`] of two ratios, with the fault against without. The sick
//! member has work of its own in both: its own templates are edited all the time, so that its lane is never empty. What
//! is measured goes to the other two, from the first lost packet on.

mod report;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use atoll_crds::Cluster;
use atoll_crds::cluster::Grade;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

pub use self::report::{Leg, Pair, Report};
use super::arrivals::Arrivals;
use super::machine::Machine;
use super::names::{Load, MANAGER};
use super::site::Site;
use super::{burst, paced, stages, templates};
use crate::fleet::Progress;
use crate::stage::{Stage, wait};

/// Templates of the member that falls sick, and how many of them are edited in a second.
const SICK_TEMPLATES: usize = 100;
const EDITS_PER_S: u32 = 10;
/// For one burst, or for placing the templates.
const DEADLINE: Duration = Duration::from_mins(3);
/// A hold-down grows with each loss, up to five minutes.
const TRUSTED_AGAIN: Duration = Duration::from_mins(8);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Templates of a burst.
    pub objects: usize,
    /// Pairs of runs, with the fault and without; figures are medians.
    pub pairs: usize,
    /// How long templates come at five a second after each burst.
    pub paced: Duration,
    /// Where to show what takes time.
    pub progress: Progress,
}

/// Measures on clusters of our own, with the operator of these sources.
pub async fn measure_on_stage(plan: &Plan) -> Result<Report> {
    let mut machine = Machine::observe();
    let members = ["m1", "m2", "m3"].map(str::to_owned);
    let stage = stages::as_a_user(&members, plan.progress).fleet(|fleet| fleet.faults(true)).start().await?;
    let log = || format!("the end of the operator's log:\n{}", stage.operator().log_tail());
    let pairs = repeat(&stage, &members, plan).await.with_context(log)?;
    machine.observe_end();
    stage.shutdown().await?;
    Ok(Report::new(plan.objects, machine, pairs))
}

async fn repeat(stage: &Stage, members: &[String], plan: &Plan) -> Result<Vec<Pair>> {
    let [healthy @ .., sick] = members else { bail!("a bulkhead needs members") };
    let site = Bulkhead {
        stage,
        healthy: stages::site_of(stage, healthy).await?,
        sick: stages::site_of(stage, std::slice::from_ref(sick)).await?,
    };
    let step = plan.progress.start("placing what the sick member has");
    site.place_sick().await?;
    step.finish("the sick member has its templates");
    let mut pairs = Vec::with_capacity(plan.pairs);
    for index in 0..plan.pairs {
        let step = plan.progress.start(&format!("pair {} of {}", index + 1, plan.pairs));
        // What drifts over the bench must not speak for one side.
        let (without, with) = if index % 2 == 0 {
            let without = site.leg(plan, index, false).await?;
            (without, site.leg(plan, index, true).await?)
        } else {
            let with = site.leg(plan, index, true).await?;
            (site.leg(plan, index, false).await?, with)
        };
        let pair = Pair::new(without, with);
        step.finish(&format!("rate {:.2}, latency {:.2}", pair.rate_ratio, pair.latency_ratio));
        pairs.push(pair);
    }
    Ok(pairs)
}

/// The clusters, by their part.
struct Bulkhead<'a> {
    stage: &'a Stage,
    healthy: Site,
    sick: Site,
}

const SICK_SPACE: &str = "bench-sick";

impl Bulkhead<'_> {
    async fn place_sick(&self) -> Result<()> {
        burst::warm_up(&self.sick, SICK_SPACE).await?;
        let mut arrivals = Arrivals::watch(&self.sick, SICK_SPACE, Load::Burst).await?;
        templates::create_all(&self.sick.hub, SICK_SPACE, Load::Burst, SICK_TEMPLATES).await?;
        arrivals.wait_for(&Load::Burst.names(SICK_TEMPLATES), DEADLINE).await.map(drop)
    }

    /// A burst and a steady flow to the healthy members, with the third black-holed or not.
    async fn leg(&self, plan: &Plan, pair: usize, fault: bool) -> Result<Leg> {
        let space = format!("bench-bulkhead-{pair}-{}", if fault { "with" } else { "without" });
        burst::warm_up(&self.healthy, &space).await?;
        burst::settle(&self.healthy).await?;
        let name = self.sick.members[0].name.as_str();
        if fault {
            self.stage.fleet().faults().isolate(name).await?;
        }
        let measured = async {
            let (took, _) = burst::time(&self.healthy, &space, plan.objects, DEADLINE).await?;
            let latencies = paced::measure(&self.healthy, &space, plan.paced).await?;
            Leg::new(plan.objects * self.healthy.members.len(), took, &latencies)
        };
        let leg = tokio::select! {
            leg = measured => leg,
            edited = self.edit_sick() => edited.and_then(|()| bail!("the edits ended")),
        };
        if fault {
            self.stage.fleet().faults().reconnect(name).await?;
            self.trusted(name).await?;
        }
        self.caught_up().await?;
        leg
    }

    /// Edits the templates of the sick member one after the other, until it is dropped.
    async fn edit_sick(&self) -> Result<()> {
        let templates: Api<ConfigMap> = Api::namespaced(self.sick.hub.clone(), SICK_SPACE);
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let mut ticks = interval(Duration::from_secs(1) / EDITS_PER_S);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for edit in 0_u64.. {
            ticks.tick().await;
            let index = usize::try_from(edit).unwrap_or_default() % SICK_TEMPLATES;
            let patch = Patch::Merge(json!({"data": {"edit": edit.to_string()}}));
            let edited = templates.patch(&Load::Burst.name(index), &parameters, &patch).await;
            edited.context("editing a template of the sick member")?;
        }
        Ok(())
    }

    async fn trusted(&self, name: &str) -> Result<()> {
        let clusters: Api<Cluster> = Api::all(self.stage.hub());
        let healthy = |cluster: Option<&Cluster>| {
            let verdict = cluster.and_then(|cluster| cluster.status.as_ref()?.verdict.as_ref());
            match verdict.map(|verdict| verdict.grade) {
                Some(Grade::Healthy) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        };
        self.stage.watch_one("the member is trusted again", TRUSTED_AGAIN, (clusters, name), healthy).await
    }

    /// Nothing of one leg is left for the next.
    async fn caught_up(&self) -> Result<()> {
        let idle = async || match self.stage.operator().metric("atoll_lane_depth", "").await {
            Ok(depth) if depth < 1.0 => Ok(()),
            Ok(depth) => Err(format!("{depth} orders wait")),
            Err(error) => Err(format!("{error:#}")),
        };
        wait::until("the members have caught up", DEADLINE, idle).await?;
        burst::settle(&self.healthy).await
    }
}
