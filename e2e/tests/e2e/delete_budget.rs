//! Deletes are budgeted: a slip of the hand, or a hub that is not the one it was, empties no member.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_crds::cluster::Grade;
use atoll_crds::{Cluster, ResourceBinding};
use atoll_e2e::fleet::ComponentKind;
use atoll_e2e::stage::{Objects, Stage};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;
use serde_json::json;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{
    PATIENCE, Template, clusters, condition, gone, judged, namespace, settled, stays, token, watch_cluster,
    watch_condition,
};

/// Templates, and how many of them a slip takes.
const ALL: usize = 40;
const SLIP: usize = 30;
/// Longer than a delete takes that nobody holds.
const A_WHILE: Duration = Duration::from_secs(4);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("deleting_most_templates_at_once_pauses_until_a_person_approves", || async { on_stage(slip).await }),
        trial("a_delete_that_waits_is_done_when_its_copy_goes_without_us", || async { on_stage(by_hand).await }),
        trial("a_narrowed_placement_that_is_taken_back_ends_the_pause", || async { on_stage(taken_back).await }),
        trial("a_silence_of_the_member_does_not_lift_the_pause", || async { on_stage(silence).await }),
        trial("a_member_that_was_served_by_another_hub_loses_nothing_until_a_person_approves", || async {
            on_stage(other_hub).await
        }),
        trial("another_hubs_mark_is_seen_by_the_one_that_serves_and_never_overwritten", || async {
            on_stage(second_hub).await
        }),
        trial("a_hub_that_came_back_older_stays_paused_however_its_version_grows", || async {
            on_stage(older_hub).await
        }),
        trial("a_member_with_its_own_hubs_mark_back_is_served_on", || async { on_stage(own_hub_again).await }),
    ]
}

async fn slip(stage: &Stage) -> Result<()> {
    let space = "delete-budget";
    let copies = place_all(stage, space, "m1").await?;
    delete_slip(stage, space).await?;
    let left = stage.wait_for("the pause says how many wait", PATIENCE, async || waiting(stage, &copies).await).await?;
    ensure!(left > ALL - SLIP, "everything was deleted before anybody was asked: {left} of {ALL} are left");
    let still = |seen: Option<&ConfigMap>| seen.map(|_| ()).ok_or_else(|| "it is gone".to_owned());
    let one = waiting_one(&copies).await?;
    stays("a copy whose delete waits", A_WHILE, (copies.clone(), &one), still).await?;

    let cluster = clusters(stage).get("m1").await?;
    let message = &condition(&cluster, "DeletesPaused").context("the condition")?.message;
    let token = token(message, "m1").with_context(|| format!("a token in {message:?}"))?;
    stage.cli(&["approve-deletes", "m1", &token]).await?;
    stage.watch("what was approved is gone, and nothing else", PATIENCE, copies, exactly(ALL - SLIP)).await?;
    resumed(stage).await?;
    watch_cluster(stage, "m1", "the approval is used up", |cluster| {
        match cluster.annotations().get("atoll.dev/approve-deletes") {
            None => Ok(()),
            Some(token) => Err(format!("it still says {token}")),
        }
    })
    .await
}

async fn by_hand(stage: &Stage) -> Result<()> {
    let space = "delete-budget-by-hand";
    let copies = place_all(stage, space, "m1").await?;
    delete_slip(stage, space).await?;
    stage.wait_for("the pause says how many wait", PATIENCE, async || waiting(stage, &copies).await).await?;
    let slip = ListParams::default().labels("part=slip");
    copies.delete_collection(&DeleteParams::default(), &slip).await?;
    let bindings: Api<ResourceBinding> = Api::namespaced(stage.hub(), space);
    stage.watch("bindings without copies are gone", PATIENCE, bindings, exactly(ALL - SLIP)).await?;
    resumed(stage).await
}

async fn taken_back(stage: &Stage) -> Result<()> {
    let space = "delete-budget-taken-back";
    let copies = place_all(stage, space, "m1, m2").await?;
    stage.apply_yaml(&placed(space, "m2")).await?;
    paused(stage).await?;
    stage.apply_yaml(&placed(space, "m1, m2")).await?;
    resumed(stage).await?;
    stage.watch("all copies are on m1 again", PATIENCE, copies, exactly(ALL)).await.map(drop)
}

async fn silence(stage: &Stage) -> Result<()> {
    let space = "delete-budget-silence";
    let copies = place_all(stage, space, "m1, m2").await?;
    stage.apply_yaml(&placed(space, "m2")).await?;
    paused(stage).await?;
    let left = fetch_names(&copies, "part").await?.len();
    stage.fleet().freeze("m1", ComponentKind::Apiserver).await?;
    judged(stage, "m1", Grade::IsolatedApi).await?;
    stage.fleet().thaw("m1", ComponentKind::Apiserver).await?;
    judged(stage, "m1", Grade::Healthy).await?;
    let still = |cluster: Option<&Cluster>| {
        let held = cluster.and_then(|cluster| condition(cluster, "DeletesPaused"));
        if held.is_some_and(|held| held.status == "True") { Ok(()) } else { Err(format!("{held:?}")) }
    };
    stays("the pause", A_WHILE, (clusters(stage), "m1"), still).await?;
    let now = fetch_names(&copies, "part").await?.len();
    ensure!(now == left, "{left} copies waited for a person's word, {now} are left");
    stage.apply_yaml(&placed(space, "m1, m2")).await?;
    resumed(stage).await
}

/// Places all templates; returns where their copies are on m1.
async fn place_all(stage: &Stage, space: &str, on: &str) -> Result<Api<ConfigMap>> {
    stage.apply_yaml(&(namespace(space) + &placed(space, on))).await?;
    for number in 0..ALL {
        let part = if number < SLIP { "slip" } else { "rest" };
        stage.apply_yaml(&numbered(space, number, part)).await?;
    }
    let copies: Api<ConfigMap> = Api::namespaced(stage.member("m1").await?, space);
    stage.watch("all copies are on m1", PATIENCE, copies.clone(), exactly(ALL)).await?;
    Ok(copies)
}

/// The slip of a hand, and the pause that answers it.
async fn delete_slip(stage: &Stage, space: &str) -> Result<()> {
    let templates: Api<ConfigMap> = Api::namespaced(stage.hub(), space);
    let slip = ListParams::default().labels("part=slip");
    templates.delete_collection(&DeleteParams::default(), &slip).await?;
    paused(stage).await
}

async fn paused(stage: &Stage) -> Result<()> {
    let held = watch_condition(stage, ("m1", "DeletesPaused"), "says what to do", |held| {
        held.status == "True" && held.message.contains("kubectl atoll approve-deletes m1 ")
    });
    ensure!(held.await?.reason == "DeleteBudgetExceeded", "the reason is the budget");
    Ok(())
}

async fn resumed(stage: &Stage) -> Result<()> {
    watch_condition(stage, ("m1", "DeletesPaused"), "is False again", |held| held.status == "False").await.map(drop)
}

fn numbered(space: &str, number: usize, part: &str) -> String {
    format!(
        "
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings-{number:02}, namespace: {space}, labels: {{part: {part}}}}}
data: {{number: \"{number}\"}}
---"
    )
}

/// A policy for all `ConfigMap`s of a namespace that have a part.
fn placed(space: &str, on: &str) -> String {
    format!(
        "
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {{name: settings, namespace: {space}}}
spec:
  resourceSelectors:
  - {{apiVersion: v1, kind: ConfigMap, labelSelector: {{matchExpressions: [{{key: part, operator: Exists}}]}}}}
  placement: {{clusterAffinity: {{clusterNames: [{on}]}}}}
---"
    )
}

/// Judges whether so many of the test's objects are there.
fn exactly<K>(number: usize) -> impl FnMut(&Objects<K>) -> Result<(), String> {
    move |seen| {
        let found = seen.keys().filter(|name| name.starts_with("settings-")).count();
        if found == number { Ok(()) } else { Err(format!("{found} of them")) }
    }
}

async fn fetch_names(copies: &Api<ConfigMap>, selector: &str) -> kube::Result<Vec<String>> {
    let found = copies.list_metadata(&ListParams::default().labels(selector)).await?;
    Ok(found.items.into_iter().filter_map(|copy| copy.metadata.name).collect())
}

/// How many copies are left, once the condition speaks of exactly those that wait.
async fn waiting(stage: &Stage, copies: &Api<ConfigMap>) -> Result<usize, String> {
    let all = fetch_names(copies, "part").await.map_err(|error| error.to_string())?.len();
    let waiting = fetch_names(copies, "part=slip").await.map_err(|error| error.to_string())?.len();
    let cluster = clusters(stage).get("m1").await.map_err(|error| error.to_string())?;
    let said = condition(&cluster, "DeletesPaused").map(|held| held.message.clone()).unwrap_or_default();
    if said.starts_with(&format!("{waiting} deletes wait")) { Ok(all) } else { Err(format!("{waiting}; {said}")) }
}

async fn waiting_one(copies: &Api<ConfigMap>) -> Result<String> {
    fetch_names(copies, "part=slip").await?.into_iter().next().context("a copy whose delete waits")
}

async fn other_hub(stage: &Stage) -> Result<()> {
    let paused = pause_by_other_hub(stage, "other-hub").await?;
    let cluster = clusters(stage).get("m2").await?;
    let message = &condition(&cluster, "DeletesPaused").context("the condition")?.message;
    let token = token(message, "m2").with_context(|| format!("a token in {message:?}"))?;
    stage.cli(&["approve-deletes", "m2", &token]).await?;
    gone(stage, "a person says that this hub is the right one", (paused.copies, "settings")).await?;
    let data = paused.marks.get("atoll-hub").await?.data.unwrap_or_default();
    ensure!(data.get("hubUid") == Some(&paused.mark), "the member holds {data:?}, this hub is {}", paused.mark);
    watch_condition(stage, ("m2", "DeletesPaused"), "is False again", |held| held.status == "False").await.map(drop)
}

async fn own_hub_again(stage: &Stage) -> Result<()> {
    let paused = pause_by_other_hub(stage, "own-hub-again").await?;
    stage.operator().stop().await?;
    put_mark(&paused.marks, &paused.mark).await?;
    stage.operator().start().await?;
    gone(stage, "with its own mark back, the hub may delete", (paused.copies, "settings")).await?;
    watch_condition(stage, ("m2", "DeletesPaused"), "is False again", |held| held.status == "False").await.map(drop)
}

const OTHER_HUB: &str = "11111111-2222-3333-4444-555555555555";

async fn second_hub(stage: &Stage) -> Result<()> {
    let (marks, mark) = place_on_m2(stage, "second-hub").await?;
    put_mark(&marks, OTHER_HUB).await?;
    // The mark is raised only after acting.
    let more =
        "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: second-hub}\ndata: {a: b}\n---";
    stage.apply_yaml(more).await?;
    watch_condition(stage, ("m2", "DeletesPaused"), "says that another hub was here", |held| {
        held.status == "True" && held.reason == "HubReplaced"
    })
    .await?;
    let held = marks.get("atoll-hub").await?.data.unwrap_or_default();
    ensure!(held.get("hubUid").map(String::as_str) == Some(OTHER_HUB), "it was overwritten: {held:?}");
    put_mark(&marks, &mark).await?;
    watch_condition(stage, ("m2", "DeletesPaused"), "is False again", |held| held.status == "False").await.map(drop)
}

async fn older_hub(stage: &Stage) -> Result<()> {
    let space = "older-hub";
    let (marks, _) = place_on_m2(stage, space).await?;
    stage.operator().stop().await?;
    let templates: Api<ConfigMap> = Api::namespaced(stage.hub(), space);
    let list = templates.list_metadata(&ListParams::default()).await?;
    let here: u64 = list.metadata.resource_version.context("a list has a version")?.parse()?;
    let ahead = Patch::Merge(json!({"data": {"resourceVersion": (here + 100).to_string()}}));
    marks.patch("atoll-hub", &PatchParams::default(), &ahead).await?;
    stage.operator().start().await?;
    let held = watch_condition(stage, ("m2", "DeletesPaused"), "says that the hub came back older", |held| {
        held.status == "True" && held.reason == "HubRolledBack"
    });
    let token = token(&held.await?.message, "m2").context("a token in the message")?;
    for number in 0..100 {
        let touch = Patch::Merge(json!({"metadata": {"annotations": {"touched": number.to_string()}}}));
        templates.patch("settings", &PatchParams::default(), &touch).await?;
    }
    let still = |cluster: Option<&Cluster>| {
        let held = cluster.and_then(|cluster| condition(cluster, "DeletesPaused"));
        let holds = held.is_some_and(|held| held.status == "True" && held.message.contains(&token));
        if holds { Ok(()) } else { Err(format!("{held:?}")) }
    };
    stays("the pause and its token", A_WHILE, (clusters(stage), "m2"), still).await?;
    stage.cli(&["approve-deletes", "m2", &token]).await?;
    watch_condition(stage, ("m2", "DeletesPaused"), "is False again", |held| held.status == "False").await.map(drop)
}

/// What is left when a hub finds another's mark on m2.
struct Paused {
    /// Where a copy waits whose template is gone.
    copies: Api<ConfigMap>,
    /// Where the mark is.
    marks: Api<ConfigMap>,
    /// This hub's own.
    mark: String,
}

/// Places an object on m2; returns where the hub's mark is, and the hub's identity in it.
async fn place_on_m2(stage: &Stage, space: &str) -> Result<(Api<ConfigMap>, String)> {
    let settings = Template::config_map(space, "settings");
    let data = format!("\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: {space}}}\n---");
    let placement = "{clusterAffinity: {clusterNames: [m2]}}";
    stage.apply_yaml(&(namespace(space) + &data + &settings.policy(placement))).await?;
    settled(stage, settings, &["m2"]).await?;
    let member = stage.member("m2").await?;
    let marks: Api<ConfigMap> = Api::namespaced(member, "karmada-cluster");
    let mark = stage
        .watch_one("the member holds the hub's mark", PATIENCE, (marks.clone(), "atoll-hub"), |seen| {
            let uid = seen.and_then(|map| map.data.as_ref()?.get("hubUid").cloned());
            uid.ok_or_else(|| format!("{seen:?}"))
        })
        .await?;
    Ok((marks, mark))
}

async fn pause_by_other_hub(stage: &Stage, space: &str) -> Result<Paused> {
    let (marks, mark) = place_on_m2(stage, space).await?;
    stage.operator().stop().await?;
    put_mark(&marks, OTHER_HUB).await?;
    let templates: Api<ConfigMap> = Api::namespaced(stage.hub(), space);
    templates.delete("settings", &DeleteParams::background()).await?;
    stage.operator().start().await?;
    watch_condition(stage, ("m2", "DeletesPaused"), "says that another hub was here", |held| {
        held.status == "True" && held.reason == "HubReplaced" && held.message.contains(&mark)
    })
    .await?;
    let copies: Api<ConfigMap> = Api::namespaced(stage.member("m2").await?, space);
    let still = |seen: Option<&ConfigMap>| match seen {
        Some(copy) if copy.metadata.deletion_timestamp.is_none() => Ok(()),
        other => Err(format!("{other:?}")),
    };
    stays("the copy of a deleted template", A_WHILE, (copies.clone(), "settings"), still).await?;
    Ok(Paused { copies, marks, mark })
}

async fn put_mark(marks: &Api<ConfigMap>, uid: &str) -> Result<()> {
    let patch = Patch::Merge(json!({"data": {"hubUid": uid}}));
    marks.patch("atoll-hub", &PatchParams::default(), &patch).await.context("writing the hub's mark on the member")?;
    Ok(())
}
