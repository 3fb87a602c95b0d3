//! Which members an object goes to, and how many replicas each gets.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{BINDING, CLUSTER, CONFIG_MAP, DEPLOYMENT, POLICY};
use crate::scene::{MEMBERS, Scene, condition, is_everywhere, is_scheduled, on, policy, targets};
use crate::workloads::deployment;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("names_exclusions_labels_and_regions_choose_the_members", affinity),
        trial("a_spread_constraint_limits_how_many_clusters_and_regions_are_used", spread),
        trial("an_object_that_fits_nowhere_says_why_until_its_placement_is_mended", nowhere),
        trial("a_taint_keeps_out_what_does_not_tolerate_it", taints),
        trial("static_weights_divide_the_replicas_also_when_they_are_scaled", static_weights),
        trial("duplicated_gives_every_member_all_replicas", duplicated),
        trial("dynamic_weights_follow_the_room_of_the_clusters_and_aggregated_uses_few", by_room),
        trial("a_placement_that_widens_takes_the_new_member_in", widened),
        trial("what_names_another_scheduler_goes_where_that_one_says", other_scheduler),
    ]
}

async fn affinity() -> Result<()> {
    let scene = Scene::open("affinity").await?;
    let region = |operator: &str| {
        json!({"fieldSelector": {"matchExpressions": [
        {"key": "region", "operator": operator, "values": ["north"]}]}})
    };
    let cases: [(&str, Value, &[&'static str]); 6] = [
        ("names", json!({"clusterNames": ["m1", "m3"]}), &["m1", "m3"]),
        ("excluded", json!({"exclude": ["m1"]}), &["m2", "m3"]),
        ("labels", json!({"labelSelector": {"matchLabels": {"tier": "gold"}}}), &["m1", "m3"]),
        ("in-region", region("In"), &["m1", "m2"]),
        ("not-in-region", region("NotIn"), &["m3"]),
        ("both", json!({"labelSelector": {"matchLabels": {"tier": "gold"}}, "exclude": ["m3"]}), &["m1"]),
    ];
    for (name, affinity, _) in &cases {
        let placement = json!({"placement": {"clusterAffinity": affinity}});
        scene.hub(POLICY).apply(name, policy(CONFIG_MAP, name, placement)).await?;
        scene.hub(CONFIG_MAP).apply(name, json!({"data": {"a": "b"}})).await?;
    }
    for (name, _, clusters) in cases {
        scene.goes_to(CONFIG_MAP, name, clusters).await?;
    }
    Ok(())
}

async fn spread() -> Result<()> {
    let scene = Scene::open("spread").await?;
    let constraints = |constraints: Value| json!({"placement": {"spreadConstraints": constraints}});
    let two = constraints(json!([{"spreadByField": "cluster", "maxGroups": 2, "minGroups": 2}]));
    let one_region = constraints(json!([
        {"spreadByField": "region", "maxGroups": 1}, {"spreadByField": "cluster", "maxGroups": 2}]));
    let two_regions = constraints(json!([
        {"spreadByField": "region", "minGroups": 2}, {"spreadByField": "cluster", "maxGroups": 2}]));
    for (name, placement) in [("two", two), ("one-region", one_region), ("two-regions", two_regions)] {
        scene.hub(POLICY).apply(name, policy(CONFIG_MAP, name, placement)).await?;
        scene.hub(CONFIG_MAP).apply(name, json!({"data": {"a": "b"}})).await?;
    }
    let placed = async |name: &str| scene.placement(CONFIG_MAP, name).await;
    ensure!(placed("two").await?.len() == 2, "{:?}", placed("two").await?);
    let in_south = |placed: &[(String, i64)]| placed.iter().filter(|(name, _)| name == "m3").count();
    let one_region = placed("one-region").await?;
    ensure!(in_south(&one_region) == 0 || one_region.len() == 1, "one region: {one_region:?}");
    let two_regions = placed("two-regions").await?;
    ensure!(two_regions.len() == 2 && in_south(&two_regions) == 1, "one of each region: {two_regions:?}");
    Ok(())
}

async fn nowhere() -> Result<()> {
    let scene = Scene::open("nowhere").await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m9"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    let says_why = |binding: &Value| {
        let scheduled = condition(binding, "Scheduled");
        scheduled["status"] == "False" && scheduled["reason"] == "NoClusterFit"
    };
    let binding = scene.binding(CONFIG_MAP, "settings", "it says why", says_why).await?;
    let message = condition(&binding, "Scheduled")["message"].as_str().unwrap_or_default();
    ensure!(message.contains("not selected by the cluster affinity"), "{message}");
    scene.warned("settings", &["ScheduleBindingFailed", "not selected by the cluster affinity"]).await?;
    let failed = |policy: &Value| policy["status"]["state"] == "Failed" && policy["status"]["reason"] == "NotScheduled";
    scene.hub(POLICY).until("settings", "it says so too", failed).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m2"]))).await?;
    scene.goes_to(CONFIG_MAP, "settings", &["m2"]).await
}

async fn taints() -> Result<()> {
    let scene = Scene::open_alone("taints").await?;
    let old = policy(CONFIG_MAP, "before", json!({}));
    scene.hub(POLICY).apply("before", old).await?;
    scene.hub(CONFIG_MAP).apply("before", json!({"data": {"a": "b"}})).await?;
    scene.goes_to(CONFIG_MAP, "before", &MEMBERS).await?;
    let taint = json!([{"key": "e2e.atoll.dev/closed", "value": "yes", "effect": "NoSchedule"}]);
    scene.hub(CLUSTER).edit("m3", json!({"spec": {"taints": taint}})).await?;
    let tested = place_beside_a_taint(&scene).await;
    let cluster = scene.hub(CLUSTER).get("m3").await?;
    scene.hub(CLUSTER).edit("m3", json!({"spec": {"taints": null}})).await?;
    tested?;
    ensure!(cluster["spec"]["taints"].as_array().is_some_and(|taints| taints.len() == 1), "{cluster}");
    scene.goes_to(CONFIG_MAP, "before", &MEMBERS).await
}

async fn place_beside_a_taint(scene: &Scene) -> Result<()> {
    let tolerates = |toleration: Value| json!({"placement": {"clusterTolerations": [toleration]}});
    let named = tolerates(json!({"key": "e2e.atoll.dev/closed", "operator": "Equal", "value": "yes"}));
    let other = tolerates(json!({"key": "e2e.atoll.dev/closed", "operator": "Equal", "value": "no"}));
    for (name, placement) in [("plain", json!({})), ("named", named), ("other", other)] {
        scene.hub(POLICY).apply(name, policy(CONFIG_MAP, name, placement)).await?;
        scene.hub(CONFIG_MAP).apply(name, json!({"data": {"a": "b"}})).await?;
    }
    scene.goes_to(CONFIG_MAP, "plain", &["m1", "m2"]).await?;
    scene.goes_to(CONFIG_MAP, "other", &["m1", "m2"]).await?;
    scene.goes_to(CONFIG_MAP, "named", &MEMBERS).await?;
    // NoSchedule keeps out; it takes nothing away.
    scene.goes_to(CONFIG_MAP, "before", &MEMBERS).await
}

/// Divided by weights such as `[("m1", 2), ("m2", 1)]`.
fn weighted(weights: &[(&str, i64)]) -> Value {
    let names: Vec<&str> = weights.iter().map(|(name, _)| *name).collect();
    let list: Vec<Value> = weights
        .iter()
        .map(|(name, weight)| json!({"targetCluster": {"clusterNames": [name]}, "weight": weight}))
        .collect();
    json!({"placement": {
        "clusterAffinity": {"clusterNames": names},
        "replicaScheduling": {
            "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
            "weightPreference": {"staticWeightList": list},
        },
    }})
}

/// Waits until the members' Deployments ask for these replicas, and the binding says the same.
async fn divides(scene: &Scene, name: &str, replicas: &[(&'static str, i64)]) -> Result<()> {
    let wanted: Vec<(String, i64)> = replicas.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let as_wanted = |binding: &Value| is_scheduled(binding) && targets(binding) == wanted;
    scene.binding(DEPLOYMENT, name, &format!("it is divided as {wanted:?}"), as_wanted).await?;
    for (member, count) in replicas {
        let asks = |copy: &Value| copy["spec"]["replicas"] == *count;
        scene.member(member, DEPLOYMENT).until(name, &format!("it has {count} replicas"), asks).await?;
    }
    Ok(())
}

async fn static_weights() -> Result<()> {
    let scene = Scene::open("static-weights").await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", weighted(&[("m1", 2), ("m2", 1)]))).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(6)).await?;
    divides(&scene, "web", &[("m1", 4), ("m2", 2)]).await?;
    ensure!(!scene.member("m3", DEPLOYMENT).has("web").await?);
    scene.hub(DEPLOYMENT).apply("web", deployment(9)).await?;
    divides(&scene, "web", &[("m1", 6), ("m2", 3)]).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(3)).await?;
    divides(&scene, "web", &[("m1", 2), ("m2", 1)]).await
}

async fn duplicated() -> Result<()> {
    let scene = Scene::open("duplicated").await?;
    let whole = json!({"placement": {"replicaScheduling": {"replicaSchedulingType": "Duplicated"}}});
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", whole)).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(2)).await?;
    for member in MEMBERS {
        let asks = |copy: &Value| copy["spec"]["replicas"] == 2;
        scene.member(member, DEPLOYMENT).until("web", "it has all replicas", asks).await?;
    }
    Ok(())
}

async fn by_room() -> Result<()> {
    let scene = Scene::open("by-room").await?;
    let sized = |replicas: i64, cpu: &str| {
        let mut body = deployment(replicas);
        body["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
        body
    };
    let dynamic = json!({"placement": {"replicaScheduling": {
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"dynamicWeight": "AvailableReplicas"},
    }}});
    scene.hub(POLICY).apply("dynamic", policy(DEPLOYMENT, "dynamic", dynamic)).await?;
    scene.hub(DEPLOYMENT).apply("dynamic", sized(9, "100m")).await?;
    let placed = scene.placement(DEPLOYMENT, "dynamic").await?;
    // The three are of one size, and nearly empty.
    let even = placed.iter().all(|(_, replicas)| (2..=4).contains(replicas));
    ensure!(placed.len() == 3 && sum(&placed) == 9 && even, "{placed:?}");
    let aggregated = json!({"placement": {"replicaScheduling": {
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}}});
    for (name, replicas, cpu, clusters) in [("small", 3, "100m", 1), ("large", 5, "1", 2)] {
        scene.hub(POLICY).apply(name, policy(DEPLOYMENT, name, aggregated.clone())).await?;
        scene.hub(DEPLOYMENT).apply(name, sized(replicas, cpu)).await?;
        let placed = scene.placement(DEPLOYMENT, name).await?;
        ensure!(placed.len() == clusters && sum(&placed) == replicas, "{name}: {placed:?}");
        let binding = scene.binding(DEPLOYMENT, name, "it is applied", is_everywhere).await?;
        ensure!(binding["spec"]["replicas"] == replicas, "{binding}");
    }
    Ok(())
}

fn sum(placed: &[(String, i64)]) -> i64 {
    placed.iter().map(|(_, replicas)| replicas).sum()
}

async fn widened() -> Result<()> {
    let scene = Scene::open("widened").await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", weighted(&[("m1", 1)]))).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(4)).await?;
    divides(&scene, "web", &[("m1", 4)]).await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", weighted(&[("m1", 1), ("m2", 1)]))).await?;
    divides(&scene, "web", &[("m1", 2), ("m2", 2)]).await
}

async fn other_scheduler() -> Result<()> {
    let scene = Scene::open("other-scheduler").await?;
    let body = policy(CONFIG_MAP, "settings", json!({"schedulerName": "mine"}));
    scene.hub(POLICY).apply("settings", body).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    let waits =
        |binding: &Value| condition(binding, "FullyApplied")["message"] == "scheduler mine has not placed it yet";
    scene.binding(CONFIG_MAP, "settings", "it waits for the scheduler", waits).await?;
    scene.settle().await?;
    let binding = scene.hub(BINDING).get("settings-configmap").await?;
    ensure!(targets(&binding).is_empty(), "it was placed by the wrong one: {binding}");
    ensure!(condition(&binding, "Scheduled").is_null(), "what another decides is its to tell: {binding}");

    // Another scheduler decides, and says so.
    let placed = json!({"spec": {"clusters": [{"name": "m2"}]}});
    let placed = scene.hub(BINDING).edit("settings-configmap", placed).await?;
    let told = json!({
        "schedulerObservedGeneration": placed["metadata"]["generation"],
        "lastScheduledTime": "2026-01-01T00:00:00Z",
        "conditions": [{
            "type": "Scheduled", "status": "True", "reason": "Success", "message": "mine says so",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    scene.hub(BINDING).edit_status("settings-configmap", told).await?;
    scene.goes_to(CONFIG_MAP, "settings", &["m2"]).await?;
    let binding = scene.binding(CONFIG_MAP, "settings", "it is applied there", is_everywhere).await?;
    ensure!(binding["status"]["lastScheduledTime"] == "2026-01-01T00:00:00Z", "its word was changed: {binding}");
    ensure!(condition(&binding, "Scheduled")["message"] == "mine says so", "its word was changed: {binding}");
    Ok(())
}
