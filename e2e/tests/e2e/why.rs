//! What `kubectl atoll why` and `kubectl atoll get` tell a person who did not see it happen.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{CLUSTER, CONFIG_MAP, DEPLOYMENT, NAMESPACE, OVERRIDE, POLICY};
use crate::scene::{Scene, eventually, is_everywhere, item, on, policy};
use crate::workloads::deployment;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_placement_is_explained_with_claim_filters_division_overrides_and_applies", placement),
        trial("an_object_that_no_policy_selects_is_told_of_the_nearest_one", unselected),
        trial("a_copy_that_its_member_refuses_is_told_in_the_members_words", refused),
        trial("without_the_operator_the_hub_is_asked_and_the_way_to_the_operator_is_told", unreachable),
        trial("clusters_and_policies_are_listed_with_what_became_of_them", listed),
    ]
}

/// What the command says, the operator being asked where it listens.
async fn why(scene: &Scene, words: &[&str]) -> Result<String> {
    let address = format!("http://{}", scene.stage().operator().debug_address()?);
    let command = ["why", "-n", scene.namespace(), "--operator", &address];
    scene.stage().cli(&[&command, words].concat()).await
}

async fn explained(scene: &Scene, object: &str) -> Result<Value> {
    let said = why(scene, &[object, "-o", "json"]).await?;
    serde_json::from_str(&said).with_context(|| said)
}

/// The explanation once `holds`; what is applied becomes known a moment later.
async fn until(scene: &Scene, object: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    eventually(scene, what, async || {
        let seen = explained(scene, object).await.map_err(|error| format!("{error:#}"))?;
        if holds(&seen) { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await
}

/// The entry of a list about one cluster.
fn about<'a>(list: &'a Value, cluster: &str) -> &'a Value {
    list.as_array().into_iter().flatten().find(|entry| entry["cluster"] == cluster).unwrap_or(&Value::Null)
}

async fn placement() -> Result<()> {
    let scene = Scene::open_alone("why-placed").await?;
    let taint = json!([{"key": "e2e.atoll.dev/why", "effect": "NoSchedule"}]);
    scene.hub(CLUSTER).edit("m3", json!({"spec": {"taints": taint}})).await?;
    let tested = explain_beside_a_taint(&scene).await;
    scene.hub(CLUSTER).edit("m3", json!({"spec": {"taints": null}})).await?;
    tested
}

async fn explain_beside_a_taint(scene: &Scene) -> Result<()> {
    let weights = [("m1", 2), ("m2", 1), ("m3", 1)]
        .map(|(name, weight)| json!({"targetCluster": {"clusterNames": [name]}, "weight": weight}));
    let divided = json!({"priority": 3, "placement": {"replicaScheduling": {
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": weights},
    }}});
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", divided)).await?;
    let all = json!({"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}]});
    scene.hub(POLICY).apply("rest", json!({"spec": all})).await?;
    let overriders = json!({"labelsOverrider": [{"operator": "add", "value": {"where": "m1"}}]});
    let rule = json!({"targetCluster": {"clusterNames": ["m1"]}, "overriders": overriders});
    scene.hub(OVERRIDE).apply("own", json!({"spec": {"overrideRules": [rule]}})).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(3)).await?;
    scene.binding(DEPLOYMENT, "web", "it is everywhere", is_everywhere).await?;
    let applied = |seen: &Value| about(&seen["applies"], "m1")["state"] == "applied";
    let seen = until(scene, "deploy/web", "it is explained as applied on m1", applied).await?;

    let [winner, loser] = [0, 1].map(|place| &seen["claim"]["contenders"][place]);
    ensure!(winner["policy"] == "PropagationPolicy why-placed/web" && winner["wins"] == true, "{seen}");
    ensure!(
        loser["why"] == "its priority 0 is lower than 3"
            || loser["why"].as_str().is_some_and(|why| why.contains("preemption")),
        "{seen}"
    );
    let attempt = &seen["placement"]["schedules"][0]["attempts"][0];
    let m3 = about(&attempt["clusters"], "m3");
    ensure!(m3["fits"] == false && m3["refusals"][0]["filter"] == "taint", "{m3}");
    ensure!(
        m3["refusals"][0]["message"].as_str().is_some_and(|why| why.contains("e2e.atoll.dev/why:NoSchedule")),
        "{m3}"
    );
    let shares = &attempt["rounds"][0]["shares"];
    let of_m1 = about(shares, "m1");
    ensure!((&of_m1["weight"], &of_m1["exact"], &of_m1["gets"]) == (&json!(2), &json!(2.0), &json!(2)), "{attempt}");
    ensure!(about(shares, "m2")["gets"] == 1, "{attempt}");
    let changed = about(&seen["overrides"], "m1");
    ensure!(changed["changes"][0]["policy"] == "OverridePolicy why-placed/own", "{seen}");
    ensure!(changed["changes"][0]["paths"] == json!(["/metadata/labels/where"]), "{changed}");
    ensure!(about(&seen["overrides"], "m2").is_null(), "{seen}");
    let there = about(&seen["applies"], "m1");
    ensure!(there["desired"] == there["applied"] && there["applied"].is_string(), "{there}");
    ensure!(seen["binding"]["settled"] == true, "{seen}");
    let past: Vec<&Value> = seen["history"].as_array().into_iter().flatten().map(|past| &past["what"]).collect();
    ensure!(["Claimed", "Scheduled", "Applied"].iter().all(|what| past.contains(&&json!(what))), "{past:?}");

    let said = why(scene, &["deployments.apps", "web"]).await?;
    let first = "Deployment web goes to m1 (2), m2 (1) by PropagationPolicy why-placed/web. m3 was refused: it has the \
                 untolerated taint e2e.atoll.dev/why:NoSchedule.";
    ensure!(said.lines().next() == Some(first), "{said}");
    Ok(())
}

async fn unselected() -> Result<()> {
    let scene = Scene::open("why-unselected").await?;
    scene.hub(POLICY).apply("other", policy(CONFIG_MAP, "other", on(&["m1"]))).await?;
    scene.hub(CONFIG_MAP).apply("lonely", json!({"data": {"a": "b"}})).await?;
    let near = |seen: &Value| seen["claim"]["nearest"][0]["policy"] == "PropagationPolicy why-unselected/other";
    let seen = until(&scene, "cm/lonely", "the nearest policy is told", near).await?;
    ensure!(seen["claim"]["nearest"][0]["why"] == "it selects the name other", "{seen}");
    ensure!(seen["claim"]["policy"].is_null() && seen["placement"].is_null() && seen["applies"].is_null(), "{seen}");
    let error = why(&scene, &["cm/nowhere"]).await.err().context("there is no such object")?;
    ensure!(format!("{error:#}").contains("the hub has no ConfigMap why-unselected/nowhere"), "{error:#}");
    let error = why(&scene, &["lonely"]).await.err().context("that names no object")?;
    ensure!(format!("{error:#}").contains("KIND/NAME"), "{error:#}");
    Ok(())
}

async fn refused() -> Result<()> {
    let scene = Scene::open("why-refused").await?;
    scene.member("m1", NAMESPACE).apply("why-refused", json!({})).await?;
    scene.member("m1", CONFIG_MAP).apply("settings", json!({"data": {"a": "theirs"}})).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m1", "m2"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "ours"}})).await?;
    let told =
        |binding: &Value| item(binding, "m1")["appliedMessage"].is_string() && item(binding, "m2")["applied"] == true;
    scene.binding(CONFIG_MAP, "settings", "m1 refuses it and m2 has it", told).await?;
    let failed = |seen: &Value| about(&seen["applies"], "m1")["state"] == "failed";
    let seen = until(&scene, "configmap/settings", "m1 is told to refuse it", failed).await?;
    let there = about(&seen["applies"], "m1");
    ensure!(there["error"].as_str().is_some_and(|error| error.contains("ResourceConflict")), "{there}");
    ensure!(there["wanted"] == true && there["at"].is_string() && there["waitsFor"].is_string(), "{there}");
    let said = seen["summary"].as_str().unwrap_or_default();
    ensure!(said.contains("m1 does not have it: ResourceConflict"), "{said}");
    Ok(())
}

async fn unreachable() -> Result<()> {
    let scene = Scene::open("why-unreachable").await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m1"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    // Nobody listens on the discard port.
    let asked = ["why", "cm/settings", "-n", scene.namespace(), "--operator", "http://127.0.0.1:9"];
    let error = scene.stage().cli(&asked).await.err().context("nobody listens there")?;
    let said = format!("{error:#}");
    ensure!(said.contains("only the hub's objects were looked at") && said.contains("--debug-bind"), "{said}");
    Ok(())
}

async fn listed() -> Result<()> {
    let scene = Scene::open("why-listed").await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m1", "m2"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    let told = |policy: &Value| policy["status"]["state"] == "Applied";
    scene.hub(POLICY).until("settings", "it says that it is applied", told).await?;
    let words = |table: &str, name: &str| -> Option<Vec<String>> {
        let line = table.lines().find(|line| line.split_whitespace().any(|word| word == name))?;
        Some(line.split_whitespace().map(str::to_owned).collect())
    };
    let policies = scene.stage().cli(&["get", "pp", "-n", scene.namespace()]).await?;
    let row = words(&policies, "settings").with_context(|| policies.clone())?;
    ensure!(row == ["why-listed", "settings", "1", "2", "0", "Applied", "Success", "0"], "{policies}");
    let names = scene.stage().cli(&["get", "policies", "settings", "-n", scene.namespace(), "-o", "name"]).await?;
    ensure!(names.trim() == "propagationpolicy/settings", "{names}");
    let clusters = scene.stage().cli(&["get", "clusters"]).await?;
    let row = words(&clusters, "m1").with_context(|| clusters.clone())?;
    ensure!(row[..2] == ["m1", "Push"] && row[3..6] == ["True", "Healthy", "ClusterReady"], "{clusters}");
    let json = scene.stage().cli(&["get", "clusters", "m2", "-o", "json"]).await?;
    let list: Value = serde_json::from_str(&json).context("reading the list")?;
    ensure!(list["items"].as_array().is_some_and(|items| items.len() == 1), "{json}");
    let error = scene.stage().cli(&["get", "clusters", "m9"]).await.err().context("there is no m9")?;
    ensure!(format!("{error:#}").contains("no cluster m9"), "{error:#}");
    Ok(())
}
