//! Chapter 4: a cable is pulled; what the hub sees, what it decides, and that the app goes on.

use anyhow::{Context, Result, ensure};
use atoll_crds::cluster::Grade;
use atoll_crds::work::binding::TargetCluster;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::figures::seconds;
use super::placement::{BINDING, current, show_copies};
use super::play::{APP, NAMESPACE, PATIENCE, Play, render_targets};
use super::watched::{Judged, Placed, since};
use super::{answers, news};
use crate::stage::Moment;

/// The member whose cable is pulled: neither the first nor, usually, the last.
pub const VICTIM: &str = "m2";
/// How long silence must last that the hub alone sees (`--failover-unconfirmed-after`): a tenth of the default, so that
/// nobody has to wait half a minute for the story to go on.
pub const UNCONFIRMED_AFTER: &str = "3s";
/// How long placements tolerate an isolated cluster (`--failover-after`): the default.
pub const TOLERATED_FOR: &str = "2s";

/// Cuts [`VICTIM`] off and follows what happens.
pub async fn show(play: &mut Play<'_>) -> Result<()> {
    play.narrator.chapter(&format!("The cable of {VICTIM} is cut"));
    let before = current(play).await?.clusters;
    let wall = Timestamp::now();
    play.stage.fleet().faults().isolate(VICTIM).await?;
    let cut = Instant::now();
    play.narrator.act("every packet from and to it is dropped: API, nodes and pods");
    follow_verdict(play, cut).await?;
    let targets = follow_plan(play, cut, &before).await?;
    let ready = play.wait_until_ready(&targets).await?;
    play.figures.replacement_ready_s = Some(seconds(ready - cut));
    play.narrator.at(ready - cut, "every replica is Ready on the clusters that are left");
    show_reasons(play, wall).await?;
    show_copies(play).await?;
    show_other_side(play).await?;
    play.show_kubectl("get clusters").await?;
    play.show_kubectl("get isolationsnapshots").await
}

/// Tells every change of the verdict until it is final and workloads are told to leave.
async fn follow_verdict(play: &mut Play<'_>, cut: Instant) -> Result<()> {
    let narrator = play.narrator;
    let (mut told, mut verdict) = (Grade::Healthy, None);
    let evicting = |moment: &Moment<Judged>| {
        let judged = since(moment, cut, VICTIM)?;
        if judged.grade != told {
            told = judged.grade;
            let planes = format!("API {:?}, nodes and pods {:?}", judged.api, judged.data);
            narrator.at(moment.at - cut, &format!("verdict {:?}: {planes}", judged.grade));
        }
        if judged.grade == Grade::IsolatedFull {
            verdict.get_or_insert(moment.at);
        }
        judged.evicting.then_some(moment.at)
    };
    let marked = play.watched.clusters.follow("workloads are told to leave", PATIENCE, evicting).await?;
    let verdict = verdict.with_context(|| format!("workloads were told to leave {VICTIM} without a verdict"))?;
    play.figures.verdict_s = Some(seconds(verdict - cut));
    narrator.at(
        marked - cut,
        &format!("marked NoExecute: silent for {UNCONFIRMED_AFTER}; placements tolerate that for {TOLERATED_FOR} more"),
    );
    Ok(())
}

/// Waits until the app is placed without the lost cluster.
async fn follow_plan(play: &Play<'_>, cut: Instant, before: &[TargetCluster]) -> Result<Vec<TargetCluster>> {
    let moved = |moment: &Moment<Placed>| {
        let placed = since(moment, cut, BINDING)?;
        let left = placed.clusters.iter().all(|target| target.name != VICTIM);
        left.then(|| (moment.at, placed.clone()))
    };
    let (at, placed) = play.watched.bindings.follow("the app is placed elsewhere", PATIENCE, moved).await?;
    let text = format!("plan: {} -> {}", render_targets(before), render_targets(&placed.clusters));
    play.narrator.at(at - cut, &text);
    for (_, why) in &placed.leaving {
        play.narrator.say(&format!("         because {why}"));
    }
    Ok(placed.clusters)
}

/// The Events that say why.
async fn show_reasons(play: &Play<'_>, since: Timestamp) -> Result<()> {
    play.narrator.say("why, in the hub's Events:");
    for line in
        news::wait(play, since, &["ClusterIsolated", "EvictWorkloadFromClusterSucceed", "ReplacementHealthy"]).await?
    {
        play.narrator.say(&format!("  {line}"));
    }
    Ok(())
}

/// What nobody but a witness beyond the cut can see.
async fn show_other_side(play: &Play<'_>) -> Result<()> {
    ensure!(answers::is_silent(play, VICTIM).await?, "a pod of {VICTIM} answers through a cut cable");
    let mut running = 0;
    play.watched
        .copy(VICTIM)?
        .settled(("the old copy is still there", APP), PATIENCE, |copy| {
            running = copy.map(|copy| copy.ready).unwrap_or_default();
            copy.map(drop).ok_or_else(|| format!("{NAMESPACE}/{APP} is gone"))
        })
        .await?;
    play.narrator.say(&format!("beyond the cut {running} replicas of {VICTIM} go on; from here not one answers"));
    Ok(())
}
