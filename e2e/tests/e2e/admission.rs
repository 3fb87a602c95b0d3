//! Bad input: who says what about it, and whom it does not delay.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{ADMISSION_BINDING, ADMISSION_RULE, CONFIG_MAP, DEFINITION, Kind, POLICY, namespaced};
use crate::scene::{Scene, condition, eventually, is_everywhere, item, on, policy};

const GADGET: Kind = namespaced("gadgets.e2e.atoll.dev/v1", "Gadget");

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_policy_that_selects_outside_its_namespace_is_refused_with_the_field", refused),
        trial("what_is_left_open_in_a_policy_is_filled_in_at_admission", filled_in),
        trial("a_bad_policy_that_passed_a_silent_webhook_is_called_invalid", slipped_through),
        trial("what_a_member_refuses_is_told_in_its_own_words_and_delays_nothing_else", rejected),
        trial("a_kind_that_a_member_lacks_is_told_and_comes_when_its_definition_does", missing_kind),
        trial("a_kind_that_no_member_has_yet_says_so_and_comes_when_its_definition_does", kind_missing_everywhere),
    ]
}

/// A policy that selects in another namespace than its own.
fn misplaced() -> Value {
    let mut body = policy(CONFIG_MAP, "settings", json!({}));
    body["spec"]["resourceSelectors"][0]["namespace"] = "elsewhere".into();
    body
}

async fn refused() -> Result<()> {
    let scene = Scene::open("refused").await?;
    let refusal = scene.hub(POLICY).apply("settings", misplaced()).await.err().context("a bad policy was taken")?;
    let said = format!("{refusal:#}");
    for part in ["PropagationPolicy refused/settings", "spec.resourceSelectors[0].namespace", "elsewhere"] {
        ensure!(said.contains(part), "it should name {part}: {said}");
    }
    ensure!(!scene.hub(POLICY).has("settings").await?, "what is refused is not stored");
    let mut contradiction = policy(CONFIG_MAP, "settings", on(&["m1"]));
    contradiction["spec"]["placement"]["spreadConstraints"] =
        json!([{"spreadByField": "cluster", "minGroups": 3, "maxGroups": 2}]);
    let refusal =
        scene.hub(POLICY).apply("settings", contradiction).await.err().context("a contradiction was taken")?;
    let said = format!("{refusal:#}");
    ensure!(said.contains("spec.placement.spreadConstraints[0]"), "{said}");
    Ok(())
}

async fn filled_in() -> Result<()> {
    let scene = Scene::open("filled-in").await?;
    let open = json!({"placement": {
        "spreadConstraints": [{"maxGroups": 2}], "replicaScheduling": {"replicaSchedulingType": "Divided"},
    }});
    let held = scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", open)).await?;
    let spec = &held["spec"];
    ensure!(spec["resourceSelectors"][0]["namespace"] == "filled-in", "{held}");
    ensure!(spec["placement"]["spreadConstraints"][0]["spreadByField"] == "cluster", "{held}");
    ensure!(spec["placement"]["spreadConstraints"][0]["minGroups"] == 1, "{held}");
    ensure!(spec["placement"]["replicaScheduling"]["replicaDivisionPreference"] == "Weighted", "{held}");
    Ok(())
}

async fn slipped_through() -> Result<()> {
    let scene = Scene::open_alone("slipped-through").await?;
    scene.stage().operator().stop().await?;
    let taken = scene.hub(POLICY).apply("settings", misplaced()).await;
    scene.stage().operator().start().await?;
    taken.context("nobody is there to refuse it, and failurePolicy is Ignore")?;
    let invalid = |policy: &Value| {
        let ready = condition(policy, "Ready");
        ready["reason"] == "InvalidPolicy" && policy["status"]["state"] == "Failed"
    };
    let held = scene.hub(POLICY).until("settings", "it is called invalid", invalid).await?;
    let message = condition(&held, "Ready")["message"].as_str().unwrap_or_default();
    ensure!(message.contains("spec.resourceSelectors[0].namespace"), "{message}");
    ensure!(held["status"]["reason"] == "InvalidPolicy", "{held}");
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    scene.binding(CONFIG_MAP, "settings", "it is everywhere", is_everywhere).await?;
    let valid = |policy: &Value| policy["status"]["reason"] == "Success";
    scene.hub(POLICY).until("settings", "it is mended", valid).await.map(drop)
}

/// A rule of m1 alone: no `ConfigMap` of this namespace may say `forbidden`.
async fn forbid(scene: &Scene, name: &str, words: &str) -> Result<()> {
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]});
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": scene.namespace()}});
    let expression = "!has(object.data) || !('forbidden' in object.data)";
    let body = json!({"spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {"namespaceSelector": here, "resourceRules": [rule]},
        "validations": [{"expression": expression, "message": words}],
    }});
    scene.member("m1", ADMISSION_RULE).apply(name, body).await?;
    let body = json!({"spec": {"policyName": name, "validationActions": ["Deny"]}});
    scene.member("m1", ADMISSION_BINDING).apply(name, body).await?;
    // A rule holds a moment after it is written.
    eventually(scene, "the rule of m1 holds", async || {
        let probe =
            scene.member("m1", CONFIG_MAP).apply_as("local", "probe", json!({"data": {"forbidden": "x"}})).await;
        match probe {
            Err(error) if format!("{error:#}").contains(words) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

async fn rejected() -> Result<()> {
    let scene = Scene::open("rejected").await?;
    scene.settle().await?;
    let words = "the house rules of m1 do not allow it";
    forbid(&scene, "rejected", words).await?;
    let all = json!({"spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]}});
    scene.hub(POLICY).apply("all", all).await?;
    scene.hub(CONFIG_MAP).apply("bad", json!({"data": {"forbidden": "x"}})).await?;
    let told = |binding: &Value| {
        let one = item(binding, "m1");
        let repeated = one["appliedMessage"].as_str().is_some_and(|message| message.contains(words));
        let others = ["m2", "m3"].iter().all(|other| item(binding, other)["applied"] == true);
        one["applied"] != true && repeated && others
    };
    let what = "it repeats the member's words, and is on the others";
    scene.binding(CONFIG_MAP, "bad", what, told).await?;
    scene.warned("bad", &[words, "m1"]).await?;
    // Others pass it by, on the same member.
    scene.hub(CONFIG_MAP).apply("good", json!({"data": {"a": "b"}})).await?;
    scene.binding(CONFIG_MAP, "good", "it is everywhere", is_everywhere).await?;
    scene.member("m1", ADMISSION_BINDING).delete("rejected").await?;
    scene.binding(CONFIG_MAP, "bad", "it is tried again and taken", is_everywhere).await.map(drop)
}

fn definition(group: &str, plural: &str, kind: &str) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({"spec": {
        "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
    }})
}

async fn missing_kind() -> Result<()> {
    let scene = Scene::open("missing-kind").await?;
    let name = "gadgets.gadgets.e2e.atoll.dev";
    let body = || definition("gadgets.e2e.atoll.dev", "gadgets", "Gadget");
    for place in [scene.hub(DEFINITION), scene.member("m1", DEFINITION)] {
        place.apply(name, body()).await?;
        place.until(name, "it is served", |kind| condition(kind, "Established")["status"] == "True").await?;
    }
    scene.enabled("m1", "gadgets.e2e.atoll.dev/v1").await?;
    scene.hub(POLICY).apply("one", policy(GADGET, "one", on(&["m1", "m2"]))).await?;
    scene.hub(GADGET).apply("one", json!({"spec": {"a": "b"}})).await?;
    scene.member("m1", GADGET).there("one").await?;
    let told = |binding: &Value| {
        let status = binding["status"].to_string();
        status.contains("APINotInstalled") && status.contains("m2")
    };
    scene.binding(GADGET, "one", "it says APINotInstalled of m2", told).await?;
    scene.member("m2", DEFINITION).apply(name, body()).await?;
    scene.scheduled_to(GADGET, "one", &["m1", "m2"]).await?;
    for member in ["m1", "m2"] {
        scene.member(member, GADGET).there("one").await?;
    }
    Ok(())
}

async fn kind_missing_everywhere() -> Result<()> {
    let scene = Scene::open("kind-missing").await?;
    let kind = namespaced("gizmos.e2e.atoll.dev/v1", "Gizmo");
    let name = "gizmos.gizmos.e2e.atoll.dev";
    let body = || definition("gizmos.e2e.atoll.dev", "gizmos", "Gizmo");
    scene.hub(POLICY).apply("one", policy(kind, "one", on(&["m1", "m2"]))).await?;
    let not_installed = |policy: &Value| policy["status"]["reason"] == "KindNotInstalled";
    scene.hub(POLICY).until("one", "the hub does not know the kind", not_installed).await?;
    scene.hub(DEFINITION).apply(name, body()).await?;
    let served = |kind: &Value| condition(kind, "Established")["status"] == "True";
    scene.hub(DEFINITION).until(name, "it is served", served).await?;
    eventually(&scene, "the hub takes a Gizmo", async || {
        scene.hub(kind).apply("one", json!({"spec": {"a": "b"}})).await.map_err(|error| format!("{error:#}"))
    })
    .await?;
    let told = |binding: &Value| {
        let scheduled = condition(binding, "Scheduled");
        scheduled["status"] == "False"
            && scheduled["message"].as_str().is_some_and(|said| said.contains("lack the API"))
    };
    scene.binding(kind, "one", "it says that the members lack the API", told).await?;
    for member in ["m1", "m2"] {
        scene.member(member, DEFINITION).apply(name, body()).await?;
    }
    for member in ["m1", "m2"] {
        scene.enabled(member, "gizmos.e2e.atoll.dev/v1").await?;
        eventually(&scene, &format!("the Gizmo is on {member}"), async || {
            match scene.member(member, kind).has("one").await {
                Ok(true) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
    }
    scene.binding(kind, "one", "it is everywhere", is_everywhere).await.map(drop)
}
