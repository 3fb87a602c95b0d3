//! Changes on a member that are nobody's there to make: they are put back, and counted.
//!
//! Times are measured and shown; the aim (p99 below 1 s) is the benches' to judge, a busy machine fails no test.

use anyhow::{Result, ensure};
use atoll_crds::names::label as labels;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::trial;
use crate::kinds::{CONFIG_MAP, DEPLOYMENT, POLICY};
use crate::scene::{Place, Scene, annotation, eventually, is_everywhere, label, on, policy};
use crate::workloads::deployment;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_field_edited_on_a_member_is_put_back_and_counted", edited),
        trial("a_copy_deleted_on_a_member_comes_back", deleted),
        trial("a_copy_that_lost_our_label_gets_it_back", unlabelled),
        trial("a_field_that_another_manager_took_by_force_is_taken_back", taken),
        trial("replicas_changed_on_a_member_are_put_back", scaled),
        trial("what_others_add_to_a_copy_stays", added),
    ]
}

async fn settings(name: &str) -> Result<Scene> {
    place_settings(Scene::open(name).await?).await
}

async fn place_settings(scene: Scene) -> Result<Scene> {
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m1", "m2"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "ours"}})).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    Ok(scene)
}

/// Waits until the copy is as `holds` says, and shows how long that took.
async fn repaired(place: &Place<'_>, name: &str, drift: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let began = Instant::now();
    let copy = place.until(name, &format!("{drift} is repaired"), holds).await?;
    println!("{drift}: repaired after {:.0} ms", began.elapsed().as_secs_f64() * 1000.0);
    Ok(copy)
}

fn is_ours(copy: &Value) -> bool {
    copy["data"] == json!({"a": "ours"}) && label(copy, labels::MANAGED) == "true"
}

async fn edited() -> Result<()> {
    // The counter is the operator's, not this namespace's.
    let scene = place_settings(Scene::open_alone("drift-edited").await?).await?;
    let counted = async || scene.stage().operator().metric("atoll_drift_repaired_total", "").await;
    let before = counted().await?;
    let copy = scene.member("m1", CONFIG_MAP);
    let other = scene.member("m2", CONFIG_MAP).get("settings").await?;
    copy.edit("settings", json!({"data": {"a": "theirs"}})).await?;
    repaired(&copy, "settings", "an edited field", is_ours).await?;
    eventually(&scene, "the repair is counted", async || match counted().await {
        Ok(now) if now > before => Ok(()),
        other => Err(format!("{other:?}, before {before}")),
    })
    .await?;
    let untouched = scene.member("m2", CONFIG_MAP).get("settings").await?;
    ensure!(untouched["metadata"]["resourceVersion"] == other["metadata"]["resourceVersion"], "{untouched}");
    Ok(())
}

async fn deleted() -> Result<()> {
    let scene = settings("drift-deleted").await?;
    let copy = scene.member("m1", CONFIG_MAP);
    let before = copy.get("settings").await?;
    copy.delete("settings").await?;
    let renewed = |copy: &Value| is_ours(copy) && copy["metadata"]["uid"] != before["metadata"]["uid"];
    repaired(&copy, "settings", "a deleted copy", renewed).await.map(drop)
}

async fn unlabelled() -> Result<()> {
    let scene = settings("drift-unlabelled").await?;
    let copy = scene.member("m1", CONFIG_MAP);
    let before = copy.get("settings").await?;
    copy.edit("settings", json!({"metadata": {"labels": {labels::MANAGED: null}}})).await?;
    let after = repaired(&copy, "settings", "a stripped label", is_ours).await?;
    ensure!(after["metadata"]["uid"] == before["metadata"]["uid"], "it is the same object: {after}");
    Ok(())
}

async fn taken() -> Result<()> {
    let scene = settings("drift-taken").await?;
    let copy = scene.member("m1", CONFIG_MAP);
    // Another value: who applies the same one holds the field together with us, which is no theft.
    copy.apply_as("thief", "settings", json!({"data": {"a": "theirs"}})).await?;
    let held_by_us = |copy: &Value| {
        let entries = copy["metadata"]["managedFields"].as_array().into_iter().flatten();
        let holders = entries.filter(|entry| entry["fieldsV1"]["f:data"]["f:a"].is_object());
        holders.filter_map(|entry| entry["manager"].as_str()).eq(["atoll"])
    };
    let back = |copy: &Value| is_ours(copy) && held_by_us(copy);
    repaired(&copy, "settings", "a field taken by force", back).await.map(drop)
}

async fn scaled() -> Result<()> {
    let scene = Scene::open("drift-scaled").await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", on(&["m1"]))).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(2)).await?;
    scene.binding(DEPLOYMENT, "web", "it is everywhere", is_everywhere).await?;
    let copy = scene.member("m1", DEPLOYMENT);
    copy.edit("web", json!({"spec": {"replicas": 5}})).await?;
    repaired(&copy, "web", "changed replicas", |copy| copy["spec"]["replicas"] == 2).await.map(drop)
}

async fn added() -> Result<()> {
    let scene = settings("drift-added").await?;
    let copy = scene.member("m1", CONFIG_MAP);
    let more =
        json!({"metadata": {"labels": {"theirs": "1"}, "annotations": {"theirs": "1"}}, "data": {"b": "theirs"}});
    let edited = copy.edit("settings", more).await?;
    scene.settle().await?;
    let after = copy.get("settings").await?;
    ensure!(after["metadata"]["resourceVersion"] == edited["metadata"]["resourceVersion"], "it was written: {after}");
    // It outlives a change of ours, too.
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "newer"}})).await?;
    let both = |copy: &Value| {
        copy["data"] == json!({"a": "newer", "b": "theirs"})
            && label(copy, "theirs") == "1"
            && annotation(copy, "theirs") == "1"
    };
    copy.until("settings", "it holds what is ours and what is theirs", both).await.map(drop)
}
