//! Chapter 1: the clusters are there, the operator runs, the members join.

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::figures::seconds;
use super::narrator::table;
use super::play::{PATIENCE, Play};

/// Shows the fleet and lets every member join.
pub async fn show(play: &mut Play<'_>) -> Result<()> {
    play.figures.fleet_up_s = Some(seconds(play.stage.fleet_up()));
    let fleet = play.stage.fleet();
    let version = play.stage.hub().apiserver_version().await.context("asking the hub for its version")?;
    let mut clusters = table(&["CLUSTER", "API SERVER", "POD NETWORK"]);
    let description = fleet.description();
    for cluster in std::iter::once(&description.hub).chain(&description.members) {
        let pods = cluster.member.as_ref().map_or("- (runs no pods)", |member| member.pod_cidr.as_str());
        clusters.add_row([&cluster.name, &cluster.server, pods]);
    }
    play.narrator.table(clusters);
    play.narrator.aside(&format!(
        "each is a real control plane {}: etcd, API server, controllers, scheduler; members have a network of their own",
        version.git_version
    ));
    let address = play.stage.operator().address().context("the operator runs")?;
    play.narrator.done(&format!(
        "hub and members up in {:.1} s, the operator runs: http://{address}/metrics",
        play.stage.fleet_up().as_secs_f64()
    ));
    join(play).await
}

async fn join(play: &Play<'_>) -> Result<()> {
    play.narrator.chapter("The clusters join the hub");
    for member in &play.members {
        let started = Instant::now();
        play.stage.join(member).await?;
        play.narrator
            .at(started.elapsed(), &format!("kubectl atoll join {member} --cluster-kubeconfig {member}.kubeconfig"));
    }
    play.stage.wait_until_ready(&play.members).await?;
    // Only what has been seen alive can be seen dead; a member is watched from its first answer on.
    for member in &play.members {
        let what = format!("{member} is Healthy and failover is armed for it");
        play.watched
            .clusters
            .settled((&what, member), PATIENCE, |judged| match judged {
                Some(judged) if judged.armed && judged.grade == atoll_crds::cluster::Grade::Healthy => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await?;
    }
    play.show_kubectl("get clusters").await
}
