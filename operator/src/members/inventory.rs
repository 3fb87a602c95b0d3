//! What a member has: nodes and their addresses, what pods ask for.
//!
//! Enters: watches on nodes and pods, of which only numbers are kept. Leaves:
//! a summary for the Cluster status and the addresses for the data-plane probe.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atoll_decide::cluster::{Capacity, Resources};
use atoll_decide::interpret::{self, quantity};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use crate::watch::Sink;

/// Pods are counted under this name beside the resources.
const PODS: &str = "pods";

/// The numbers of one member. Clones share them.
#[derive(Clone, Default)]
pub struct Inventory {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    nodes: HashMap<String, NodeFacts>,
    pods: HashMap<String, PodFacts>,
    nodes_synced: bool,
    pods_synced: bool,
}

#[derive(Clone)]
struct NodeFacts {
    ready: bool,
    addresses: Vec<IpAddr>,
    kubelet_port: u16,
    allocatable: Resources,
}

struct PodFacts {
    requests: Resources,
    bound: bool,
}

/// The sum of a member's nodes and pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Nodes there are.
    pub nodes: i32,
    /// Nodes that are Ready.
    pub ready_nodes: i32,
    /// Resources; None while the pods are not known yet.
    pub capacity: Option<Capacity>,
}

impl Inventory {
    /// The sums; None while the nodes are not known yet.
    pub fn summary(&self) -> Option<Summary> {
        let inner = self.lock();
        if !inner.nodes_synced {
            return None;
        }
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        Some(Summary {
            nodes: count(inner.nodes.len()),
            ready_nodes: count(inner.nodes.values().filter(|node| node.ready).count()),
            capacity: inner.pods_synced.then(|| inner.capacity()),
        })
    }

    /// Internal addresses of the nodes with their kubelet ports, in the order
    /// of the nodes' names.
    pub fn node_targets(&self) -> Vec<(IpAddr, u16)> {
        let inner = self.lock();
        let by_name: BTreeMap<_, _> = inner.nodes.iter().collect();
        by_name.values().flat_map(|node| node.addresses.iter().map(|address| (*address, node.kubelet_port))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn capacity(&self) -> Capacity {
        let mut capacity = Capacity::default();
        for node in self.nodes.values() {
            add(&mut capacity.allocatable, &node.allocatable);
        }
        for pod in self.pods.values() {
            add(if pod.bound { &mut capacity.allocated } else { &mut capacity.allocating }, &pod.requests);
        }
        capacity
    }
}

fn add(sum: &mut Resources, more: &Resources) {
    for (name, amount) in more {
        let total = sum.entry(name.clone()).or_default();
        *total = total.saturating_add(*amount);
    }
}

fn resources(quantities: &BTreeMap<String, Quantity>) -> Resources {
    let amounts = quantities.iter();
    amounts.filter_map(|(name, amount)| Some((name.clone(), quantity::amount(name, &amount.0)?))).collect()
}

impl NodeFacts {
    fn of(node: &Node) -> Self {
        let status = node.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let addresses = status.and_then(|status| status.addresses.as_ref()).into_iter().flatten();
        let port =
            status.and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref()).map(|end| end.port);
        Self {
            ready: conditions
                .into_iter()
                .flatten()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            addresses: addresses
                .filter(|address| address.type_ == "InternalIP")
                .filter_map(|address| address.address.parse().ok())
                .collect(),
            // 10250 is the kubelet's default port.
            kubelet_port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(10250),
            allocatable: status.and_then(|status| status.allocatable.as_ref()).map(resources).unwrap_or_default(),
        }
    }
}

impl PodFacts {
    /// None for pods that have ended: they ask for nothing.
    fn of(pod: &Pod) -> Option<Self> {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return None;
        }
        let spec = pod.spec.as_ref()?;
        let as_value = serde_json::to_value(spec).unwrap_or(Value::Null);
        let mut requests = interpret::pod_requests(&as_value);
        requests.insert(PODS.into(), 1);
        Some(Self { requests, bound: spec.node_name.is_some() })
    }
}

/// Feeds the nodes.
pub struct Nodes {
    /// Where the numbers go.
    pub inventory: Inventory,
    listing: HashMap<String, NodeFacts>,
}

impl Nodes {
    /// For one member's inventory.
    pub fn new(inventory: Inventory) -> Self {
        Self { inventory, listing: HashMap::new() }
    }
}

impl Sink<Node> for Nodes {
    fn relisting(&mut self) {
        self.listing.clear();
    }

    fn applied(&mut self, node: Node, listed: bool) {
        let name = node.metadata.name.clone().unwrap_or_default();
        let facts = NodeFacts::of(&node);
        if listed {
            self.listing.insert(name, facts);
        } else {
            self.inventory.lock().nodes.insert(name, facts);
        }
    }

    fn deleted(&mut self, node: Node) {
        self.inventory.lock().nodes.remove(node.metadata.name.as_deref().unwrap_or_default());
    }

    fn synced(&mut self) {
        let mut inner = self.inventory.lock();
        inner.nodes = std::mem::take(&mut self.listing);
        inner.nodes_synced = true;
    }
}

/// Feeds the pods.
pub struct Pods {
    /// Where the numbers go.
    pub inventory: Inventory,
    listing: HashMap<String, PodFacts>,
}

impl Pods {
    /// For one member's inventory.
    pub fn new(inventory: Inventory) -> Self {
        Self { inventory, listing: HashMap::new() }
    }
}

impl Sink<Pod> for Pods {
    fn relisting(&mut self) {
        self.listing.clear();
    }

    fn applied(&mut self, pod: Pod, listed: bool) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let facts = PodFacts::of(&pod);
        if listed {
            self.listing.extend(facts.map(|facts| (uid, facts)));
            return;
        }
        let mut inner = self.inventory.lock();
        match facts {
            Some(facts) => inner.pods.insert(uid, facts),
            None => inner.pods.remove(&uid),
        };
    }

    fn deleted(&mut self, pod: Pod) {
        self.inventory.lock().pods.remove(pod.metadata.uid.as_deref().unwrap_or_default());
    }

    fn synced(&mut self) {
        let mut inner = self.inventory.lock();
        inner.pods = std::mem::take(&mut self.listing);
        inner.pods_synced = true;
    }
}
