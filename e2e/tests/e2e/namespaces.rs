//! Namespaces of the hub on members.

use anyhow::{Result, ensure};
use atoll_crds::names::label as labels;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{CONFIG_MAP, NAMESPACE, POLICY};
use crate::scene::{MEMBERS, Scene, is_everywhere, label, policy};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_namespace_of_the_hub_comes_to_every_member_and_follows_its_labels", synced),
        trial("a_namespace_that_opts_out_comes_to_no_member", opted_out),
        trial("a_namespace_that_a_member_has_already_is_used_as_it_is", foreign),
        trial("a_namespace_deleted_on_the_hub_goes_from_the_members_that_got_it_from_there", deleted),
    ]
}

async fn synced() -> Result<()> {
    let scene = Scene::open("synced").await?;
    let team = |name: &str| json!({"metadata": {"labels": {"team": name}}});
    scene.hub(NAMESPACE).apply("synced-team", team("a")).await?;
    for member in MEMBERS {
        let labelled = |namespace: &Value| label(namespace, "team") == "a";
        let there = scene.member(member, NAMESPACE).until("synced-team", "it is labelled", labelled).await?;
        ensure!(label(&there, labels::MANAGED) == "true", "{there}");
    }
    scene.hub(NAMESPACE).apply("synced-team", team("b")).await?;
    for member in MEMBERS {
        let labelled = |namespace: &Value| label(namespace, "team") == "b";
        scene.member(member, NAMESPACE).until("synced-team", "its label follows", labelled).await?;
    }
    for reserved in ["karmada-system", "karmada-cluster"] {
        ensure!(scene.hub(NAMESPACE).has(reserved).await?, "the hub has {reserved}");
    }
    ensure!(!scene.member("m1", NAMESPACE).has("karmada-system").await?, "the control plane's own stay on the hub");
    Ok(())
}

async fn opted_out() -> Result<()> {
    let scene = Scene::open("opted-out-scene").await?;
    let body = json!({"metadata": {"labels": {labels::SKIP_AUTO_PROPAGATION: "true"}}});
    scene.hub(NAMESPACE).apply("opted-out", body).await?;
    scene.hub(NAMESPACE).apply("opted-in", json!({})).await?;
    for member in MEMBERS {
        scene.member(member, NAMESPACE).there("opted-in").await?;
    }
    scene.settle().await?;
    for member in MEMBERS {
        ensure!(!scene.member(member, NAMESPACE).has("opted-out").await?, "{member} has it");
    }
    // Nothing is held back for good.
    scene
        .hub(NAMESPACE)
        .edit("opted-out", json!({"metadata": {"labels": {labels::SKIP_AUTO_PROPAGATION: null}}}))
        .await?;
    scene.member("m1", NAMESPACE).there("opted-out").await.map(drop)
}

async fn foreign() -> Result<()> {
    let scene = Scene::open("foreign-scene").await?;
    let own = json!({"metadata": {"labels": {"team": "local"}}});
    let before = scene.member("m1", NAMESPACE).apply_as("local", "foreign", own).await?;
    scene.hub(NAMESPACE).apply("foreign", json!({"metadata": {"labels": {"team": "hub"}}})).await?;
    scene.member("m2", NAMESPACE).there("foreign").await?;
    scene.settle().await?;
    let after = scene.member("m1", NAMESPACE).get("foreign").await?;
    ensure!(label(&after, "team") == "local" && label(&after, labels::MANAGED).is_null(), "{after}");
    ensure!(after["metadata"]["uid"] == before["metadata"]["uid"], "{after}");
    let inside = scene.within("foreign");
    inside.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    inside.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    inside.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    ensure!(inside.member("m1", CONFIG_MAP).has("settings").await?);
    inside.hub(NAMESPACE).delete("foreign").await?;
    inside.member("m2", NAMESPACE).gone("foreign").await?;
    let scene = inside.within("foreign-scene");
    scene.settle().await?;
    let kept = scene.member("m1", NAMESPACE).get("foreign").await?;
    ensure!(kept["metadata"]["deletionTimestamp"].is_null(), "a namespace that is not ours stays: {kept}");
    Ok(())
}

async fn deleted() -> Result<()> {
    let scene = Scene::open("deleted-scene").await?;
    scene.hub(NAMESPACE).apply("to-be-deleted", json!({})).await?;
    for member in MEMBERS {
        scene.member(member, NAMESPACE).there("to-be-deleted").await?;
    }
    scene.hub(NAMESPACE).delete("to-be-deleted").await?;
    for member in MEMBERS {
        scene.member(member, NAMESPACE).gone("to-be-deleted").await?;
    }
    Ok(())
}
