//! The restart bench: what it costs to start the operator anew where everything is in place.
//!
//! In: how many templates on how many members. Out: a [`Report`] of how long it took until everything had been looked at
//! again, what was written meanwhile (nothing should be), and how long until what had changed while no operator ran was
//! made good. Writes on the hub are those its API server counts, writes on members are copies with another version.

mod report;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::time::Instant;

pub use self::report::{Report, Run};
use super::api_writes::Writes;
use super::arrivals::Arrivals;
use super::machine::Machine;
use super::names::{INTRUDER, Load, WARM_UP};
use super::process::{self, Usage};
use super::site::Site;
use super::{burst, stages, templates};
use crate::fleet::Progress;
use crate::stage::{Stage, wait};

/// For placing the templates, before anything is measured.
const PLACE_DEADLINE: Duration = Duration::from_mins(10);
/// A restart is over in seconds.
const CATCH_UP_DEADLINE: Duration = Duration::from_mins(3);
/// Writes that come late come within seconds.
const SETTLE_DEADLINE: Duration = Duration::from_mins(1);
/// Copies that are changed while no operator runs.
const CHANGED: usize = 20;
const SPACE: &str = "bench-restart";

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Templates in place.
    pub objects: usize,
    /// How often the operator is started anew; figures are medians.
    pub runs: usize,
    /// Where to show what takes time.
    pub progress: Progress,
}

/// Measures on clusters of our own, with the operator of these sources.
pub async fn measure_on_stage(members: &[String], plan: &Plan) -> Result<Report> {
    let mut machine = Machine::observe();
    let stage = stages::as_a_user(members, plan.progress).start().await?;
    let site = stages::site_of(&stage, members).await?;
    let log = || format!("the end of the operator's log:\n{}", stage.operator().log_tail());
    let runs = repeat(&stage, &site, plan).await.with_context(log)?;
    machine.observe_end();
    stage.shutdown().await?;
    Ok(Report::new(plan.objects, members.len(), machine, runs))
}

async fn repeat(stage: &Stage, site: &Site, plan: &Plan) -> Result<Vec<Run>> {
    let step = plan.progress.start(&format!("placing {} templates", plan.objects));
    burst::warm_up(site, SPACE).await?;
    let mut arrivals = Arrivals::watch(site, SPACE, Load::Burst).await?;
    templates::create_all(&site.hub, SPACE, Load::Burst, plan.objects).await?;
    arrivals.wait_for(&Load::Burst.names(plan.objects), PLACE_DEADLINE).await.context("placing the templates")?;
    drop(arrivals);
    step.finish("the templates are placed");
    let mut runs = Vec::with_capacity(plan.runs);
    for index in 0..plan.runs {
        let step = plan.progress.start(&format!("restart {} of {}", index + 1, plan.runs));
        let undisturbed = undisturbed(stage, site, plan.objects + WARM_UP).await?;
        let made_good = changed_meanwhile(stage, site, index).await?;
        step.finish(&format!("caught up after {:.1} s", undisturbed.caught_up.as_secs_f64()));
        runs.push(Run::new(&undisturbed, made_good));
    }
    Ok(runs)
}

/// What one restart cost where nothing had changed.
pub struct Undisturbed {
    /// Until the process said it was ready.
    pub ready: Duration,
    /// Until every template had been looked at and nothing waited any more.
    pub caught_up: Duration,
    /// Writes on the hub, events included.
    pub hub_writes: Writes,
    /// Copies with another version.
    pub member_writes: u64,
    /// What the new process used until then.
    pub usage: Option<Usage>,
}

async fn undisturbed(stage: &Stage, site: &Site, objects: usize) -> Result<Undisturbed> {
    let operator = stage.operator();
    let before = Writes::fetch_settled(&site.hub, SETTLE_DEADLINE).await?;
    let copies = versions(site).await?;
    operator.stop().await?;
    let began = Instant::now();
    operator.start().await?;
    let ready = began.elapsed();
    wait::until("every template is looked at again", CATCH_UP_DEADLINE, || looked_at_all(stage, objects)).await?;
    let caught_up = began.elapsed();
    let usage = process::fetch(&operator.id().into_iter().collect::<Vec<_>>())?;
    let after = Writes::fetch_settled(&site.hub, SETTLE_DEADLINE).await?;
    let now = versions(site).await?;
    let moved = now.iter().filter(|(copy, version)| copies.get(*copy) != Some(version)).count();
    let gone = copies.keys().filter(|copy| !now.contains_key(*copy)).count();
    let member_writes = (moved + gone) as u64;
    Ok(Undisturbed { ready, caught_up, hub_writes: after.since(&before), member_writes, usage })
}

/// Whether the running process has looked at so many templates and has nothing left to do.
async fn looked_at_all(stage: &Stage, objects: usize) -> Result<(), String> {
    let metric = async |name| stage.operator().metric(name, "").await.map_err(|error| format!("{error:#}"));
    let looks = metric("atoll_reconcile_duration_seconds_count").await?;
    let waiting = metric("atoll_lane_depth").await?;
    #[expect(clippy::cast_precision_loss, reason = "a count of a few thousands")]
    let wanted = objects as f64;
    if looks >= wanted && waiting < 1.0 { Ok(()) } else { Err(format!("{looks} looks of {wanted}, {waiting} orders")) }
}

/// Versions of all copies, by member and name.
async fn versions(site: &Site) -> Result<BTreeMap<(String, String), String>> {
    let lists = site.copies(SPACE).into_iter().map(async |(member, api)| {
        let list = api.list_metadata(&ListParams::default()).await;
        let list = list.with_context(|| format!("listing the copies on {member}"))?;
        let versions = list.items.into_iter().map(|copy| {
            let version = copy.resource_version().unwrap_or_default();
            ((member.clone(), copy.name_any()), version)
        });
        Ok::<_, anyhow::Error>(versions.collect::<Vec<_>>())
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// Changes some copies and templates while no operator runs; how long from its start until all is as on the hub.
async fn changed_meanwhile(stage: &Stage, site: &Site, run: usize) -> Result<Duration> {
    stage.operator().stop().await?;
    let changed = change(site, run).await;
    let began = Instant::now();
    stage.operator().start().await?;
    changed?;
    let copies = site.copies(SPACE);
    let made_good = copies.iter().map(async |(member, api)| {
        for index in 0..CHANGED {
            let name = Load::Burst.name(index);
            let what = format!("{name} on {member} is as on the hub");
            wait::until(&what, CATCH_UP_DEADLINE, || is_as_on_hub(api, name.clone(), run)).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    try_join_all(made_good).await?;
    Ok(began.elapsed())
}

/// Every second of the changes is the hub's, the others are the members'.
async fn change(site: &Site, run: usize) -> Result<()> {
    let hub: Api<ConfigMap> = Api::namespaced(site.hub.clone(), SPACE);
    let copies = site.copies(SPACE);
    let parameters = PatchParams { field_manager: Some(INTRUDER.to_owned()), ..PatchParams::default() };
    for index in 0..CHANGED {
        let name = Load::Burst.name(index);
        if index.is_multiple_of(2) {
            let news = Patch::Merge(json!({"data": {"run": run.to_string()}}));
            hub.patch(&name, &parameters, &news).await.context("changing a template")?;
        } else {
            let theirs = Patch::Merge(json!({"data": {"payload": "not as on the hub"}}));
            let (member, api) = &copies[index / 2 % copies.len()];
            api.patch(&name, &parameters, &theirs).await.with_context(|| format!("changing a copy on {member}"))?;
        }
    }
    Ok(())
}

async fn is_as_on_hub(api: &Api<ConfigMap>, name: String, run: usize) -> Result<(), String> {
    let copy = api.get(&name).await.map_err(|error| error.to_string())?;
    let wanted = wanted(&name, run);
    if copy.data == wanted {
        Ok(())
    } else {
        Err(format!("{:?}", copy.data.map(|data| data.into_keys().collect::<Vec<_>>())))
    }
}

fn wanted(name: &str, run: usize) -> Option<BTreeMap<String, String>> {
    let mut data = templates::build(SPACE, name, Load::Burst).data?;
    let index: usize = name.rsplit('-').next()?.parse().ok()?;
    if index.is_multiple_of(2) {
        data.insert("run".to_owned(), run.to_string());
    }
    Some(data)
}
