//! The stage of tests that spoil it: members m1, m2, m3 with faults, and one test on it at a time.
//!
//! In: a play. Out: what came of it. A play mends what it spoiled; one that failed or did not end takes the stage with
//! it, so that the next begins on a new one.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use atoll_crds::Cluster;
use atoll_crds::cluster::{DataState, Grade};
use atoll_e2e::stage::{Objects, Stage};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::harness::{AT_MOST, off_the_clock};

/// The members of the stage.
pub const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];
/// A hold-down is over in seconds; this is for a machine that runs a whole test suite beside it.
const MENDED_DEADLINE: Duration = Duration::from_mins(1);

static STAGE: Mutex<Option<Stage>> = Mutex::const_new(None);

/// Runs `play` with nobody else on the stage.
pub async fn on_stage(play: impl AsyncFnOnce(&Stage) -> Result<()>) -> Result<()> {
    // A play has a clock of its own here: a stage whose play was dropped from outside would stay spoiled.
    off_the_clock(Box::pin(perform(play))).await
}

async fn perform(play: impl AsyncFnOnce(&Stage) -> Result<()>) -> Result<()> {
    let mut place = STAGE.lock().await;
    if place.is_none() {
        *place = Some(Stage::builder().fleet(|fleet| fleet.members(MEMBERS)).start().await?);
    }
    let stage = place.as_ref().context("the stage has just been started")?;
    let outcome = match mend(stage).await {
        Ok(()) => match timeout(AT_MOST, play(stage)).await {
            Ok(ended) => ended,
            Err(_) => Err(anyhow!("it did not end within {AT_MOST:?}")),
        },
        Err(error) => Err(error.context("the stage was not fit for another test")),
    };
    let (Err(error), Some(spoiled)) = (&outcome, place.take_if(|_| outcome.is_err())) else { return outcome };
    match spoiled.shutdown().await {
        Ok(()) => outcome,
        Err(second) => Err(anyhow!("{error:#}; ending the stage failed as well: {second:#}")),
    }
}

/// Ends the stage.
pub async fn finish() -> Result<()> {
    match STAGE.lock().await.take() {
        Some(stage) => stage.shutdown().await,
        None => Ok(()),
    }
}

/// Waits until all members are trusted again. A hold-down doubles with each loss, so a run of tests would wait for
/// minutes in the end: the losses of former tests are forgotten.
async fn mend(stage: &Stage) -> Result<()> {
    stage.fleet().faults().heal_all().await?;
    let clusters: Api<Cluster> = Api::all(stage.hub());
    let known = clusters.list(&kube::api::ListParams::default()).await.context("listing the clusters")?;
    let remembers = |cluster: &Cluster| {
        let verdict = cluster.status.as_ref().and_then(|status| status.verdict.as_ref());
        verdict.is_some_and(|verdict| verdict.hold_down_seconds.is_some())
    };
    if known.items.iter().any(remembers) {
        stage.operator().stop().await?;
        for cluster in &known.items {
            let forget = Patch::Merge(json!({"status": {"verdict": null}}));
            clusters.patch_status(&cluster.name_any(), &PatchParams::default(), &forget).await?;
        }
        stage.operator().start().await?;
    }
    stage.watch("all members are trusted and bear no marks", MENDED_DEADLINE, clusters, are_trusted).await
}

fn are_trusted(seen: &Objects<Cluster>) -> Result<(), String> {
    for name in MEMBERS {
        let cluster = seen.get(name).ok_or_else(|| format!("{name} has no Cluster"))?;
        let status = cluster.status.clone().unwrap_or_default();
        // A data plane that has not answered this operator yet cannot go dark: what is cut off before is not isolated.
        // The condition FailoverArmed does not say so, as it outlives an operator.
        let judged = status.verdict.map(|verdict| (verdict.grade, verdict.data.state));
        let ready = status.conditions.iter().any(|held| held.type_ == "Ready" && held.status == "True");
        if judged != Some((Grade::Healthy, DataState::Serving)) || !ready || !cluster.spec.taints.is_empty() {
            return Err(format!("{name}: {judged:?}, ready: {ready}, taints {:?}", cluster.spec.taints));
        }
    }
    Ok(())
}
