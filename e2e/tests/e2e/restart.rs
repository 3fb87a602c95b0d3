//! What is in place costs no writes: not when users apply it again, not when the operator starts anew, not when another
//! replica takes over.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use atoll_crds::names::label as labels;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::trial;
use crate::kinds::{BINDING, CLUSTER, CONFIG_MAP, DEPLOYMENT, Kind, NAMESPACE, POLICY, SECRET};
use crate::scene::{Scene, changes, eventually, is_everywhere, label, policy};
use crate::workloads::deployment;

/// What users and the operator keep on the hub.
const ON_HUB: [Kind; 5] = [CONFIG_MAP, DEPLOYMENT, POLICY, BINDING, CLUSTER];
/// The same without the Clusters, whose resource numbers follow the pods for up to 10 s.
const PLACED: [Kind; 4] = [CONFIG_MAP, DEPLOYMENT, POLICY, BINDING];
/// What the operator keeps on members.
const ON_MEMBERS: [Kind; 3] = [CONFIG_MAP, DEPLOYMENT, NAMESPACE];
/// A Lease of 4 s, looked at twice a second, and a machine that is busy.
const TAKEN_OVER_WITHIN: f64 = 10.0;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("applying_what_is_there_already_costs_no_write_and_keeps_the_claim", applied_again),
        trial("an_operator_that_starts_anew_writes_nothing_where_nothing_changed", restarted),
        trial("what_changed_while_no_operator_ran_is_made_good", changed_meanwhile),
        trial("a_second_replica_takes_over_when_the_first_is_killed", taken_over),
    ]
}

/// The manifest of the Deployment, as a user keeps it.
fn web() -> Value {
    let mut body = deployment(3);
    body["apiVersion"] = "apps/v1".into();
    body["kind"] = "Deployment".into();
    body["metadata"] = json!({"name": "web"});
    body
}

/// A Deployment, applied as `kubectl apply` does, and a `ConfigMap`, both everywhere and at rest.
async fn shop(scene: &Scene) -> Result<()> {
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", json!({}))).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    kubectl_apply(scene, &web(), &[]).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    let healthy = |binding: &Value| is_everywhere(binding) && binding["status"]["healthy"] == "3/3";
    scene.binding(DEPLOYMENT, "web", "it is healthy everywhere", healthy).await.map(drop)
}

async fn kubectl_apply(scene: &Scene, manifest: &Value, options: &[&str]) -> Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), manifest.to_string())?;
    let path = file.path().to_string_lossy().into_owned();
    scene.kubectl(&[["apply", "-f", &path].as_slice(), options].concat()).await
}

/// The operator's counts of what it wrote of objects, by series; statuses and Clusters, which follow later, are seen by
/// their versions alone.
async fn written(scene: &Scene) -> Result<BTreeMap<String, u64>> {
    let metrics = scene.stage().operator().metrics().await?;
    let counts =
        ["atoll_hub_writes_total{", "atoll_member_applies_total{outcome=\"applied\"", "atoll_member_deletes_total{"];
    let comes_later = |line: &str| line.contains("_status\"") || line.contains("kind=\"cluster\"");
    let is_count = |line: &&str| counts.iter().any(|count| line.starts_with(count)) && !comes_later(line);
    let pair = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series.to_owned(), value.parse().ok()?))
    };
    Ok(metrics.lines().filter(is_count).filter_map(pair).collect())
}

/// The series that have grown, and by how much.
fn grown(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let growth = after.iter().map(|(series, count)| (series.clone(), count - before.get(series).unwrap_or(&0)));
    growth.filter(|(_, more)| *more > 0).collect()
}

async fn applied_again() -> Result<()> {
    let scene = Scene::open_alone("applied-again").await?;
    shop(&scene).await?;
    again(&scene, &[]).await?;
    // As Flux does it: its first apply takes the fields over, which is a change; its next ones are none.
    let as_flux = ["--server-side", "--field-manager", "flux", "--force-conflicts"];
    kubectl_apply(&scene, &web(), &as_flux).await?;
    again(&scene, &as_flux).await?;
    for (kind, name) in [(DEPLOYMENT, "web"), (CONFIG_MAP, "settings")] {
        let template = scene.hub(kind).get(name).await?;
        ensure!(label(&template, labels::PROPAGATION_POLICY_ID).is_string(), "the claim stays: {template}");
    }
    Ok(())
}

/// Applies what is there already, once more and in the same way: nothing is written, on the hub or on members.
async fn again(scene: &Scene, options: &[&str]) -> Result<()> {
    let before = at_rest(scene).await?;
    let counted = written(scene).await?;
    scene.settle().await?;
    let with_marker = written(scene).await?;
    let of_a_marker = grown(&counted, &with_marker);
    ensure!(!of_a_marker.is_empty(), "the operator counts its writes");
    kubectl_apply(scene, &web(), options).await?;
    let held = scene.hub(DEPLOYMENT).get("web").await?;
    scene.hub(DEPLOYMENT).replace("web", &held).await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", json!({}))).await?;
    scene.settle().await?;
    let after = scene.versions(&PLACED, &ON_MEMBERS).await?;
    ensure!(before == after, "written: {:?}", changes(&before, &after));
    let wrote = grown(&with_marker, &written(scene).await?);
    ensure!(wrote == of_a_marker, "the operator wrote {wrote:?}; for the marker alone it writes {of_a_marker:?}");
    Ok(())
}

/// Versions of what is placed, once nothing moves any more.
async fn at_rest(scene: &Scene) -> Result<BTreeMap<String, String>> {
    scene.calm(&PLACED, &ON_MEMBERS).await?;
    scene.versions(&PLACED, &ON_MEMBERS).await
}

/// Waits until the operator has looked at everything: nothing waits in its queues and lanes any more.
async fn idle(scene: &Scene) -> Result<()> {
    eventually(scene, "the operator has nothing left to do", async || {
        let depth = scene.stage().operator().metric("atoll_lane_depth", "").await;
        match depth {
            Ok(0.0) => Ok(()),
            Ok(depth) => Err(format!("{depth} orders wait")),
            Err(error) => Err(format!("{error:#}")),
        }
    })
    .await
}

async fn restarted() -> Result<()> {
    let scene = Scene::open_alone("restarted").await?;
    shop(&scene).await?;
    let before = all(&scene).await?;
    scene.stage().operator().restart().await?;
    scene.settle().await?;
    idle(&scene).await?;
    scene.settle().await?;
    let after = snapshot(&scene).await?;
    ensure!(before == after, "written: {:?}", changes(&before, &after));
    let copies = scene.stage().operator().metric("atoll_member_applies_total", "outcome=\"applied\"").await?;
    // Two markers on three members.
    ensure!(copies <= 6.0, "{copies} copies were applied after a restart");
    Ok(())
}

/// What is in this namespace, and what was there before every test: the ballast.
async fn snapshot(scene: &Scene) -> Result<BTreeMap<String, String>> {
    let mut all = scene.versions(&PLACED, &ON_MEMBERS).await?;
    all.extend(scene.versions_in("ballast", &[SECRET, POLICY, BINDING], &[SECRET]).await?);
    Ok(all)
}

async fn all(scene: &Scene) -> Result<BTreeMap<String, String>> {
    scene.calm(&ON_HUB, &ON_MEMBERS).await?;
    snapshot(scene).await
}

async fn changed_meanwhile() -> Result<()> {
    let scene = Scene::open_alone("changed-meanwhile").await?;
    shop(&scene).await?;
    scene.stage().operator().stop().await?;
    let changed = async {
        scene.member("m1", CONFIG_MAP).edit("settings", json!({"data": {"a": "theirs"}})).await?;
        scene.member("m2", CONFIG_MAP).delete("settings").await?;
        scene.hub(DEPLOYMENT).delete("web").await
    };
    let changed = changed.await;
    scene.stage().operator().start().await?;
    changed?;
    for member in ["m1", "m2"] {
        let ours = |copy: &Value| copy["data"]["a"] == "b";
        scene.member(member, CONFIG_MAP).until("settings", "it is as on the hub", ours).await?;
        scene.member(member, DEPLOYMENT).gone("web").await?;
    }
    scene.hub(BINDING).gone("web-deployment").await
}

async fn taken_over() -> Result<()> {
    let scene = Scene::open_alone("taken-over").await?;
    shop(&scene).await?;
    let second = scene.stage().start_operator("second", &[]).await?;
    let before = all(&scene).await?;
    let first = scene.stage().operator();
    first.kill().await?;
    let began = Instant::now();
    let taken = take_over(&scene, &before, began).await.context("the second replica");
    let took = began.elapsed().as_secs_f64();
    // The stage is left as it was found, whatever failed.
    let stopped = second.stop().await.context("ending the second replica");
    let started = first.start().await.context("starting the first replica again");
    taken.and(stopped).and(started)?;
    scene.settle().await?;
    println!("a killed leader was replaced, and a change carried out, after {took:.1} s");
    Ok(())
}

async fn take_over(scene: &Scene, before: &BTreeMap<String, String>, began: Instant) -> Result<()> {
    scene.hub(POLICY).apply("news", policy(CONFIG_MAP, "news", json!({}))).await?;
    scene.hub(CONFIG_MAP).apply("news", json!({"data": {"a": "b"}})).await?;
    scene.member("m1", CONFIG_MAP).there("news").await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(took < TAKEN_OVER_WITHIN, "it took {took:.1} s");
    scene.settle().await?;
    let mut after = snapshot(scene).await?;
    after.retain(|key, _| !key.contains(" news"));
    ensure!(*before == after, "written: {:?}", changes(before, &after));
    Ok(())
}
