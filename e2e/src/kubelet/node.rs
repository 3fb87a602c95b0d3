//! The node and its Lease.
//!
//! In: who the node is. Out: a Node object that is Ready and stays so, and a Lease renewed as the control plane
//! expects it. [`build_node`] and what it uses are pure; [`keep`] talks. It must not know of pods.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus, NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::endpoint;

/// A kubelet's own is 10 s; tests of lost nodes want the control plane to notice sooner.
const BEAT: Duration = Duration::from_secs(4);
/// The API server may still be starting.
const RETRY: Duration = Duration::from_millis(500);
/// A beat that takes longer has lost its API server: the next one tries anew.
const BEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// Kubernetes' default for node leases.
const LEASE_SECONDS: i32 = 40;
/// How old a status may get that has nothing new to say. Kubelets wait 5 min.
const HEARTBEAT_SECONDS: i64 = 60;
const LEASE_NAMESPACE: &str = "kube-node-lease";
/// Who wrote a field, for the API server's book-keeping.
pub const FIELD_MANAGER: &str = "stand-in-kubelet";

/// What a stand-in node has to offer. The fleet's pods use next to nothing; the numbers are for schedulers.
const CAPACITY: [(&str, &str); 4] = [("cpu", "4"), ("memory", "8Gi"), ("pods", "500"), ("ephemeral-storage", "64Gi")];

/// Who the node is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub name: String,
    pub address: Ipv4Addr,
    pub pod_cidr: (Ipv4Addr, u8),
}

/// Registers the node and keeps it alive until `cancel`. Failures are logged and tried again: a node without an API
/// server has nothing better to do.
pub async fn keep(client: Client, identity: Identity, cancel: CancellationToken) {
    let keeper = Keeper { nodes: Api::all(client.clone()), client, identity };
    loop {
        let beat = timeout(BEAT_TIMEOUT, keeper.beat());
        let Some(result) = cancel.run_until_cancelled(beat).await else { return };
        let pause = match result.unwrap_or_else(|_late| Err(anyhow::anyhow!("no answer in {BEAT_TIMEOUT:?}"))) {
            Ok(()) => BEAT,
            Err(error) => {
                tracing::warn!(node = keeper.identity.name, error = format!("{error:#}"), "node not reported");
                RETRY
            }
        };
        if cancel.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

struct Keeper {
    client: Client,
    nodes: Api<Node>,
    identity: Identity,
}

impl Keeper {
    async fn beat(&self) -> Result<()> {
        let node = self.apply_node().await?;
        self.apply_lease(&node).await
    }

    async fn apply_node(&self) -> Result<Node> {
        let name = &self.identity.name;
        let found = self.nodes.get_opt(name).await.with_context(|| format!("reading the node {name}"))?;
        let Some(node) = found else { return self.create_node().await };
        let version = node.status.as_ref().and_then(|status| status.node_info.as_ref());
        let version = version.map(|info| info.kubelet_version.clone()).unwrap_or_default();
        let now = Timestamp::now();
        let status = build_status(&self.identity, &version, Some(&node), now);
        if !needs_report(&node, &status, now) {
            return Ok(node);
        }
        let patch = Patch::Strategic(json!({"status": status}));
        let written = self.nodes.patch_status(name, &parameters(), &patch).await;
        written.with_context(|| format!("writing the status of the node {name}"))
    }

    async fn create_node(&self) -> Result<Node> {
        let name = &self.identity.name;
        let version = self.client.apiserver_version().await.context("asking the API server for its version")?;
        let node = build_node(&self.identity, &version.git_version, Timestamp::now());
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let node = self.nodes.create(&parameters, &node).await;
        let node = node.with_context(|| format!("registering the node {name}"))?;
        tracing::info!(node = name, address = %self.identity.address, "node registered");
        Ok(node)
    }

    async fn apply_lease(&self, node: &Node) -> Result<()> {
        let name = &self.identity.name;
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), LEASE_NAMESPACE);
        let lease = build_lease(node, name, Timestamp::now());
        let patch =
            Patch::Merge(json!({"metadata": {"ownerReferences": lease.metadata.owner_references}, "spec": lease.spec}));
        match leases.patch(name, &parameters(), &patch).await {
            Ok(_renewed) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                let created = leases.create(&PostParams::default(), &lease).await;
                created.map(drop).with_context(|| format!("creating the lease of the node {name}"))
            }
            Err(error) => Err(error).with_context(|| format!("renewing the lease of the node {name}")),
        }
    }
}

fn parameters() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// The node as it registers, untainted and Ready, speaking `version`.
fn build_node(identity: &Identity, version: &str, now: Timestamp) -> Node {
    let (network, prefix) = identity.pod_cidr;
    let pod_cidr = format!("{network}/{prefix}");
    let labels = [
        ("kubernetes.io/hostname", identity.name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
    ];
    let spec = NodeSpec { pod_cidr: Some(pod_cidr.clone()), pod_cidrs: Some(vec![pod_cidr]), ..NodeSpec::default() };
    Node {
        metadata: ObjectMeta {
            name: Some(identity.name.clone()),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: Some(build_status(identity, version, None, now)),
    }
}

fn build_status(identity: &Identity, version: &str, current: Option<&Node>, now: Timestamp) -> NodeStatus {
    let capacity: BTreeMap<_, _> =
        CAPACITY.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect();
    let address = |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
    NodeStatus {
        addresses: Some(vec![
            address("InternalIP", identity.address.to_string()),
            address("Hostname", identity.name.clone()),
        ]),
        allocatable: Some(capacity.clone()),
        capacity: Some(capacity),
        conditions: Some(build_conditions(current, now)),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(endpoint::PORT) }),
        }),
        node_info: Some(build_info(identity, version)),
        ..NodeStatus::default()
    }
}

/// The kinds of Linux that Kubernetes names its own way.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn build_info(identity: &Identity, version: &str) -> NodeSystemInfo {
    NodeSystemInfo {
        architecture: architecture().to_owned(),
        // One run is one boot and one machine; only the difference between nodes matters.
        boot_id: identity.name.clone(),
        container_runtime_version: "stand-in://1".to_owned(),
        kernel_version: "stand-in".to_owned(),
        kubelet_version: version.to_owned(),
        machine_id: identity.name.clone(),
        operating_system: "linux".to_owned(),
        os_image: "stand-in".to_owned(),
        system_uuid: identity.name.clone(),
        ..NodeSystemInfo::default()
    }
}

fn build_conditions(current: Option<&Node>, now: Timestamp) -> Vec<NodeCondition> {
    let said = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
        ("Ready", "True", "KubeletReady"),
    ];
    let build = |(type_, status, reason): (&str, &str, &str)| {
        let since = find_condition(current, type_).filter(|condition| condition.status == status);
        NodeCondition {
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: since.and_then(|it| it.last_transition_time.clone()).or(Some(Time(now))),
            message: Some("the stand-in kubelet is running".to_owned()),
            reason: Some(reason.to_owned()),
            status: status.to_owned(),
            type_: type_.to_owned(),
        }
    };
    said.map(build).into()
}

fn find_condition<'a>(node: Option<&'a Node>, type_: &str) -> Option<&'a NodeCondition> {
    let conditions = node?.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the node object says something else than `status` (the control plane calls a silent node Unknown, a person
/// may edit it), or has said nothing for too long.
fn needs_report(node: &Node, status: &NodeStatus, now: Timestamp) -> bool {
    let Some(current) = &node.status else { return true };
    let differs = current.addresses != status.addresses
        || current.capacity != status.capacity
        || current.allocatable != status.allocatable
        || current.daemon_endpoints != status.daemon_endpoints
        || current.node_info != status.node_info;
    let is_stale = |wanted: &NodeCondition| {
        find_condition(Some(node), &wanted.type_).is_none_or(|found| {
            let heard = found.last_heartbeat_time.as_ref().map_or(0, |time| time.0.as_second());
            found.status != wanted.status || now.as_second() - heard >= HEARTBEAT_SECONDS
        })
    };
    differs || status.conditions.iter().flatten().any(is_stale)
}

/// The Lease ends with the Node object it belongs to.
fn build_lease(node: &Node, name: &str, now: Timestamp) -> Lease {
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: name.to_owned(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(LEASE_NAMESPACE.to_owned()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.to_owned()),
            lease_duration_seconds: Some(LEASE_SECONDS),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            name: "m1-control-plane".to_owned(),
            address: Ipv4Addr::new(198, 18, 128, 10),
            pod_cidr: (Ipv4Addr::new(198, 19, 0, 0), 23),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn report(node: &Node, second: i64) -> Option<NodeStatus> {
        let status = build_status(&identity(), "v1.37.2", Some(node), at(second));
        needs_report(node, &status, at(second)).then_some(status)
    }

    fn set_ready(node: &mut Node, status: &str) {
        let conditions = node.status.as_mut().unwrap().conditions.as_mut().unwrap();
        conditions.iter_mut().find(|condition| condition.type_ == "Ready").unwrap().status = status.to_owned();
    }

    #[test]
    fn a_node_registers_ready_and_untainted_under_its_own_address() {
        let node = build_node(&identity(), "v1.37.2", at(0));
        let spec = node.spec.as_ref().unwrap();
        assert_eq!(spec.taints, None);
        assert_eq!(spec.pod_cidr.as_deref(), Some("198.19.0.0/23"));
        assert_eq!(node.metadata.labels.as_ref().unwrap()["kubernetes.io/hostname"], "m1-control-plane");
        assert_eq!(find_condition(Some(&node), "Ready").unwrap().status, "True");
        let status = node.status.unwrap();
        let addresses: Vec<_> =
            status.addresses.iter().flatten().map(|it| (it.type_.as_str(), it.address.as_str())).collect();
        assert_eq!(addresses, [("InternalIP", "198.18.128.10"), ("Hostname", "m1-control-plane")]);
        assert_eq!(status.allocatable.unwrap()["pods"], Quantity("500".to_owned()));
        assert_eq!(status.daemon_endpoints.unwrap().kubelet_endpoint.unwrap().port, 10250);
    }

    #[test]
    fn a_node_with_nothing_new_is_reported_once_a_minute() {
        let node = build_node(&identity(), "v1.37.2", at(0));
        assert_eq!(report(&node, 59), None);
        assert!(report(&node, 60).is_some());
    }

    #[test]
    fn a_node_called_unknown_says_that_it_is_ready_since_now() {
        let mut node = build_node(&identity(), "v1.37.2", at(0));
        set_ready(&mut node, "Unknown");
        let status = report(&node, 7).expect("it differs");
        let times = |type_: &str| {
            let condition = status.conditions.iter().flatten().find(|condition| condition.type_ == type_).unwrap();
            condition.last_transition_time.clone().unwrap().0
        };
        assert_eq!((times("Ready"), times("DiskPressure")), (at(7), at(0)));
    }

    #[test]
    fn a_node_whose_capacity_was_changed_is_reported() {
        let mut node = build_node(&identity(), "v1.37.2", at(0));
        node.status.as_mut().unwrap().capacity = None;
        assert!(report(&node, 1).is_some());
    }

    #[test]
    fn a_lease_is_held_by_its_node_and_belongs_to_it() {
        let mut node = build_node(&identity(), "v1.37.2", at(0));
        node.metadata.uid = Some("u1".to_owned());
        let lease = build_lease(&node, "m1-control-plane", at(3));
        let spec = lease.spec.unwrap();
        assert_eq!(spec.holder_identity.as_deref(), Some("m1-control-plane"));
        assert_eq!(spec.renew_time, Some(MicroTime(at(3))));
        assert_eq!(lease.metadata.owner_references.unwrap()[0].uid, "u1");
    }
}
