//! The brake: when most of the fleet is lost at once, the hub doubts its own network.

use anyhow::{Result, ensure};
use atoll_crds::cluster::Grade;
use atoll_e2e::stage::Stage;
use libtest_mimic::Trial;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{
    MOVES_BY_THEN, Template, at_home, clusters, is_marked, judged, namespace, settled, stays_put, told, trusted,
    watch_condition,
};

pub fn trials() -> Vec<Trial> {
    vec![trial("two_of_three_members_lost_at_once_move_nothing_and_the_hub_says_why", || async {
        on_stage(two_of_three).await
    })]
}

async fn two_of_three(stage: &Stage) -> Result<()> {
    let (one, two) = (Template::deployment("brake", "one"), Template::deployment("brake", "two"));
    stage.apply_yaml(&namespace("brake")).await?;
    for (template, home) in [(one, "m1"), (two, "m2")] {
        stage.apply_yaml(&(template.workload("") + &template.policy(&at_home(home, "")))).await?;
        settled(stage, template, &[home]).await?;
    }
    let faults = stage.fleet().faults();
    tokio::try_join!(faults.isolate("m1"), faults.isolate("m2"))?;
    for name in ["m1", "m2"] {
        judged(stage, name, Grade::IsolatedFull).await?;
        told(stage, name, "FailoverBraked", "doubts its own network").await?;
        watch_condition(stage, (name, "FailoverArmed"), "says that the brake is on", |held| {
            held.status == "False" && held.message.contains("m1") && held.message.contains("m2")
        })
        .await?;
    }
    tokio::try_join!(stays_put(stage, MOVES_BY_THEN, one, &["m1"]), stays_put(stage, MOVES_BY_THEN, two, &["m2"]),)?;
    for name in ["m1", "m2"] {
        let cluster = clusters(stage).get(name).await?;
        ensure!(!is_marked(&cluster), "{name}: {:?}", cluster.spec.taints);
    }

    faults.heal_all().await?;
    for (template, home) in [(one, "m1"), (two, "m2")] {
        trusted(stage, home).await?;
        watch_condition(stage, (home, "FailoverArmed"), "is True again", |held| held.status == "True").await?;
        settled(stage, template, &[home]).await?;
    }
    Ok(())
}
