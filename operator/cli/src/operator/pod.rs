//! Which pod leads.

use anyhow::{Result, bail};
use atoll_crds::names::SYSTEM_NAMESPACE;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::connect::Side;
use crate::failure::On;

/// The operator's pods carry it; those of a hub beside them have another component.
const SELECTOR: &str = "app.kubernetes.io/name=atoll,app.kubernetes.io/component=operator";
/// The Lease on the hub, as the operator names it by default.
const LEASE: &str = "atoll";

/// The name of the leader's pod. The Lease stands in the system namespace of
/// the hub, or, where the host is the hub, beside the pods.
pub async fn leader(hub: &Side, host: &Side, pods: &Api<Pod>) -> Result<String> {
    let holder = match holder(hub, SYSTEM_NAMESPACE).await? {
        Some(holder) => Some(holder),
        None => holder(host, pods.namespace().unwrap_or(SYSTEM_NAMESPACE)).await?,
    };
    let found = pods.list(&ListParams::default().labels(SELECTOR)).await.on(host, "looking for the operator's pods")?;
    choose(&found.items, holder.as_deref())
}

async fn holder(side: &Side, namespace: &str) -> Result<Option<String>> {
    let leases: Api<Lease> = Api::namespaced(side.client.clone(), namespace);
    let lease = leases.get_opt(LEASE).await.on(side, format!("reading lease {namespace}/{LEASE}"))?;
    Ok(lease.and_then(|lease| lease.spec?.holder_identity))
}

/// The pod that holds the Lease; where no holder is known, the only one that
/// runs. A holder is called after its host, which is the pod.
fn choose(pods: &[Pod], holder: Option<&str>) -> Result<String> {
    let runs = |pod: &&Pod| {
        pod.metadata.deletion_timestamp.is_none()
            && pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"))
    };
    let running: Vec<String> = pods.iter().filter(runs).map(ResourceExt::name_any).collect();
    let leading = holder
        .and_then(|holder| running.iter().find(|name| holder.rsplit_once('_').is_some_and(|(host, _)| host == **name)));
    match (leading, holder, running.as_slice()) {
        (Some(name), ..) => Ok(name.clone()),
        (None, _, []) => bail!("no pod with label {SELECTOR} runs there"),
        (None, None, [only]) => Ok(only.clone()),
        (None, None, several) => bail!("nobody leads among the pods {}; ask again in a moment", several.join(", ")),
        (None, Some(holder), several) => {
            bail!("{holder} leads, which is none of the pods there ({})", several.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, phase: &str) -> Pod {
        let pod = json!({"metadata": {"name": name}, "status": {"phase": phase}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn the_pod_that_holds_the_lease_is_asked() {
        let pods = [pod("atoll-1", "Running"), pod("atoll-12", "Running")];
        assert_eq!(choose(&pods, Some("atoll-12_5f3a")).unwrap(), "atoll-12");
        assert_eq!(choose(&pods, Some("atoll-1_5f3a")).unwrap(), "atoll-1");
    }

    #[test]
    fn the_only_pod_is_asked_before_anybody_leads_and_none_of_several_is() {
        assert_eq!(choose(&[pod("atoll-1", "Running"), pod("atoll-2", "Pending")], None).unwrap(), "atoll-1");
        let several = choose(&[pod("a", "Running"), pod("b", "Running")], None).unwrap_err().to_string();
        assert!(several.contains("a, b"), "{several}");
    }

    #[test]
    fn a_leader_elsewhere_is_named_and_nobody_else_is_asked() {
        let error = choose(&[pod("atoll-1", "Running")], Some("laptop_5f3a")).unwrap_err().to_string();
        assert!(error.contains("laptop_5f3a") && error.contains("atoll-1"), "{error}");
        assert!(choose(&[], None).is_err());
    }
}
