//! What `kubectl atoll snapshot` carries away from a running operator, and what it must not.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{CONFIG_MAP, DEPLOYMENT, OVERRIDE, POLICY, SECRET};
use crate::scene::{Scene, is_everywhere, item, on, policy};
use crate::workloads::deployment;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_snapshot_tells_what_the_operator_knows_and_no_secret", no_secret),
        trial("names_are_hashed_where_that_is_wished_and_no_file_is_overwritten", hashed),
    ]
}

/// What must not be found, whatever it stood in.
const KNOWN_SECRET: &str = "s3cr3t-hunter2-of-e2e";

async fn take(scene: &Scene, file: &Path, more: &[&str]) -> Result<BTreeMap<String, String>> {
    let address = format!("http://{}", scene.stage().operator().debug_address()?);
    let path = file.to_str().context("a path of this test is text")?;
    scene.stage().cli(&[&["snapshot", "-o", path, "--operator", &address], more].concat()).await?;
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(file).context("opening the bundle")?));
    let mut files = BTreeMap::new();
    for entry in archive.entries().context("reading the bundle")? {
        let mut entry = entry.context("reading the bundle")?;
        let name = entry.path().context("a part has a name")?.to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).with_context(|| format!("reading {name}"))?;
        files.insert(name, text);
    }
    Ok(files)
}

/// Puts the secret wherever a user may put one, and where it comes back in somebody's words.
async fn hide(scene: &Scene) -> Result<()> {
    let hidden =
        json!({"stringData": {"password": KNOWN_SECRET}, "metadata": {"annotations": {"e2e/note": KNOWN_SECRET}}});
    scene.hub(POLICY).apply("hidden", policy(SECRET, "hidden", on(&["m1"]))).await?;
    scene.hub(SECRET).apply("hidden", hidden).await?;
    scene.binding(SECRET, "hidden", "it is everywhere", is_everywhere).await?;
    // The error quotes what the override was to write.
    let image =
        json!([{"component": "Repository", "operator": "replace", "value": format!("no image {KNOWN_SECRET}")}]);
    let rule = json!({"overriders": {"imageOverrider": image}});
    let selector = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "quoted"});
    scene
        .hub(OVERRIDE)
        .apply("quoted", json!({"spec": {"resourceSelectors": [selector], "overrideRules": [rule]}}))
        .await?;
    scene.hub(POLICY).apply("quoted", policy(DEPLOYMENT, "quoted", on(&["m1"]))).await?;
    scene.hub(DEPLOYMENT).apply("quoted", deployment(1)).await?;
    let told = |binding: &Value| item(binding, "m1")["appliedMessage"].is_string();
    scene.binding(DEPLOYMENT, "quoted", "its failure is told", told).await.map(drop)
}

async fn no_secret() -> Result<()> {
    let scene = Scene::open("snapshot").await?;
    hide(&scene).await?;
    let folder = tempfile::tempdir().context("making a folder")?;
    let files = take(&scene, &folder.path().join("bundle.tar.gz"), &[]).await?;
    let list: Value = serde_json::from_str(&files["manifest.json"]).context("reading the list")?;
    ensure!(list["failed"] == json!([]), "{list}");
    let parts = [
        "versions.json",
        "flags.json",
        "fleet.json",
        "copies.json",
        "bindings.json",
        "queues.json",
        "lanes.json",
        "tasks.json",
        "decisions.json",
        "metrics.txt",
        "vars.json",
        "readiness.txt",
    ];
    for part in parts {
        ensure!(files.get(part).is_some_and(|text| text.len() > 10), "{part} is missing or empty");
    }
    ensure!(files["fleet.json"].contains("\"m1\"") && files["copies.json"].contains("Secret snapshot/hidden"));
    ensure!(
        files["copies.json"].contains("is not an image reference"),
        "the failure is told: {}",
        files["copies.json"]
    );
    ensure!(files["metrics.txt"].contains("atoll_member_applies_total") && files["tasks.json"].contains("pipeline"));
    ensure!(files["decisions.json"].contains("Applied"), "{}", files["decisions.json"]);
    let mut secrets = vec![KNOWN_SECRET.to_owned()];
    let member = scene.kubectl(&["get", "secrets", "--namespace", "karmada-cluster", "-o", "json"]).await?;
    let member: Value = serde_json::from_str(&member).context("reading the members' credentials")?;
    let held = member["items"].as_array().into_iter().flatten().filter_map(|secret| secret["data"]["token"].as_str());
    secrets.extend(held.map(str::to_owned));
    ensure!(secrets.len() > 3, "the members' credentials are known here");
    for (file, text) in &files {
        ensure!(!secrets.iter().any(|secret| text.contains(secret.as_str())), "{file} holds a secret");
        // Tokens in their own form begin so.
        ensure!(!text.contains("eyJhbGci") && !text.contains("PRIVATE KEY"), "{file} holds a credential");
    }
    Ok(())
}

async fn hashed() -> Result<()> {
    let scene = Scene::open("snapshot-hashed").await?;
    scene.hub(POLICY).apply("telling-name", policy(CONFIG_MAP, "telling-name", on(&["m1"]))).await?;
    scene.hub(CONFIG_MAP).apply("telling-name", json!({"data": {"a": "b"}})).await?;
    scene.binding(CONFIG_MAP, "telling-name", "it is everywhere", is_everywhere).await?;
    let folder = tempfile::tempdir().context("making a folder")?;
    let file = folder.path().join("bundle.tar.gz");
    let files = take(&scene, &file, &["--redact-names"]).await?;
    for (name, text) in &files {
        ensure!(!text.contains("telling-name") && !text.contains("snapshot-hashed"), "{name} tells names");
    }
    let error = take(&scene, &file, &[]).await.err().context("the file is there")?;
    ensure!(format!("{error:#}").contains("--force"), "{error:#}");
    let plain = take(&scene, &file, &["--force"]).await?;
    ensure!(plain["copies.json"].contains("ConfigMap snapshot-hashed/telling-name"));
    Ok(())
}
