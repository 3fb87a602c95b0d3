//! Chapter 2: an app and a policy are applied; where the app runs, and why.

use anyhow::{Context, Result};
use atoll_crds::PropagationPolicy;
use atoll_crds::policy::propagation::PolicyState;
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::answers;
use super::figures::seconds;
use super::narrator::table;
use super::play::{APP, NAMESPACE, PATIENCE, Play, render_targets};
use super::watched::{Placed, since};
use crate::stage::Objects;

/// The binding of the app's Deployment.
pub const BINDING: &str = "web-deployment";

/// Applies app and policy and shows what became of them.
pub async fn show(play: &mut Play<'_>) -> Result<()> {
    play.narrator.chapter("An app, and a policy that says where it runs");
    play.stage.apply_file(&Play::manifest("app.yaml")).await?;
    play.narrator.act(&format!(
        "kubectl apply -f e2e/demo/app.yaml       Deployment {NAMESPACE}/{APP}, 6 replicas; a ConfigMap"
    ));
    let applied = Instant::now();
    play.stage.apply_file(&Play::manifest("policy.yaml")).await?;
    play.narrator.act("kubectl apply -f e2e/demo/policy.yaml    spread it over m1, m2, m3 by equal weights");
    let placed = |moment: &_| {
        let placed: &Placed = since(moment, applied, BINDING)?;
        (!placed.clusters.is_empty()).then(|| (moment.at, placed.clusters.clone()))
    };
    let (decided, targets) = play.watched.bindings.follow("the app is placed", PATIENCE, placed).await?;
    play.narrator.at(decided - applied, &format!("decided: {}", render_targets(&targets)));
    let ready = play.wait_until_ready(&targets).await?;
    play.narrator.at(ready - applied, "every replica is Ready on its cluster");
    play.figures.first_placement_s = Some(seconds(ready - applied));
    wait_until_well(play, applied).await?;
    show_copies(play).await?;
    play.show_kubectl(&format!("get resourcebindings -n {NAMESPACE}")).await?;
    play.show_kubectl(&format!("get propagationpolicies -n {NAMESPACE}")).await
}

/// Waits until the hub says of the app as a whole that it is applied and healthy.
async fn wait_until_well(play: &Play<'_>, applied: Instant) -> Result<()> {
    let judge = |placed: Option<&Placed>| match placed {
        Some(placed) if placed.well => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let at = play.watched.bindings.settled(("the app is healthy as a whole", BINDING), PATIENCE, judge).await?;
    play.narrator.at(at.saturating_duration_since(applied), "the hub says so: applied everywhere, healthy everywhere");
    let policies: Api<PropagationPolicy> = Api::namespaced(play.stage.hub(), NAMESPACE);
    let applied = |seen: &Objects<PropagationPolicy>| match seen.values().find(|policy| !is_applied(policy)) {
        Some(policy) => Err(format!("{} has the status {:?}", policy.name_any(), policy.status)),
        None => Ok(()),
    };
    play.stage.watch("the policies are applied", PATIENCE, policies, applied).await
}

fn is_applied(policy: &PropagationPolicy) -> bool {
    policy.status.as_ref().is_some_and(|status| status.state == Some(PolicyState::Applied))
}

/// Where the app runs now, and what it answers there.
pub async fn show_copies(play: &Play<'_>) -> Result<()> {
    let targets = current(play).await?.clusters;
    let mut copies = table(&["CLUSTER", "REPLICAS", "READY", "ONE OF THEM ANSWERS"]);
    for target in &targets {
        let all = answers::fetch(play, &target.name).await?;
        let replicas = target.replicas.unwrap_or_default().to_string();
        copies.add_row([&target.name, &replicas, &all.len().to_string(), &all[0]]);
    }
    play.narrator.table(copies);
    Ok(())
}

/// What the hub says of the app now.
pub async fn current(play: &Play<'_>) -> Result<Placed> {
    let mut found = None;
    let read = |placed: Option<&Placed>| {
        found = placed.cloned();
        placed.map(drop).ok_or_else(|| "no binding".to_owned())
    };
    play.watched.bindings.settled(("the app has a binding", BINDING), PATIENCE, read).await?;
    found.context("a settled binding is there")
}
