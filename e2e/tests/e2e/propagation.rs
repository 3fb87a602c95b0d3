//! From a policy and an object on the hub to copies on members: which policy, which kinds, and no write too many.

use anyhow::{Context, Result, ensure};
use atoll_crds::names::{annotation as names, label as labels};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{
    BINDING, CLUSTER_BINDING, CLUSTER_POLICY, CONFIG_MAP, DEFINITION, Kind, NAMESPACE, POLICY, PRIORITY_CLASS,
    namespaced,
};
use crate::scene::{MEMBERS, Scene, annotation, is_everywhere, item, label, on, policy, targets};

const WIDGET: Kind = namespaced("widgets.e2e.atoll.dev/v1", "Widget");

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_config_map_that_a_policy_selects_comes_to_every_member_with_our_marks", marks),
        trial("copies_follow_their_template_also_in_what_is_taken_away", follows),
        trial("objects_of_a_custom_kind_go_out_and_a_kind_with_a_scale_is_divided", custom_kind),
        trial("a_cluster_scoped_object_goes_out_by_a_cluster_binding", cluster_scoped),
        trial("a_selector_by_name_wins_over_one_by_labels", name_before_labels),
        trial("a_higher_priority_wins_over_a_selector_by_name", priority_before_name),
        trial("a_propagation_policy_goes_before_a_cluster_propagation_policy", namespaced_before_cluster_wide),
    ]
}

async fn marks() -> Result<()> {
    let scene = Scene::open("marks").await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    let body = json!({"metadata": {"labels": {"app": "shop"}}, "data": {"greeting": "hello"}});
    scene.hub(CONFIG_MAP).apply("settings", body).await?;
    let binding = scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    let template = scene.hub(CONFIG_MAP).get("settings").await?;
    let held = scene.hub(POLICY).get("settings").await?;
    ensure!(label(&held, labels::PROPAGATION_POLICY_ID).is_string(), "the policy has an id: {held}");
    for claimed in [&template, &binding] {
        ensure!(label(claimed, labels::PROPAGATION_POLICY_ID) == label(&held, labels::PROPAGATION_POLICY_ID));
        ensure!(annotation(claimed, names::PROPAGATION_POLICY_NAME) == "settings", "{claimed}");
        ensure!(annotation(claimed, names::PROPAGATION_POLICY_NAMESPACE) == "marks", "{claimed}");
    }
    ensure!(binding["metadata"]["ownerReferences"][0]["uid"] == template["metadata"]["uid"], "{binding}");
    ensure!(targets(&binding).iter().map(|(name, _)| name.as_str()).eq(MEMBERS), "{binding}");
    let hub = scene.hub(NAMESPACE).get("kube-system").await?["metadata"]["uid"].clone();
    for member in MEMBERS {
        let copy = scene.member(member, CONFIG_MAP).get("settings").await?;
        ensure!(copy["data"] == json!({"greeting": "hello"}) && label(&copy, "app") == "shop", "{copy}");
        ensure!(label(&copy, labels::MANAGED) == "true", "{copy}");
        ensure!(label(&copy, labels::BINDING_ID) == label(&binding, labels::BINDING_ID), "{copy}");
        ensure!(annotation(&copy, names::BINDING_NAMESPACE) == "marks", "{copy}");
        ensure!(annotation(&copy, names::BINDING_NAME) == "settings-configmap", "{copy}");
        ensure!(*annotation(&copy, names::TEMPLATE_UID) == template["metadata"]["uid"], "{copy}");
        ensure!(*annotation(&copy, names::HUB_UID) == hub, "{copy}");
        ensure!(annotation(&copy, names::MANIFEST_HASH).is_string(), "{copy}");
    }
    Ok(())
}

async fn follows() -> Result<()> {
    let scene = Scene::open("follows").await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    let first = json!({"metadata": {"labels": {"a": "1", "b": "1"}}, "data": {"a": "1", "b": "1"}});
    scene.hub(CONFIG_MAP).apply("settings", first).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    let second = json!({"metadata": {"labels": {"a": "2"}}, "data": {"a": "2", "c": "2"}});
    scene.hub(CONFIG_MAP).apply("settings", second).await?;
    for member in MEMBERS {
        let follows = |copy: &Value| {
            copy["data"] == json!({"a": "2", "c": "2"}) && label(copy, "a") == "2" && label(copy, "b").is_null()
        };
        scene.member(member, CONFIG_MAP).until("settings", "it is as the template", follows).await?;
    }
    Ok(())
}

fn definition() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "size": {"type": "integer"}, "colour": {"type": "string"}}},
        "status": {"type": "object", "properties": {"phase": {"type": "string"}, "size": {"type": "integer"}}},
    }}});
    let scale = json!({"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"});
    json!({"spec": {
        "group": "widgets.e2e.atoll.dev", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{
            "name": "v1", "served": true, "storage": true, "schema": schema,
            "subresources": {"status": {}, "scale": scale},
        }],
    }})
}

async fn custom_kind() -> Result<()> {
    let scene = Scene::open("custom-kind").await?;
    let name = "widgets.widgets.e2e.atoll.dev";
    let members = MEMBERS.into_iter().map(|member| scene.member(member, DEFINITION));
    for place in members.chain([scene.hub(DEFINITION)]) {
        place.apply(name, definition()).await?;
        place
            .until(name, "it is served", |kind| crate::scene::condition(kind, "Established")["status"] == "True")
            .await?;
    }
    for member in MEMBERS {
        scene.enabled(member, "widgets.e2e.atoll.dev/v1").await?;
    }
    let weights = json!([{"targetCluster": {"clusterNames": MEMBERS}, "weight": 1}]);
    let divided = json!({"placement": {"replicaScheduling": {
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": weights},
    }}});
    scene.hub(POLICY).apply("lamp", policy(WIDGET, "lamp", divided)).await?;
    scene.hub(WIDGET).apply("lamp", json!({"spec": {"size": 6, "colour": "red"}})).await?;
    let binding = scene.binding(WIDGET, "lamp", "it is everywhere", is_everywhere).await?;
    ensure!(binding["spec"]["replicas"] == 6, "{binding}");
    for member in MEMBERS {
        let copy = scene.member(member, WIDGET).get("lamp").await?;
        ensure!(copy["spec"] == json!({"size": 2, "colour": "red"}), "{member}: {copy}");
    }
    scene.member("m1", WIDGET).edit_status("lamp", json!({"phase": "Lit"})).await?;
    let lit = |binding: &Value| item(binding, "m1")["status"]["phase"] == "Lit";
    scene.binding(WIDGET, "lamp", "it shows the status on m1", lit).await.map(drop)
}

async fn cluster_scoped() -> Result<()> {
    let scene = Scene::open("cluster-scoped").await?;
    scene.hub(CLUSTER_POLICY).apply("urgent", policy(PRIORITY_CLASS, "urgent", on(&["m1", "m3"]))).await?;
    scene.hub(PRIORITY_CLASS).apply("urgent", json!({"value": 1000})).await?;
    let binding = scene.hub(CLUSTER_BINDING).until("urgent-priorityclass", "it is everywhere", is_everywhere).await?;
    let held = scene.hub(CLUSTER_POLICY).get("urgent").await?;
    let id = labels::CLUSTER_PROPAGATION_POLICY_ID;
    ensure!(label(&held, id).is_string() && label(&binding, id) == label(&held, id), "{binding}");
    ensure!(annotation(&binding, names::CLUSTER_PROPAGATION_POLICY_NAME) == "urgent", "{binding}");
    for member in ["m1", "m3"] {
        let copy = scene.member(member, PRIORITY_CLASS).get("urgent").await?;
        ensure!(copy["value"] == 1000, "{copy}");
        ensure!(annotation(&copy, names::CLUSTER_BINDING_NAME) == "urgent-priorityclass", "{copy}");
        ensure!(label(&copy, labels::CLUSTER_BINDING_ID) == label(&binding, labels::CLUSTER_BINDING_ID), "{copy}");
    }
    ensure!(!scene.member("m2", PRIORITY_CLASS).has("urgent").await?);
    scene.hub(PRIORITY_CLASS).delete("urgent").await?;
    scene.member("m1", PRIORITY_CLASS).gone("urgent").await?;
    scene.member("m3", PRIORITY_CLASS).gone("urgent").await?;
    scene.hub(CLUSTER_BINDING).gone("urgent-priorityclass").await
}

/// A policy for everything with the label `app=shop`.
fn by_label(more: Value) -> Value {
    let mut body = policy(CONFIG_MAP, "", more);
    let selector = json!({"apiVersion": "v1", "kind": "ConfigMap", "labelSelector": {"matchLabels": {"app": "shop"}}});
    body["spec"]["resourceSelectors"] = json!([selector]);
    body
}

/// Makes the object once the operator knows the policies, and says which of them took it.
async fn claimed_by(scene: &Scene, policies: &[(Kind, &str)]) -> Result<Value> {
    for (kind, name) in policies {
        let known = |policy: &Value| policy["status"]["reason"] == "NoTemplate";
        scene.hub(*kind).until(name, "the operator knows it", known).await?;
    }
    let body = json!({"metadata": {"labels": {"app": "shop"}}, "data": {"a": "b"}});
    scene.hub(CONFIG_MAP).apply("settings", body).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await
}

async fn name_before_labels() -> Result<()> {
    let scene = Scene::open("name-before-labels").await?;
    scene.hub(POLICY).apply("a-label", by_label(on(&["m1"]))).await?;
    scene.hub(POLICY).apply("b-name", policy(CONFIG_MAP, "settings", on(&["m2"]))).await?;
    let binding = claimed_by(&scene, &[(POLICY, "a-label"), (POLICY, "b-name")]).await?;
    ensure!(annotation(&binding, names::PROPAGATION_POLICY_NAME) == "b-name", "{binding}");
    scene.goes_to(CONFIG_MAP, "settings", &["m2"]).await
}

async fn priority_before_name() -> Result<()> {
    let scene = Scene::open("priority-before-name").await?;
    let mut urgent = by_label(on(&["m1"]));
    urgent["spec"]["priority"] = 1.into();
    scene.hub(POLICY).apply("b-urgent", urgent).await?;
    scene.hub(POLICY).apply("a-name", policy(CONFIG_MAP, "settings", on(&["m2"]))).await?;
    let binding = claimed_by(&scene, &[(POLICY, "b-urgent"), (POLICY, "a-name")]).await?;
    ensure!(annotation(&binding, names::PROPAGATION_POLICY_NAME) == "b-urgent", "{binding}");
    scene.goes_to(CONFIG_MAP, "settings", &["m1"]).await
}

async fn namespaced_before_cluster_wide() -> Result<()> {
    let scene = Scene::open("namespaced-first").await?;
    let mut everywhere = policy(CONFIG_MAP, "settings", on(&["m1"]));
    everywhere["spec"]["priority"] = 9.into();
    everywhere["spec"]["resourceSelectors"][0]["namespace"] = scene.namespace().into();
    scene.hub(CLUSTER_POLICY).apply("namespaced-first", everywhere).await?;
    scene.hub(POLICY).apply("own", by_label(on(&["m2"]))).await?;
    let binding = claimed_by(&scene, &[(CLUSTER_POLICY, "namespaced-first"), (POLICY, "own")]).await?;
    ensure!(annotation(&binding, names::PROPAGATION_POLICY_NAME) == "own", "{binding}");
    ensure!(annotation(&binding, names::CLUSTER_PROPAGATION_POLICY_NAME).is_null(), "{binding}");
    scene.goes_to(CONFIG_MAP, "settings", &["m2"]).await?;
    let bindings = scene.hub(BINDING).list().await?;
    bindings.first().filter(|_| bindings.len() == 1).context("one binding for one object")?;
    Ok(())
}
