//! What override policies change on the way to a member, and in which order.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{CLUSTER_OVERRIDE, CONFIG_MAP, DEPLOYMENT, OVERRIDE, POLICY};
use crate::scene::{Scene, annotation, condition, is_everywhere, item, label, on, policy};
use crate::workloads::deployment;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_plaintext_override_changes_one_member_and_follows_its_edits_until_it_goes", plaintext),
        trial("an_image_override_changes_the_part_it_names", image),
        trial("labels_annotations_and_arguments_are_overridden_too", other_kinds_of_override),
        trial("overrides_of_the_namespace_come_after_those_of_the_cluster", order),
        trial("an_override_that_does_not_fit_fails_on_its_member_alone", misfit),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "callers make it in place")]
/// The body of an override policy for one object, with one rule for these clusters.
fn overriding(kind: crate::kinds::Kind, name: &str, clusters: &[&str], overriders: Value) -> Value {
    json!({"spec": {
        "resourceSelectors": [{"apiVersion": kind.version, "kind": kind.kind, "name": name}],
        "overrideRules": [{"targetCluster": {"clusterNames": clusters}, "overriders": overriders}],
    }})
}

fn replace(path: &str, value: &str) -> Value {
    json!({"plaintext": [{"path": path, "operator": "replace", "value": value}]})
}

async fn place_settings(scene: &Scene) -> Result<()> {
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m1", "m2"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "template", "b": "template"}})).await?;
    Ok(())
}

/// Waits until `data` of the copy on a member says so.
async fn says(scene: &Scene, member: &'static str, a: &str, b: &str) -> Result<()> {
    let holds = |copy: &Value| copy["data"] == json!({"a": a, "b": b});
    let what = format!("it says a={a}, b={b}");
    scene.member(member, CONFIG_MAP).until("settings", &what, holds).await.map(drop)
}

async fn plaintext() -> Result<()> {
    let scene = Scene::open("plaintext").await?;
    let own = async |value: &str| {
        let body = overriding(CONFIG_MAP, "settings", &["m1"], replace("/data/a", value));
        scene.hub(OVERRIDE).apply("own", body).await
    };
    own("first").await?;
    place_settings(&scene).await?;
    says(&scene, "m1", "first", "template").await?;
    says(&scene, "m2", "template", "template").await?;
    let untouched = scene.member("m2", CONFIG_MAP).get("settings").await?;
    own("second").await?;
    says(&scene, "m1", "second", "template").await?;
    scene.hub(OVERRIDE).delete("own").await?;
    says(&scene, "m1", "template", "template").await?;
    scene.settle().await?;
    let after = scene.member("m2", CONFIG_MAP).get("settings").await?;
    ensure!(
        after["metadata"]["resourceVersion"] == untouched["metadata"]["resourceVersion"],
        "m2 was written: {after}"
    );
    Ok(())
}

async fn image() -> Result<()> {
    let scene = Scene::open("image").await?;
    let change = |component: &str, value: &str| json!({"component": component, "operator": "replace", "value": value});
    let overriders = json!({"imageOverrider": [change("Registry", "mirror.example:5000"), change("Tag", "2.0")]});
    scene.hub(OVERRIDE).apply("mirror", overriding(DEPLOYMENT, "web", &["m2"], overriders)).await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", on(&["m1", "m2"]))).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(1)).await?;
    scene.binding(DEPLOYMENT, "web", "it is everywhere", is_everywhere).await?;
    for (member, wanted) in [("m1", "registry.example/web:1.0"), ("m2", "mirror.example:5000/web:2.0")] {
        let copy = scene.member(member, DEPLOYMENT).get("web").await?;
        let image = &copy["spec"]["template"]["spec"]["containers"][0]["image"];
        ensure!(image == wanted, "{member}: {image}");
    }
    Ok(())
}

async fn other_kinds_of_override() -> Result<()> {
    let scene = Scene::open("other-overrides").await?;
    let overriders = json!({
        "labelsOverrider": [{"operator": "add", "value": {"where": "m1"}}],
        "annotationsOverrider": [{"operator": "add", "value": {"e2e.atoll.dev/where": "m1"}}],
        "argsOverrider": [{"containerName": "web", "operator": "add", "value": ["--verbose"]}],
        "commandOverrider": [{"containerName": "web", "operator": "add", "value": ["/bin/web"]}],
    });
    scene.hub(OVERRIDE).apply("own", overriding(DEPLOYMENT, "web", &["m1"], overriders)).await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", on(&["m1", "m2"]))).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(1)).await?;
    scene.binding(DEPLOYMENT, "web", "it is everywhere", is_everywhere).await?;
    let changed = scene.member("m1", DEPLOYMENT).get("web").await?;
    let plain = scene.member("m2", DEPLOYMENT).get("web").await?;
    let container = |copy: &Value| copy["spec"]["template"]["spec"]["containers"][0].clone();
    ensure!(label(&changed, "where") == "m1" && annotation(&changed, "e2e.atoll.dev/where") == "m1", "{changed}");
    ensure!(container(&changed)["args"] == json!(["--verbose"]), "{changed}");
    ensure!(container(&changed)["command"] == json!(["/bin/web"]), "{changed}");
    ensure!(label(&plain, "where").is_null() && container(&plain)["args"].is_null(), "{plain}");
    Ok(())
}

async fn order() -> Result<()> {
    let scene = Scene::open("order").await?;
    let both = |value: &str| {
        let change = |path: &str| json!({"path": path, "operator": "replace", "value": value});
        json!({"plaintext": [change("/data/a"), change("/data/b")]})
    };
    let mut wide = overriding(CONFIG_MAP, "settings", &["m1", "m2"], both("cluster"));
    wide["spec"]["resourceSelectors"][0]["namespace"] = "order".into();
    scene.hub(CLUSTER_OVERRIDE).apply("z-order", wide).await?;
    let narrow = overriding(CONFIG_MAP, "settings", &["m1"], replace("/data/a", "namespace"));
    scene.hub(OVERRIDE).apply("a-order", narrow).await?;
    place_settings(&scene).await?;
    says(&scene, "m1", "namespace", "cluster").await?;
    says(&scene, "m2", "cluster", "cluster").await?;
    scene.hub(CLUSTER_OVERRIDE).delete("z-order").await?;
    says(&scene, "m1", "namespace", "template").await?;
    says(&scene, "m2", "template", "template").await
}

async fn misfit() -> Result<()> {
    let scene = Scene::open("misfit").await?;
    let overriders = replace("/data/none", "x");
    scene.hub(OVERRIDE).apply("own", overriding(CONFIG_MAP, "settings", &["m1"], overriders)).await?;
    place_settings(&scene).await?;
    says(&scene, "m2", "template", "template").await?;
    let told = |binding: &Value| {
        let message = item(binding, "m1")["appliedMessage"].as_str().unwrap_or_default();
        let failed =
            item(binding, "m1")["applied"] != true && message.contains("/data/none") && message.contains("own");
        let alone = item(binding, "m2")["applied"] == true;
        failed && alone && condition(binding, "FullyApplied")["status"] == "False"
    };
    let what = "it tells which override fails and where, and is on m2";
    scene.binding(CONFIG_MAP, "settings", what, told).await?;
    ensure!(!scene.member("m1", CONFIG_MAP).has("settings").await?);
    let mended = overriding(CONFIG_MAP, "settings", &["m1"], replace("/data/a", "mended"));
    scene.hub(OVERRIDE).apply("own", mended).await?;
    says(&scene, "m1", "mended", "template").await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await.map(drop)
}
