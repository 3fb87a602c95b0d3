//! Chapter 3: somebody edits the app on a member; the edit is undone.

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::figures::seconds;
use super::placement::current;
use super::play::{APP, NAMESPACE, PATIENCE, Play};
use super::watched::Copy;
use crate::stage::Moment;

/// What the API server notes as the author of the edit.
const EDITOR: &str = "kubectl-edit";

/// Edits and waits for the repair.
pub async fn show(play: &mut Play<'_>) -> Result<()> {
    play.narrator.chapter("Somebody edits the app on a member");
    let target = current(play).await?.clusters.into_iter().next().context("the app runs nowhere")?;
    let (member, wanted) = (target.name, target.replicas.context("the app's replicas are divided")?);
    let deployments: Api<Deployment> = Api::namespaced(play.stage.member(&member).await?, NAMESPACE);
    let edit = json!({ "spec": { "replicas": wanted + 3 } });
    let manager = PatchParams { field_manager: Some(EDITOR.to_owned()), ..PatchParams::default() };
    let started = Instant::now();
    let edited = deployments.patch(APP, &manager, &Patch::Merge(edit)).await.context("editing the app on a member")?;
    let generation = edited.metadata.generation.context("a Deployment has a generation")?;
    play.narrator.act(&format!("on {member}: replicas {wanted} -> {} by {EDITOR}", wanted + 3));
    let repaired = |moment: &Moment<Copy>| {
        let copy = moment.state.as_ref()?;
        (copy.generation > generation && copy.replicas == wanted).then_some(moment.at)
    };
    let at = play.watched.copy(&member)?.follow("the edit is undone", PATIENCE, repaired).await?;
    play.narrator.at(at - started, &format!("replicas are {wanted} again"));
    play.figures.drift_repair_s = Some(seconds(at - started));
    let note =
        play.stage.wait_for("the operator notes the repair", PATIENCE, async || find_note(play, &member)).await?;
    play.narrator.aside(&format!("the operator's log: {note}"));
    play.wait_until_ready(&current(play).await?.clusters).await?;
    Ok(())
}

/// What the operator logged of the repair: which field, and who had changed it.
fn find_note(play: &Play<'_>, member: &str) -> Result<String, String> {
    let log = std::fs::read_to_string(play.stage.operator().log()).map_err(|error| error.to_string())?;
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut notes = lines.filter(|line| line["message"] == "drift repaired" && line["cluster"] == member);
    let note = notes.next().ok_or("no such line in its log")?;
    let text = |name: &str| note[name].as_str().unwrap_or("?").to_owned();
    Ok(format!("drift repaired on {member}: {}, changed by {}", text("field"), text("by")))
}
