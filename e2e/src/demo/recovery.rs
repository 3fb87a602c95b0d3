//! Chapter 5: the cable is mended; the old copy goes and everything is as it should be.

use anyhow::Result;
use atoll_crds::cluster::Grade;
use futures::future::try_join_all;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::figures::seconds;
use super::isolation::VICTIM;
use super::news;
use super::placement::{BINDING, current, show_copies};
use super::play::{APP, NAMESPACE, PATIENCE, Play};
use super::watched::{Copy, Judged, Placed, since};
use crate::stage::Moment;

/// Mends the cable and follows what happens.
pub async fn show(play: &mut Play<'_>) -> Result<()> {
    play.narrator.chapter(&format!("The cable of {VICTIM} is mended"));
    let wall = Timestamp::now();
    play.stage.fleet().faults().reconnect(VICTIM).await?;
    let mended = Instant::now();
    play.narrator.act("packets pass again; the old copy still runs there");
    follow_verdict(play, mended).await?;
    let reconciled = wait_until_reconciled(play, mended).await?;
    play.figures.reconciled_s = Some(seconds(reconciled - mended));
    play.narrator.at(reconciled - mended, "every cluster runs what the hub wants, and nothing else");
    for line in news::wait(play, wall, &["EvictedCopyReleased", "ClusterRecovered"]).await? {
        play.narrator.say(&format!("  {line}"));
    }
    play.narrator.aside("no policy asks for a move back, so what runs well stays where it is");
    show_copies(play).await?;
    play.show_kubectl(&format!("get resourcebindings -n {NAMESPACE}")).await
}

/// Tells every change of the verdict until the cluster is trusted again.
async fn follow_verdict(play: &Play<'_>, mended: Instant) -> Result<()> {
    let mut told = Grade::IsolatedFull;
    let trusted = |moment: &Moment<Judged>| {
        let judged = since(moment, mended, VICTIM)?;
        if judged.grade != told {
            told = judged.grade;
            play.narrator.at(moment.at - mended, &format!("verdict {:?}", judged.grade));
        }
        (judged.grade == Grade::Healthy && !judged.evicting).then_some(())
    };
    play.watched.clusters.follow("the cluster is trusted again", PATIENCE, trusted).await
}

/// Waits until the binding has no move under way and every member runs exactly what it says; returns since when.
async fn wait_until_reconciled(play: &Play<'_>, mended: Instant) -> Result<Instant> {
    let at_rest = |placed: Option<&Placed>| match placed {
        Some(placed) if placed.well => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let rest = play.watched.bindings.settled(("the move is over", BINDING), PATIENCE, at_rest).await?;
    let targets = current(play).await?.clusters;
    let members = play.members.iter().map(async |member| {
        let wanted = targets.iter().find(|target| target.name == *member).and_then(|target| target.replicas);
        let what = format!("{member} runs {} replicas", wanted.map_or_else(|| "no".to_owned(), |n| n.to_string()));
        let as_wanted = |copy: Option<&Copy>| {
            let held = copy.map(|copy| (copy.replicas, copy.ready));
            if held == wanted.map(|n| (n, n)) { Ok(()) } else { Err(format!("{held:?} (replicas, ready)")) }
        };
        let at = play.watched.copy(member)?.settled((&what, APP), PATIENCE, as_wanted).await?;
        if member == VICTIM && wanted.is_none() {
            play.narrator.at(at.saturating_duration_since(mended), &format!("the old copy on {member} is gone"));
        }
        anyhow::Ok(at)
    });
    let settled = try_join_all(members).await?;
    Ok(settled.into_iter().fold(rest, Instant::max).max(mended))
}
