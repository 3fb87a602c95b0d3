//! The facts of a member on its Cluster status: version, APIs, nodes,
//! resources, paused deletes. The verdict is the failover driver's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atoll_crds::cluster::{ApiEnablement, ApiResource, ClusterStatus, NodeSummary, ResourceSummary};
use atoll_crds::condition::cluster::{ApiEnablements, DeletesPaused};
use atoll_crds::condition::{ConditionValue, set_condition};
use atoll_decide::cluster::Resources;
use atoll_decide::interpret::quantity;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::discovery::Apis;
use super::inventory::Summary;
use super::member::Member;
use crate::app::App;
use crate::clock;
use crate::hub::cluster_write::{self, Written};

/// Facts are compared with the status so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Resource numbers move all the time; they are written at most so often.
const RESOURCES_EVERY: Duration = Duration::from_secs(10);

/// Publishes until the task is cancelled.
pub async fn run(app: Arc<App>, member: Arc<Member>) {
    let mut apis = member.apis.subscribe();
    let mut resources_at = None;
    loop {
        let now = clock::mono();
        let with_resources = resources_at.is_none_or(|at| now.since(at) >= RESOURCES_EVERY);
        match publish(&app, &member, with_resources).await {
            Ok(true) if with_resources => resources_at = Some(now),
            Ok(_) => {}
            Err(error) => tracing::debug!(cluster = %member.name, %error, "facts not written"),
        }
        tokio::select! {
            _ = apis.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Returns whether the resource numbers were compared.
async fn publish(app: &App, member: &Member, with_resources: bool) -> Result<bool, kube::Error> {
    if !app.leads() {
        return Ok(false);
    }
    let Some(cluster) = app.clusters.get(&member.name) else { return Ok(false) };
    let apis = member.apis.borrow().clone();
    let summary = member.inventory.summary();
    let known = summary.is_some();
    let paused = member.deletes_paused();
    let written = cluster_write::status(app, &cluster, |status| {
        if let Some(apis) = &apis {
            put_apis(status, apis);
        }
        if let Some(summary) = &summary {
            let before = status.node_summary;
            put_nodes(status, summary);
            if with_resources || before != status.node_summary {
                put_resources(status, summary);
            }
        }
        if member.hub_mark.is_read() {
            put_pause(status, paused.as_ref());
        }
    })
    .await?;
    if let Written::Now(cluster) = written
        && app.clusters.put(*cluster)
    {
        app.members.cluster_changed(member.name.clone());
    }
    Ok(known)
}

fn put_apis(status: &mut ClusterStatus, apis: &Apis) {
    let mut by_version: BTreeMap<&str, Vec<ApiResource>> = BTreeMap::new();
    for served in &apis.served {
        let resource = ApiResource { name: served.resource.clone(), kind: served.kind.clone() };
        by_version.entry(&served.group_version).or_default().push(resource);
    }
    status.kubernetes_version = Some(apis.version.clone());
    status.api_enablements = by_version
        .into_iter()
        .map(|(version, resources)| ApiEnablement { group_version: version.to_owned(), resources })
        .collect();
    let (value, message) = if apis.served.is_empty() {
        (ApiEnablements::Empty, "the cluster serves no API")
    } else {
        (ApiEnablements::Complete, "all APIs of the cluster are known")
    };
    set_condition(&mut status.conditions, value.condition(message, None, clock::api_time()));
}

fn put_nodes(status: &mut ClusterStatus, summary: &Summary) {
    status.node_summary = Some(NodeSummary { total_num: summary.nodes, ready_num: summary.ready_nodes });
}

fn put_resources(status: &mut ClusterStatus, summary: &Summary) {
    let Some(capacity) = &summary.capacity else { return };
    let quantities = |resources: &Resources| {
        resources.iter().map(|(name, amount)| (name.clone(), Quantity(quantity::render(name, *amount)))).collect()
    };
    let modelings = status.resource_summary.take().map(|old| old.allocatable_modelings).unwrap_or_default();
    status.resource_summary = Some(ResourceSummary {
        allocatable: quantities(&capacity.allocatable),
        allocating: quantities(&capacity.allocating),
        allocated: quantities(&capacity.allocated),
        allocatable_modelings: modelings,
    });
}

/// The condition appears with the first pause and stays from then on.
fn put_pause(status: &mut ClusterStatus, paused: Option<&(DeletesPaused, String)>) {
    let was_paused = status.conditions.iter().any(|held| held.type_ == DeletesPaused::TYPE && held.status == "True");
    let condition = match paused {
        Some((value, why)) => value.condition(why, None, clock::api_time()),
        None if was_paused => DeletesPaused::WithinBudget.condition("deletes go on", None, clock::api_time()),
        None => return,
    };
    set_condition(&mut status.conditions, condition);
}
