//! A Cluster that should be on the hub already.

use anyhow::{Result, bail};
use atoll_crds::Cluster;
use kube::Api;

use crate::args::ClusterName;
use crate::connect::Side;
use crate::failure::On;
use crate::join::fetch::fetch_id;

/// The Cluster of this name; None when the hub has none.
pub async fn fetch(hub: &Side, name: &ClusterName) -> Result<Option<Cluster>> {
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    clusters.get_opt(name.as_str()).await.on(hub, format!("reading cluster {name}"))
}

/// The Cluster of this name; none is a failure.
pub async fn require(hub: &Side, name: &ClusterName) -> Result<Cluster> {
    match fetch(hub, name).await? {
        Some(cluster) => Ok(cluster),
        None => bail!("hub: there is no cluster {name}; `kubectl get clusters` lists those there are"),
    }
}

/// Refuses a kubeconfig of another member than `cluster` is.
pub async fn check_same_member(cluster: &Cluster, member: &Side) -> Result<()> {
    let id = fetch_id(member).await?;
    match cluster.spec.id.as_deref().filter(|known| !known.is_empty()) {
        Some(known) if known != id => bail!(
            "the given kubeconfig is not that of {}: the member there has id {id}, the cluster has id {known}",
            member.name
        ),
        _ => Ok(()),
    }
}
