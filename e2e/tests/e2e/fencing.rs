//! Workloads that must not run twice.

use anyhow::Result;
use atoll_crds::condition::ConditionValue;
use atoll_crds::condition::cluster::Fenced;
use atoll_e2e::stage::Stage;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use libtest_mimic::Trial;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{
    Template, at_home, gone, moved, namespace, replace_cluster_status, settled, stays_put, told, trusted,
};

/// Time enough for what was just held to move after all.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(3);

pub fn trials() -> Vec<Trial> {
    vec![trial("what_must_not_run_twice_moves_only_off_a_fenced_cluster_or_with_its_owners_word", || async {
        on_stage(fenced).await
    })]
}

async fn fenced(stage: &Stage) -> Result<()> {
    let space = "fencing";
    let (web, free) = (Template::deployment(space, "web"), Template::stateful_set(space, "free"));
    let (db, once) = (Template::stateful_set(space, "db"), Template::deployment(space, "once"));
    let allowed = free
        .workload("")
        .replace("namespace: fencing}", "namespace: fencing, annotations: {atoll.dev/allow-unfenced-move: \"true\"}}");
    let texts = [
        (web, web.workload("")),
        (free, allowed),
        (db, db.workload("")),
        (once, once.workload("strategy: {type: Recreate}")),
    ];
    stage.apply_yaml(&namespace(space)).await?;
    for (template, text) in texts {
        stage.apply_yaml(&(text + &template.policy(&at_home("m3", "")))).await?;
    }
    for template in [web, free, db, once] {
        settled(stage, template, &["m3"]).await?;
    }
    stage.fleet().faults().isolate("m3").await?;
    moved(stage, web, "m3").await?;
    moved(stage, free, "m3").await?;
    for template in [db, once] {
        told(stage, template.name, "EvictionHeld", "m3").await?;
    }
    tokio::try_join!(stays_put(stage, A_WHILE, db, &["m3"]), stays_put(stage, A_WHILE, once, &["m3"]))?;

    replace_cluster_status(stage, "m3", |cluster| {
        let condition = Fenced::Stated.condition("the rack is switched off", None, Time(Timestamp::now()));
        cluster.status.get_or_insert_default().conditions.push(condition);
    })
    .await?;
    moved(stage, db, "m3").await?;
    moved(stage, once, "m3").await?;

    stage.fleet().faults().reconnect("m3").await?;
    let observer = stage.observer("m3").await?;
    for template in [web, free, db, once] {
        gone(stage, "the old copy is removed", (template.copies(observer.clone()), template.name)).await?;
    }
    trusted(stage, "m3").await?;
    replace_cluster_status(stage, "m3", |cluster| {
        cluster.status.get_or_insert_default().conditions.retain(|held| held.type_ != Fenced::TYPE);
    })
    .await
}
