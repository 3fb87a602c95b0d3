//! Propagation policies of both kinds.

use anyhow::Result;
use atoll_crds::policy::propagation::Policy;
use atoll_crds::{ClusterPropagationPolicy, PropagationPolicy};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::Listing;
use crate::args;
use crate::connect::Side;
use crate::failure::On;
use crate::output::or_dash;

const HEADER: &[&str] =
    &["NAMESPACE", "NAME", "TEMPLATES", "CLUSTERS", "FAILED", "STATUS", "REASON", "PRIORITY", "CONFLICT", "MESSAGE"];
/// Those before the wide ones.
const NARROW: usize = 8;

/// Policies of the namespace, or all of both kinds; or those that were named.
pub async fn list(hub: &Side, task: &args::Get) -> Result<Listing> {
    let all = ListParams::default();
    let mut listing = Listing {
        noun: "propagation policy",
        names: Vec::new(),
        header: HEADER,
        narrow: NARROW,
        rows: Vec::new(),
        objects: Vec::new(),
    };
    let namespace = task.namespace.as_deref().unwrap_or(&hub.config.default_namespace);
    let policies: Api<PropagationPolicy> =
        if task.all_namespaces { Api::all(hub.client.clone()) } else { Api::namespaced(hub.client.clone(), namespace) };
    let policies = policies.list(&all).await.on(hub, "listing propagation policies")?.items;
    put(&mut listing, "propagationpolicy", &policies, &task.names);
    // Those without a namespace concern every namespace, as kubectl shows what
    // a person may mean.
    let wide: Api<ClusterPropagationPolicy> = Api::all(hub.client.clone());
    let wide = wide.list(&all).await.on(hub, "listing cluster propagation policies")?.items;
    put(&mut listing, "clusterpropagationpolicy", &wide, &task.names);
    Ok(listing)
}

fn put<P: Policy + ResourceExt + Serialize>(listing: &mut Listing, kind: &str, policies: &[P], names: &[String]) {
    for policy in policies.iter().filter(|policy| names.is_empty() || names.contains(&policy.name_any())) {
        listing.names.push(format!("{kind}/{}", policy.name_any()));
        listing.rows.push(row(policy));
        listing.keep(policy);
    }
}

fn row<P: Policy + ResourceExt>(policy: &P) -> Vec<String> {
    let status = policy.status().cloned().unwrap_or_default();
    let number = |number: Option<i32>| or_dash(number.map(|number| number.to_string()));
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let spec = policy.propagation();
    vec![
        or_dash(policy.namespace()),
        policy.name_any(),
        number(status.templates),
        number(status.clusters_matched),
        number(status.clusters_failed),
        or_dash(status.state.map(|state| format!("{state:?}"))),
        or_dash(status.reason.clone()),
        spec.priority.to_string(),
        format!("{:?}", spec.conflict_resolution),
        or_dash(ready.map(|ready| ready.message.clone())),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_shown_with_what_became_of_it_and_a_new_one_with_dashes() {
        let policy = |status: serde_json::Value| -> PropagationPolicy {
            serde_json::from_value(json!({
                "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
                "metadata": {"name": "web", "namespace": "shop"}, "status": status,
                "spec": {"resourceSelectors": [], "priority": 3},
            }))
            .unwrap()
        };
        let told = policy(
            json!({"state": "Applied", "reason": "Success", "templates": 2, "clustersMatched": 3, "clustersFailed": 1}),
        );
        assert_eq!(row(&told)[..NARROW], ["shop", "web", "2", "3", "1", "Applied", "Success", "3"]);
        let new = policy(json!({}));
        assert_eq!(row(&new)[..NARROW], ["shop", "web", "-", "-", "-", "-", "-", "3"]);
    }
}
