//! The members of the fleet.

use std::collections::BTreeMap;

use anyhow::Result;
use atoll_crds::condition::find_condition;
use atoll_crds::work::binding::Binding;
use atoll_crds::{Cluster, ClusterResourceBinding, ResourceBinding};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::Listing;
use crate::args;
use crate::connect::Side;
use crate::failure::On;
use crate::output::or_dash;

const HEADER: &[&str] = &[
    "NAME", "MODE", "VERSION", "READY", "GRADE", "REASON", "NODES", "API/DATA", "SINCE", "COPIES", "TAINTS", "REGION",
    "PROVIDER", "ENDPOINT",
];
/// Those before the wide ones.
const NARROW: usize = 10;

/// All Clusters, or those that were named.
pub async fn list(hub: &Side, task: &args::Get) -> Result<Listing> {
    let all = ListParams::default();
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    let clusters = clusters.list(&all).await.on(hub, "listing clusters")?.items;
    let bindings: Api<ResourceBinding> = Api::all(hub.client.clone());
    let wide: Api<ClusterResourceBinding> = Api::all(hub.client.clone());
    let bindings = bindings.list(&all).await.on(hub, "listing bindings")?.items;
    let wide = wide.list(&all).await.on(hub, "listing cluster bindings")?.items;
    let mut copies = BTreeMap::new();
    count(&mut copies, &bindings);
    count(&mut copies, &wide);
    Ok(listing(&clusters, &task.names, &copies))
}

/// Copies that are applied, by cluster.
fn count<B: Binding>(copies: &mut BTreeMap<String, usize>, bindings: &[B]) {
    for item in bindings.iter().filter_map(Binding::status).flat_map(|status| &status.aggregated_status) {
        *copies.entry(item.cluster_name.clone()).or_default() += usize::from(item.applied);
    }
}

fn listing(clusters: &[Cluster], names: &[String], copies: &BTreeMap<String, usize>) -> Listing {
    let mut listing = Listing {
        noun: "cluster",
        names: Vec::new(),
        header: HEADER,
        narrow: NARROW,
        rows: Vec::new(),
        objects: Vec::new(),
    };
    for cluster in clusters.iter().filter(|cluster| names.is_empty() || names.contains(&cluster.name_any())) {
        listing.names.push(format!("cluster/{}", cluster.name_any()));
        listing.rows.push(row(cluster, copies));
        listing.keep(cluster);
    }
    listing
}

fn row(cluster: &Cluster, copies: &BTreeMap<String, usize>) -> Vec<String> {
    let name = cluster.name_any();
    let status = cluster.status.clone().unwrap_or_default();
    let ready = find_condition(&status.conditions, "Ready");
    let verdict = status.verdict.as_ref();
    let nodes = status.node_summary.map(|nodes| format!("{}/{}", nodes.ready_num, nodes.total_num));
    let planes = verdict.map(|verdict| format!("{:?}/{:?}", verdict.api.state, verdict.data.state));
    let since =
        verdict.and_then(|verdict| verdict.since.as_ref()).map(|at| at.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let taints: Vec<String> =
        cluster.spec.taints.iter().map(|taint| format!("{}:{}", taint.key, taint.effect)).collect();
    let copies = copies.get(&name).copied().unwrap_or_default();
    vec![
        name,
        format!("{:?}", cluster.spec.sync_mode),
        or_dash(status.kubernetes_version.clone()),
        or_dash(ready.map(|ready| ready.status.clone())),
        or_dash(verdict.map(|verdict| format!("{:?}", verdict.grade))),
        or_dash(ready.map(|ready| ready.reason.clone())),
        or_dash(nodes),
        or_dash(planes),
        or_dash(since),
        copies.to_string(),
        or_dash(Some(taints.join(","))),
        or_dash(cluster.spec.region.clone()),
        or_dash(cluster.spec.provider.clone()),
        or_dash(cluster.spec.api_endpoint.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_is_shown_with_its_verdict_and_a_new_one_with_dashes() {
        let cluster = json!({
            "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": "m1"},
            "spec": {"syncMode": "Push"},
            "status": {
                "kubernetesVersion": "v1.37.2", "nodeSummary": {"totalNum": 3, "readyNum": 2},
                "conditions": [{"type": "Ready", "status": "False", "reason": "ClusterNotReachable", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "verdict": {"grade": "IsolatedFull", "since": "2026-01-01T00:00:00.000000Z", "confirmed": false,
                    "api": {"state": "Unreachable"}, "data": {"state": "Dark"}},
            },
        });
        let known: Cluster = serde_json::from_value(cluster).unwrap();
        let new = Cluster::new("m2", atoll_crds::ClusterSpec::default());
        let listing = listing(&[known, new], &[], &[("m1".to_owned(), 7)].into());
        let shown = [
            "m1",
            "Push",
            "v1.37.2",
            "False",
            "IsolatedFull",
            "ClusterNotReachable",
            "2/3",
            "Unreachable/Dark",
            "2026-01-01T00:00:00Z",
            "7",
        ];
        assert_eq!(listing.rows[0][..NARROW], shown);
        assert_eq!(listing.rows[1][..NARROW], ["m2", "Push", "-", "-", "-", "-", "-", "-", "-", "0"]);
        assert_eq!(listing.names, ["cluster/m1", "cluster/m2"]);
    }
}
