//! A member that is cut off: what is judged, what moves and what must not.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_crds::atoll::isolation_snapshot::MovePhase;
use atoll_crds::cluster::Grade;
use atoll_crds::work::binding::ResourceHealth;
use atoll_crds::{IsolationSnapshot, OverridePolicy, ResourceBinding};
use atoll_e2e::fleet::ComponentKind;
use atoll_e2e::net::{Fault, Path};
use atoll_e2e::stage::Stage;
use k8s_openapi::api::core::v1::Taint;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{
    MOVES_BY_THEN, PATIENCE, Template, all_healthy, at_home, condition, gone, has_taint, is_marked, judged, leaving,
    moved, namespace, replace_cluster, report, settled, stays, stays_put, targets, told, trusted, watch_binding,
    watch_cluster,
};

/// Long enough for a second move to begin after the first has ended.
const QUIET: Duration = Duration::from_secs(3);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_full_cut_is_recorded_before_anything_moves_and_heals_without_a_second_move", || async {
            on_stage(full_cut).await
        }),
        trial("the_last_good_copy_stays_while_nothing_healthy_replaces_it", || async {
            on_stage(last_good_copy).await
        }),
        trial("what_is_everywhere_or_tolerates_isolation_stays_while_the_rest_moves", || async {
            on_stage(stays_and_moves).await
        }),
        trial("an_api_that_is_cut_off_alone_moves_nothing", || async { on_stage(api_alone).await }),
        trial("a_frozen_api_server_moves_nothing", || async { on_stage(frozen).await }),
        trial("an_api_that_refuses_is_an_answer_and_moves_nothing", || async { on_stage(refused).await }),
        trial("a_dark_data_plane_under_an_answering_api_moves_nothing", || async { on_stage(data_alone).await }),
        trial("a_taint_set_by_hand_moves_the_workload_and_is_named", || async { on_stage(tainted_by_hand).await }),
        trial("an_operator_that_restarts_during_an_isolation_finishes_the_move", || async {
            on_stage(restarted).await
        }),
    ]
}

async fn full_cut(stage: &Stage) -> Result<()> {
    let web = Template::deployment("full-cut", "web");
    run_at_home(stage, web, "m1").await?;
    let observer = stage.observer("m1").await?;
    let old = web.fetch_copy_uid(observer.clone()).await?.context("the copy on m1")?;
    let known = snapshots(stage).list(&kube::api::ListParams::default()).await?;
    let known: BTreeSet<String> = known.items.iter().map(ResourceExt::name_any).collect();

    stage.fleet().faults().isolate("m1").await?;
    let (snapshot, first_task) = tokio::try_join!(new_snapshot(stage, "m1", &known), first_task(stage, web))?;
    ensure!(
        version(&snapshot)? < version(&first_task)?,
        "the snapshot ({:?}) was written after the eviction began ({:?})",
        snapshot.metadata.resource_version,
        first_task.metadata.resource_version
    );
    ensure!(leaving(&first_task) == ["m1"], "{:?}", first_task.spec.graceful_eviction_tasks);
    check_recorded(&snapshot, web)?;
    let cut = judged(stage, "m1", Grade::IsolatedFull).await?;
    ensure!(cut.labels().get("atoll.dev/isolated").map(String::as_str) == Some("true"), "{:?}", cut.labels());
    ensure!(has_taint(&cut, "atoll.dev/isolated", "NoExecute"), "{:?}", cut.spec.taints);
    let ready = condition(&cut, "Ready").context("condition Ready")?;
    ensure!(ready.status == "False" && ready.reason == "ClusterNotReachable", "{ready:?}");

    let new_home = moved(stage, web, "m1").await?;
    ensure!(new_home.len() == 1, "one copy was wanted: {new_home:?}");
    let kept = web.fetch_copy_uid(observer.clone()).await?;
    ensure!(kept.as_ref() == Some(&old), "the copy on the cut member: {kept:?}, was {old}");
    let replacement = web.fetch_copy_uid(stage.member(&new_home[0]).await?).await?;

    stage.fleet().faults().reconnect("m1").await?;
    gone(stage, "the old copy is removed after the return", (web.copies(observer), "web")).await?;
    trusted(stage, "m1").await?;
    let home: Vec<&str> = new_home.iter().map(String::as_str).collect();
    settled(stage, web, &home).await?;
    stays_put(stage, QUIET, web, &home).await?;
    ensure!(web.fetch_copy_uid(stage.member(home[0]).await?).await? == replacement, "the replacement was replaced");
    completed(stage, &snapshot.name_any(), web).await
}

fn check_recorded(snapshot: &IsolationSnapshot, web: Template<'_>) -> Result<()> {
    let placements = &snapshot.spec.placements;
    let mut here = placements.iter().filter(|placement| placement.binding.namespace.as_deref() == Some(web.namespace));
    let placement = here.next().with_context(|| format!("no placement of {web:?} in {placements:?}"))?;
    ensure!(placement.binding.name == web.binding() && placement.kind == "Deployment", "{placement:?}");
    ensure!(placement.targets.iter().map(|target| target.name.as_str()).eq(["m1"]), "{placement:?}");
    ensure!(snapshot.spec.verdict.grade == Grade::IsolatedFull, "{:?}", snapshot.spec.verdict);
    Ok(())
}

/// The record of the move says in the end that all of it is done.
async fn completed(stage: &Stage, snapshot: &str, web: Template<'_>) -> Result<()> {
    let judge = |seen: Option<&IsolationSnapshot>| {
        let moves = seen.and_then(|snapshot| snapshot.status.as_ref()).map(|status| status.moves.as_slice());
        let moves = moves.unwrap_or_default();
        let done = moves.iter().any(|one| {
            one.binding.namespace.as_deref() == Some(web.namespace)
                && one.from == "m1"
                && one.phase == MovePhase::Completed
        });
        if done { Ok(()) } else { Err(format!("{moves:?}")) }
    };
    stage.watch_one("the snapshot records the completed move", PATIENCE, (snapshots(stage), snapshot), judge).await
}

async fn last_good_copy(stage: &Stage) -> Result<()> {
    let web = Template::deployment("last-good-copy", "web");
    stage.apply_yaml(&namespace(web.namespace)).await?;
    stage.apply_yaml(&web.sick_on("{clusterNames: [m2, m3]}")).await?;
    run_at_home(stage, web, "m1").await?;
    let observer = stage.observer("m1").await?;
    let old = web.fetch_copy_uid(observer.clone()).await?.context("the copy on m1")?;

    stage.fleet().faults().isolate("m1").await?;
    let away = watch_binding(stage, "its replacement is there and sick", web, |binding| {
        let sick = |name: &&str| {
            *name != "m1" && report(binding, name).is_some_and(|item| item.health == Some(ResourceHealth::Unhealthy))
        };
        targets(binding).into_iter().find(sick).map(str::to_owned).ok_or_else(|| seen(binding))
    })
    .await?;
    ensure!(web.fetch_copy_uid(observer.clone()).await?.as_ref() == Some(&old), "the copy on the cut member is gone");

    stage.fleet().faults().reconnect("m1").await?;
    told(stage, "web", "EvictionCancelled", "m1").await?;
    trusted(stage, "m1").await?;
    let same = |seen: Option<&kube::core::DynamicObject>| match seen.and_then(ResourceExt::uid) {
        Some(uid) if uid == old => Ok(()),
        other => Err(format!("{other:?} instead of {old}; the replacement on {away} never became healthy")),
    };
    stays("the last good copy", MOVES_BY_THEN, (web.copies(observer), "web"), same).await?;
    watch_binding(stage, "the good copy counts as a target again", web, |binding| {
        if targets(binding).contains(&"m1") { Ok(()) } else { Err(seen(binding)) }
    })
    .await?;
    let overrides: Api<OverridePolicy> = Api::namespaced(stage.hub(), web.namespace);
    overrides.delete(web.name, &DeleteParams::default()).await?;
    watch_binding(stage, "all its copies are healthy without the override", web, all_healthy).await
}

async fn stays_and_moves(stage: &Stage) -> Result<()> {
    let space = "stays-and-moves";
    let (web, keeps) = (Template::deployment(space, "web"), Template::deployment(space, "keeps"));
    let settings = Template::config_map(space, "settings");
    let tolerates = ", clusterTolerations: [{key: atoll.dev/isolated, operator: Exists, effect: NoExecute}]";
    stage.apply_yaml(&namespace(space)).await?;
    stage.apply_yaml(&(keeps.workload("") + &keeps.policy(&at_home("m2", tolerates)))).await?;
    let everywhere = "{clusterAffinity: {clusterNames: [m1, m2, m3]}}";
    let data = format!("\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: {space}}}\n---");
    stage.apply_yaml(&(data + &settings.policy(everywhere))).await?;
    run_at_home(stage, web, "m2").await?;
    settled(stage, keeps, &["m2"]).await?;
    settled(stage, settings, &["m1", "m2", "m3"]).await?;

    stage.fleet().faults().isolate("m2").await?;
    moved(stage, web, "m2").await?;
    told(stage, "settings", "EvictWorkloadFromClusterFailed", "m2 is lost").await?;
    watch_binding(stage, "its lost copy stays a target of unknown health", settings, |binding| {
        let lost = report(binding, "m2").and_then(|item| item.health);
        let is_kept = targets(binding) == ["m1", "m2", "m3"] && leaving(binding).is_empty();
        if is_kept && lost == Some(ResourceHealth::Unknown) { Ok(()) } else { Err(seen(binding)) }
    })
    .await?;
    stays_put(stage, QUIET, keeps, &["m2"]).await?;

    stage.fleet().faults().reconnect("m2").await?;
    trusted(stage, "m2").await?;
    settled(stage, keeps, &["m2"]).await?;
    settled(stage, settings, &["m1", "m2", "m3"]).await.map(drop)
}

async fn api_alone(stage: &Stage) -> Result<()> {
    let web = Template::deployment("api-alone", "web");
    run_at_home(stage, web, "m3").await?;
    stage.fleet().faults().set_both("hub", "m3", Path::Api, Fault::Cut).await?;
    judged(stage, "m3", Grade::IsolatedApi).await?;
    stays_unmarked(stage, web, "m3").await?;
    stage.fleet().faults().heal_all().await?;
    trusted(stage, "m3").await?;
    settled(stage, web, &["m3"]).await.map(drop)
}

async fn frozen(stage: &Stage) -> Result<()> {
    let web = Template::deployment("frozen", "web");
    run_at_home(stage, web, "m1").await?;
    stage.fleet().freeze("m1", ComponentKind::Apiserver).await?;
    judged(stage, "m1", Grade::IsolatedApi).await?;
    stays_unmarked(stage, web, "m1").await?;
    stage.fleet().thaw("m1", ComponentKind::Apiserver).await?;
    trusted(stage, "m1").await?;
    settled(stage, web, &["m1"]).await.map(drop)
}

/// With its API lost alone, a cluster is not ready and takes nothing new, and that is all.
async fn stays_unmarked(stage: &Stage, web: Template<'_>, home: &str) -> Result<()> {
    watch_cluster(stage, home, "it is not ready and takes nothing new", |cluster| {
        let ready = condition(cluster, "Ready");
        let not_ready = ready.is_some_and(|held| held.status == "False" && held.reason == "ClusterNotReachable");
        let closed = has_taint(cluster, "cluster.karmada.io/not-ready", "NoSchedule");
        if not_ready && closed { Ok(()) } else { Err(format!("{ready:?}, taints {:?}", cluster.spec.taints)) }
    })
    .await?;
    stays_put(stage, MOVES_BY_THEN, web, &[home]).await?;
    let cluster = crate::scenery::clusters(stage).get(home).await?;
    ensure!(!is_marked(&cluster), "labels {:?}, taints {:?}", cluster.labels(), cluster.spec.taints);
    Ok(())
}

async fn refused(stage: &Stage) -> Result<()> {
    let web = Template::deployment("refused", "web");
    run_at_home(stage, web, "m2").await?;
    stage.fleet().kill("m2", ComponentKind::Apiserver).await?;
    watch_cluster(stage, "m2", "it is not ready, and not because of silence", |cluster| {
        match condition(cluster, "Ready") {
            Some(held) if held.status == "False" && held.reason != "ClusterNotReachable" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    let judge = |seen: Option<&atoll_crds::Cluster>| {
        let cluster = seen.ok_or("there is no Cluster")?;
        let verdict = cluster.status.as_ref().and_then(|status| status.verdict.as_ref());
        let grade = verdict.map(|verdict| verdict.grade);
        if grade == Some(Grade::Degraded) && !is_marked(cluster) { Ok(()) } else { Err(format!("{verdict:?}")) }
    };
    let cluster = (crate::scenery::clusters(stage), "m2");
    tokio::try_join!(
        stays("a refusing API is no silence", MOVES_BY_THEN, cluster, judge),
        stays_put(stage, MOVES_BY_THEN, web, &["m2"]),
    )?;
    stage.fleet().restart("m2", ComponentKind::Apiserver).await?;
    trusted(stage, "m2").await?;
    settled(stage, web, &["m2"]).await.map(drop)
}

async fn data_alone(stage: &Stage) -> Result<()> {
    let web = Template::deployment("data-alone", "web");
    run_at_home(stage, web, "m3").await?;
    stage.fleet().faults().set_both("hub", "m3", Path::Data, Fault::Cut).await?;
    judged(stage, "m3", Grade::IsolatedData).await?;
    stays_put(stage, MOVES_BY_THEN, web, &["m3"]).await?;
    let cluster = judged(stage, "m3", Grade::IsolatedData).await?;
    ensure!(!is_marked(&cluster), "labels {:?}, taints {:?}", cluster.labels(), cluster.spec.taints);
    ensure!(condition(&cluster, "Ready").is_some_and(|held| held.status == "True"), "{:?}", cluster.status);
    stage.fleet().faults().heal_all().await?;
    trusted(stage, "m3").await
}

async fn tainted_by_hand(stage: &Stage) -> Result<()> {
    let web = Template::deployment("tainted-by-hand", "web");
    run_at_home(stage, web, "m1").await?;
    let key = "example.dev/maintenance";
    replace_cluster(stage, "m1", |cluster| {
        let taint = Taint { key: key.to_owned(), effect: "NoExecute".to_owned(), ..Taint::default() };
        cluster.spec.taints.push(taint);
    })
    .await?;
    let new_home = moved(stage, web, "m1").await?;
    told(stage, "web", "EvictWorkloadFromClusterSucceed", key).await?;
    gone(stage, "the old copy goes from a cluster that answers", (web.copies(stage.member("m1").await?), "web"))
        .await?;
    replace_cluster(stage, "m1", |cluster| cluster.spec.taints.retain(|taint| taint.key != key)).await?;
    let home: Vec<&str> = new_home.iter().map(String::as_str).collect();
    settled(stage, web, &home).await?;
    stays_put(stage, QUIET, web, &home).await
}

async fn restarted(stage: &Stage) -> Result<()> {
    let space = "restarted";
    let (web, bystander) = (Template::deployment(space, "web"), Template::deployment(space, "bystander"));
    run_at_home(stage, web, "m2").await?;
    run_at_home(stage, bystander, "m3").await?;
    let observer = stage.observer("m2").await?;

    stage.fleet().faults().isolate("m2").await?;
    watch_cluster(stage, "m2", "it is marked", |cluster| {
        if is_marked(cluster) { Ok(()) } else { Err(format!("{:?}", cluster.spec.taints)) }
    })
    .await?;
    let move_on = async {
        stage.operator().restart().await?;
        moved(stage, web, "m2").await
    };
    let stay = stays_put(stage, MOVES_BY_THEN, bystander, &["m3"]);
    let (new_home, ()) = tokio::try_join!(move_on, stay)?;

    stage.fleet().faults().reconnect("m2").await?;
    gone(stage, "the old copy is removed after the return", (web.copies(observer), "web")).await?;
    trusted(stage, "m2").await?;
    let home: Vec<&str> = new_home.iter().map(String::as_str).collect();
    settled(stage, web, &home).await?;
    settled(stage, bystander, &["m3"]).await.map(drop)
}

/// Brings a Deployment to its home, alone in its namespace.
async fn run_at_home(stage: &Stage, web: Template<'_>, home: &str) -> Result<()> {
    stage.apply_yaml(&(namespace(web.namespace) + &web.workload("") + &web.policy(&at_home(home, "")))).await?;
    settled(stage, web, &[home]).await.map(drop)
}

fn seen(binding: &ResourceBinding) -> String {
    let reports = binding.status.as_ref().map(|status| &status.aggregated_status);
    format!("on {:?}, leaving {:?}: {reports:?}", targets(binding), leaving(binding))
}

fn snapshots(stage: &Stage) -> Api<IsolationSnapshot> {
    Api::all(stage.hub())
}

async fn new_snapshot(stage: &Stage, cluster: &str, known: &BTreeSet<String>) -> Result<IsolationSnapshot> {
    stage
        .watch("a snapshot of the isolated cluster is written", PATIENCE, snapshots(stage), |seen| {
            let mut new = seen.values().filter(|one| one.spec.cluster == cluster && !known.contains(&one.name_any()));
            new.next().cloned().ok_or_else(|| format!("{:?}", seen.keys()))
        })
        .await
}

async fn first_task(stage: &Stage, template: Template<'_>) -> Result<ResourceBinding> {
    watch_binding(stage, "it leaves a cluster", template, |binding| {
        if leaving(binding).is_empty() { Err(format!("on {:?}", targets(binding))) } else { Ok(binding.clone()) }
    })
    .await
}

fn version(object: &impl ResourceExt) -> Result<u64> {
    let version = object.resource_version().context("an object of the API has a version")?;
    version.parse().context("versions are numbers")
}
