//! Whether the member may join under this name. Pure.

use std::collections::BTreeSet;

use atoll_crds::Cluster;
use atoll_crds::cluster::SyncMode;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::ResourceExt;

use super::Ends;
use super::fetch::Found;
use crate::args;
use crate::kinds::GroupResource;

/// A join that may go on.
pub struct Validated {
    /// Identity of the member.
    pub id: String,
    /// How the hub reaches it.
    pub address: Address,
    /// The Cluster to refresh; None at the first join.
    pub cluster: Option<Cluster>,
    /// The account's role as it is.
    pub role: Option<ClusterRole>,
    /// The kinds of `--allow`.
    pub allowed: BTreeSet<GroupResource>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// How the hub reaches a member.
#[derive(Clone, Debug)]
pub struct Address {
    pub endpoint: http::Uri,
    /// Whether the user gave another one than the member's kubeconfig has.
    pub overridden: bool,
    /// The member's certificate is not checked.
    pub insecure: bool,
}

impl Address {
    /// As Clusters write it.
    pub fn url(&self) -> String {
        self.endpoint.to_string().trim_end_matches('/').to_owned()
    }

    fn is_loopback(&self) -> bool {
        let host = self.endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Why a member may not join so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "this member is registered already, as cluster {other} (id {id}): use that name, or `kubectl atoll unjoin {other}` first"
    )]
    OtherName { other: String, id: String },
    #[error(
        "cluster {name} is another member: its id is {registered}, that of the given kubeconfig is {id}; choose another \
         name, or `kubectl atoll unjoin {name}` first"
    )]
    OtherMember { name: String, registered: String, id: String },
    #[error(
        "cluster {name} has no id and another address: {registered}, not {given}; if it is the same member set its \
         spec.id to {id} and run the command again"
    )]
    OtherAddress { name: String, registered: String, given: String, id: String },
    #[error(
        "cluster {name} is in pull mode: its agent registers it, `kubectl atoll join` is for members the hub writes to"
    )]
    Pull { name: String },
    #[error(
        "cluster {name} is leaving the fleet: wait until it is gone, `kubectl atoll unjoin {name}` shows how far it is"
    )]
    Leaving { name: String },
    #[error("the given kubeconfig is that of the hub itself (id {id}), which cannot be its own member")]
    HubItself { id: String },
}

/// Checks what was found against what is wanted.
pub fn validate(task: &args::Join, ends: &Ends<'_>, found: Found) -> Result<Validated, Refusal> {
    let config = &ends.member.config;
    let address = Address {
        endpoint: task.api_endpoint.clone().unwrap_or_else(|| config.cluster_url.clone()),
        overridden: task.api_endpoint.is_some(),
        insecure: config.accept_invalid_certs,
    };
    if found.hub_id.as_ref() == Some(&found.id) {
        return Err(Refusal::HubItself { id: found.id });
    }
    let cluster = registered(task.name.as_str(), &found.id, &address.url(), found.clusters)?;
    let warnings = warnings(task, &address, config.tls_server_name.as_deref());
    Ok(Validated { id: found.id, address, cluster, role: found.role, allowed: found.allowed, warnings })
}

/// The Cluster of this name, when it is this member.
fn registered(name: &str, id: &str, url: &str, clusters: Vec<Cluster>) -> Result<Option<Cluster>, Refusal> {
    let has_id = |cluster: &&Cluster| cluster.spec.id.as_deref() == Some(id) && cluster.name_any() != name;
    if let Some(other) = clusters.iter().find(has_id) {
        return Err(Refusal::OtherName { other: other.name_any(), id: id.to_owned() });
    }
    let Some(cluster) = clusters.into_iter().find(|cluster| cluster.name_any() == name) else { return Ok(None) };
    let name = name.to_owned();
    if cluster.metadata.deletion_timestamp.is_some() {
        return Err(Refusal::Leaving { name });
    }
    if cluster.spec.sync_mode == SyncMode::Pull {
        return Err(Refusal::Pull { name });
    }
    let registered_url = cluster.spec.api_endpoint.as_deref().map(|url| url.trim_end_matches('/'));
    match (cluster.spec.id.as_deref().filter(|id| !id.is_empty()), registered_url) {
        (Some(registered), _) if registered != id => {
            Err(Refusal::OtherMember { name, registered: registered.to_owned(), id: id.to_owned() })
        }
        (None, Some(registered)) if registered != url => Err(Refusal::OtherAddress {
            name,
            registered: registered.to_owned(),
            given: url.to_owned(),
            id: id.to_owned(),
        }),
        _ => Ok(Some(cluster)),
    }
}

fn warnings(task: &args::Join, address: &Address, server_name: Option<&str>) -> Vec<String> {
    let url = address.url();
    let mut warnings = Vec::new();
    if address.is_loopback() {
        warnings.push(format!(
            "{url} is a loopback address: it is this member only for an operator on this machine, and data planes at \
             such addresses are not probed; --api-endpoint gives another address"
        ));
    }
    if address.insecure {
        warnings.push(format!("the certificate of {url} is not checked, neither here nor by the operator"));
    }
    if let Some(name) = server_name {
        warnings.push(format!(
            "the member's kubeconfig expects its certificate for {name}; a Cluster cannot say that, so the certificate \
             has to be good for {url} as well"
        ));
    }
    if task.cluster_admin {
        warnings.push(format!(
            "--cluster-admin: whoever holds the hub's secret of {} can do everything on the member, roles and all \
             secrets included",
            task.name
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use atoll_crds::ClusterSpec;

    use super::*;

    const URL: &str = "https://10.0.0.1:6443";

    fn cluster(name: &str, id: Option<&str>) -> Cluster {
        let spec =
            ClusterSpec { id: id.map(str::to_owned), api_endpoint: Some(format!("{URL}/")), ..ClusterSpec::default() };
        Cluster::new(name, spec)
    }

    fn join(clusters: Vec<Cluster>) -> Result<bool, Refusal> {
        registered("m1", "id-1", URL, clusters).map(|cluster| cluster.is_some())
    }

    #[test]
    fn a_new_member_under_a_free_name_joins() {
        assert_eq!(join(vec![cluster("m2", Some("id-2")), cluster("m3", None)]), Ok(false));
    }

    #[test]
    fn the_same_member_under_the_same_name_is_refreshed() {
        assert_eq!(join(vec![cluster("m1", Some("id-1"))]), Ok(true));
    }

    #[test]
    fn a_member_has_one_name() {
        let refusal = join(vec![cluster("m2", Some("id-1"))]).unwrap_err();
        assert_eq!(refusal, Refusal::OtherName { other: "m2".into(), id: "id-1".into() });
    }

    #[test]
    fn a_name_has_one_member() {
        let refusal = join(vec![cluster("m1", Some("id-9"))]).unwrap_err();
        assert!(matches!(refusal, Refusal::OtherMember { .. }), "{refusal}");
    }

    #[test]
    fn a_cluster_without_an_id_is_known_by_its_address() {
        assert_eq!(join(vec![cluster("m1", None)]), Ok(true));
        let mut elsewhere = cluster("m1", None);
        elsewhere.spec.api_endpoint = Some("https://10.0.0.2:6443".into());
        assert!(matches!(join(vec![elsewhere]), Err(Refusal::OtherAddress { .. })));
    }

    #[test]
    fn a_cluster_that_is_leaving_cannot_join() {
        let mut leaving = cluster("m1", Some("id-1"));
        leaving.metadata.deletion_timestamp = Some(serde_json::from_value("2026-01-01T00:00:00Z".into()).unwrap());
        assert_eq!(join(vec![leaving]), Err(Refusal::Leaving { name: "m1".into() }));
    }

    #[test]
    fn a_cluster_in_pull_mode_is_its_agents() {
        let mut pull = cluster("m1", Some("id-1"));
        pull.spec.sync_mode = SyncMode::Pull;
        assert_eq!(join(vec![pull]), Err(Refusal::Pull { name: "m1".into() }));
    }

    #[test]
    fn loopback_addresses_are_told_from_others() {
        let address = |url: &str| Address { endpoint: url.parse().unwrap(), overridden: false, insecure: false };
        for url in ["https://127.0.0.9:6443", "https://localhost", "https://[::1]:6443"] {
            assert!(address(url).is_loopback(), "{url}");
        }
        assert!(!address(URL).is_loopback());
    }
}
