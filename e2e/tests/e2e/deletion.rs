//! What goes from members, when, and what never does.

use anyhow::{Result, ensure};
use atoll_crds::names::{annotation as names, label as labels};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{BINDING, CONFIG_MAP, DEPLOYMENT, OVERRIDE, POLICY};
use crate::scene::{
    MEMBERS, Scene, annotation, condition, is_everywhere, is_scheduled, item, label, on, policy, targets,
};
use crate::workloads::deployment;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_deleted_template_takes_its_copies_and_its_binding_along", template),
        trial("a_binding_deleted_by_hand_is_made_anew_where_it_was_and_its_copies_stay", binding_deleted),
        trial("a_template_deleted_right_after_its_binding_takes_its_copies_along", both_deleted),
        trial("a_binding_deleted_by_hand_after_its_policy_takes_its_copies_along", unclaimed_binding_deleted),
        trial("a_preserved_copy_stays_without_our_marks_when_its_template_goes", preserved),
        trial("a_deleted_policy_lets_go_of_its_objects_and_their_copies_stay", policy_deleted),
        trial("an_object_that_is_not_ours_is_left_alone_until_the_policy_says_overwrite", foreign),
        trial("an_object_that_is_not_ours_survives_the_template_of_its_name", foreign_survives),
        trial("a_narrowed_placement_removes_a_copy_only_when_the_others_are_healthy", narrowed),
        trial("suspended_dispatching_stops_updates_until_it_ends", suspended),
        trial("suspended_dispatching_on_one_cluster_stops_that_one_alone", suspended_on_one),
        trial("a_copy_whose_dispatching_is_suspended_replaces_nothing", suspended_replacement),
    ]
}

/// A `ConfigMap` everywhere, under a policy with `more` in its spec.
async fn settings(name: &str, more: Value) -> Result<Scene> {
    let scene = Scene::open(name).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", more)).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "1"}})).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    Ok(scene)
}

async fn says(scene: &Scene, member: &'static str, value: &str) -> Result<Value> {
    let what = format!("it says {value}");
    scene.member(member, CONFIG_MAP).until("settings", &what, |copy| copy["data"]["a"] == value).await
}

async fn template() -> Result<()> {
    let scene = settings("template-deleted", json!({})).await?;
    scene.hub(CONFIG_MAP).delete("settings").await?;
    for member in MEMBERS {
        scene.member(member, CONFIG_MAP).gone("settings").await?;
    }
    scene.hub(BINDING).gone("settings-configmap").await?;
    let empty = |policy: &Value| policy["status"]["reason"] == "NoTemplate" && policy["status"]["templates"] == 0;
    scene.hub(POLICY).until("settings", "it holds nothing", empty).await?;
    // The name is free again.
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "2"}})).await?;
    says(&scene, "m1", "2").await.map(drop)
}

async fn binding_deleted() -> Result<()> {
    let scene = Scene::open("binding-deleted").await?;
    let one =
        json!({"placement": {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 2, "minGroups": 2}]}});
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", one)).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "1"}})).await?;
    let before = scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    let homes: Vec<&str> =
        MEMBERS.into_iter().filter(|name| targets(&before).iter().any(|(held, _)| held == name)).collect();
    let uids = async || -> Result<Vec<Value>> {
        let mut uids = Vec::new();
        for member in &homes {
            uids.push(scene.member(member, CONFIG_MAP).get("settings").await?["metadata"]["uid"].clone());
        }
        Ok(uids)
    };
    let there = uids().await?;
    scene.hub(BINDING).delete("settings-configmap").await?;
    let anew = |binding: &Value| {
        is_everywhere(binding)
            && binding["metadata"]["uid"] != before["metadata"]["uid"]
            && targets(binding) == targets(&before)
    };
    scene.binding(CONFIG_MAP, "settings", "it is made anew and is where it was", anew).await?;
    scene.settle().await?;
    let now = uids().await?;
    ensure!(now == there, "the copies on {homes:?} were {there:?} and are {now:?}");
    Ok(())
}

async fn both_deleted() -> Result<()> {
    let scene = Scene::open("both-deleted").await?;
    let all = json!({"spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]}});
    scene.hub(POLICY).apply("all", all).await?;
    let names: Vec<String> = (0..8).map(|number| format!("settings-{number}")).collect();
    for name in &names {
        scene.hub(CONFIG_MAP).apply(name, json!({"data": {"a": "1"}})).await?;
    }
    for name in &names {
        scene.binding(CONFIG_MAP, name, "it is everywhere", is_everywhere).await?;
    }
    for name in &names {
        scene.hub(BINDING).delete(&format!("{name}-configmap")).await?;
        scene.hub(CONFIG_MAP).delete(name).await?;
    }
    for name in &names {
        for member in MEMBERS {
            scene.member(member, CONFIG_MAP).gone(name).await?;
        }
        scene.hub(BINDING).gone(&format!("{name}-configmap")).await?;
    }
    Ok(())
}

async fn unclaimed_binding_deleted() -> Result<()> {
    let scene = settings("unclaimed-binding", json!({})).await?;
    scene.hub(POLICY).delete("settings").await?;
    let unclaimed = |template: &Value| label(template, labels::PROPAGATION_POLICY_ID).is_null();
    scene.hub(CONFIG_MAP).until("settings", "nobody claims it", unclaimed).await?;
    scene.hub(BINDING).delete("settings-configmap").await?;
    for member in MEMBERS {
        scene.member(member, CONFIG_MAP).gone("settings").await?;
    }
    scene.hub(BINDING).gone("settings-configmap").await
}

async fn preserved() -> Result<()> {
    let scene = settings("preserved", json!({"preserveResourcesOnDeletion": true})).await?;
    let before = scene.member("m1", CONFIG_MAP).get("settings").await?;
    scene.hub(CONFIG_MAP).delete("settings").await?;
    scene.hub(BINDING).gone("settings-configmap").await?;
    for member in MEMBERS {
        let copy = scene.member(member, CONFIG_MAP).get("settings").await?;
        let metadata = copy["metadata"].clone();
        let keys = ["labels", "annotations"].map(|map| metadata[map].as_object().cloned().unwrap_or_default());
        let marks: Vec<String> = keys.into_iter().flatten().map(|(key, _)| key).filter(|key| is_a_mark(key)).collect();
        ensure!(marks.is_empty() && copy["data"]["a"] == "1", "{member} still carries {marks:?}: {copy}");
    }
    let after = scene.member("m1", CONFIG_MAP).get("settings").await?;
    ensure!(after["metadata"]["uid"] == before["metadata"]["uid"], "it is the same object: {after}");
    Ok(())
}

fn is_a_mark(key: &str) -> bool {
    key.contains("karmada.io/") || key.starts_with("atoll.dev/")
}

async fn policy_deleted() -> Result<()> {
    let scene = settings("policy-deleted", json!({})).await?;
    scene.hub(POLICY).delete("settings").await?;
    scene.hub(POLICY).gone("settings").await?;
    let free = |object: &Value| {
        label(object, labels::PROPAGATION_POLICY_ID).is_null()
            && annotation(object, names::PROPAGATION_POLICY_NAME).is_null()
    };
    scene.hub(CONFIG_MAP).until("settings", "it carries no claim", free).await?;
    scene.binding(CONFIG_MAP, "settings", "it carries no claim", free).await?;
    scene.settle().await?;
    for member in MEMBERS {
        says(&scene, member, "1").await?;
    }
    // What is placed stays in step (karmada-api 2.2).
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "2"}})).await?;
    for member in MEMBERS {
        says(&scene, member, "2").await?;
    }
    Ok(())
}

async fn foreign() -> Result<()> {
    let scene = Scene::open("foreign-object").await?;
    scene.settle().await?;
    let theirs = json!({"data": {"a": "theirs"}});
    let before = scene.member("m1", CONFIG_MAP).apply_as("local", "settings", theirs).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "ours"}})).await?;
    let conflict = |binding: &Value| {
        let message = item(binding, "m1")["appliedMessage"].as_str().unwrap_or_default();
        message.starts_with("ResourceConflict") && item(binding, "m1")["applied"] != true
    };
    let binding = scene.binding(CONFIG_MAP, "settings", "it tells of the conflict", conflict).await?;
    ensure!(binding["status"]["reason"] == "ResourceConflict", "{binding}");
    ensure!(condition(&binding, "FullyApplied")["status"] == "False", "{binding}");
    says(&scene, "m2", "ours").await?;
    let after = scene.member("m1", CONFIG_MAP).get("settings").await?;
    ensure!(after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"], "it was touched: {after}");
    let failed =
        |policy: &Value| policy["status"]["reason"] == "ClusterFailed" && policy["status"]["clustersFailed"] == 1;
    scene.hub(POLICY).until("settings", "it counts the cluster that failed", failed).await?;
    let overwrite = policy(CONFIG_MAP, "settings", json!({"conflictResolution": "Overwrite"}));
    scene.hub(POLICY).apply("settings", overwrite).await?;
    let taken = says(&scene, "m1", "ours").await?;
    ensure!(
        taken["metadata"]["uid"] == before["metadata"]["uid"] && label(&taken, labels::MANAGED) == "true",
        "{taken}"
    );
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await.map(drop)
}

async fn foreign_survives() -> Result<()> {
    let scene = Scene::open("foreign-survives").await?;
    scene.settle().await?;
    scene.member("m1", CONFIG_MAP).apply_as("local", "settings", json!({"data": {"a": "theirs"}})).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", on(&["m1", "m2"]))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "ours"}})).await?;
    let conflict = |binding: &Value| binding["status"]["reason"] == "ResourceConflict";
    scene.binding(CONFIG_MAP, "settings", "it tells of the conflict", conflict).await?;
    scene.hub(CONFIG_MAP).delete("settings").await?;
    scene.member("m2", CONFIG_MAP).gone("settings").await?;
    scene.hub(BINDING).gone("settings-configmap").await?;
    says(&scene, "m1", "theirs").await.map(drop)
}

async fn narrowed() -> Result<()> {
    let scene = Scene::open("narrowed").await?;
    let divided = |clusters: &[&str]| {
        let list: Vec<Value> =
            clusters.iter().map(|name| json!({"targetCluster": {"clusterNames": [name]}, "weight": 1})).collect();
        let mut body = on(clusters);
        body["placement"]["replicaScheduling"] = json!({
            "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
            "weightPreference": {"staticWeightList": list},
        });
        policy(DEPLOYMENT, "web", body)
    };
    // On m2 it cannot start: the image is on no registry.
    let image = json!({"imageOverrider": [{"component": "Registry", "operator": "replace", "value": "fake"}]});
    let rules = json!([{"targetCluster": {"clusterNames": ["m2"]}, "overriders": image}]);
    let selectors = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]);
    let body = json!({"spec": {"resourceSelectors": selectors, "overrideRules": rules}});
    scene.hub(OVERRIDE).apply("broken", body).await?;
    scene.hub(POLICY).apply("web", divided(&["m1"])).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(2)).await?;
    let healthy = |binding: &Value| item(binding, "m1")["health"] == "Healthy";
    scene.binding(DEPLOYMENT, "web", "it is healthy on m1", healthy).await?;
    scene.hub(POLICY).apply("web", divided(&["m2"])).await?;
    let moved = |binding: &Value| {
        is_scheduled(binding)
            && targets(binding) == [("m2".to_owned(), 2)]
            && item(binding, "m2")["health"] == "Unhealthy"
    };
    scene.binding(DEPLOYMENT, "web", "it is placed on m2 and not healthy there", moved).await?;
    scene.settle().await?;
    let old = scene.member("m1", DEPLOYMENT).get("web").await?;
    ensure!(
        old["spec"]["replicas"] == 2 && old["metadata"]["deletionTimestamp"].is_null(),
        "the good copy stays: {old}"
    );
    scene.hub(OVERRIDE).delete("broken").await?;
    let healthy = |binding: &Value| item(binding, "m2")["health"] == "Healthy";
    scene.binding(DEPLOYMENT, "web", "it is healthy on m2", healthy).await?;
    scene.member("m1", DEPLOYMENT).gone("web").await?;
    let m2 = scene.member("m2", DEPLOYMENT).get("web").await?;
    ensure!(m2["status"]["availableReplicas"] == 2, "{m2}");
    Ok(())
}

async fn suspended() -> Result<()> {
    let scene = settings("suspended", json!({})).await?;
    let pause = async |paused: bool| {
        let body = policy(CONFIG_MAP, "settings", json!({"suspension": {"dispatching": paused}}));
        scene.hub(POLICY).apply("settings", body).await?;
        let passed_on = |binding: &Value| binding["spec"]["suspension"]["dispatching"] == paused;
        scene.binding(CONFIG_MAP, "settings", "it has the suspension", passed_on).await
    };
    pause(true).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "2"}})).await?;
    scene.settle().await?;
    for member in MEMBERS {
        let copy = scene.member(member, CONFIG_MAP).get("settings").await?;
        ensure!(copy["data"]["a"] == "1", "{member} was updated: {copy}");
    }
    pause(false).await?;
    for member in MEMBERS {
        says(&scene, member, "2").await?;
    }
    Ok(())
}

async fn suspended_on_one() -> Result<()> {
    let scene = settings("suspended-on-one", json!({})).await?;
    let listed = json!({"suspension": {"dispatchingOnClusters": {"clusterNames": ["m2"]}}});
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", listed)).await?;
    let passed_on =
        |binding: &Value| binding["spec"]["suspension"]["dispatchingOnClusters"]["clusterNames"] == json!(["m2"]);
    scene.binding(CONFIG_MAP, "settings", "it has the suspension", passed_on).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "2"}})).await?;
    says(&scene, "m1", "2").await?;
    says(&scene, "m3", "2").await?;
    scene.settle().await?;
    let copy = scene.member("m2", CONFIG_MAP).get("settings").await?;
    ensure!(copy["data"]["a"] == "1", "m2 was updated: {copy}");
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    says(&scene, "m2", "2").await.map(drop)
}

async fn suspended_replacement() -> Result<()> {
    let scene = settings("suspended-replacement", json!({})).await?;
    let narrow = async |paused: bool| {
        let more = json!({
            "placement": {"clusterAffinity": {"clusterNames": ["m1", "m2"]}},
            "suspension": {"dispatching": paused},
        });
        scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", more)).await?;
        let passed_on =
            |binding: &Value| binding["spec"]["suspension"]["dispatching"] == paused && targets(binding).len() == 2;
        scene.binding(CONFIG_MAP, "settings", "it has suspension and placement", passed_on).await
    };
    narrow(true).await?;
    scene.settle().await?;
    ensure!(scene.member("m3", CONFIG_MAP).get("settings").await?["data"]["a"] == "1", "the copy of m3 was changed");
    narrow(false).await?;
    scene.member("m3", CONFIG_MAP).gone("settings").await
}
