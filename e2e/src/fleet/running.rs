//! All clusters of a fleet and the network between them, as the supervisor has them.
//!
//! In: the spec, then requests. Out: answers. Knows nothing of sockets and signals.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, ClusterPlan, NodePlan};
use super::component::{Component, ComponentKind, ComponentState};
use super::control::{Answer, ComponentAction, NetworkAction, Request};
use super::layout::Layout;
use super::observer::Observer;
use super::place::{Endpoints, Place};
use super::programs::Role;
use super::spec::{FleetDescription, FleetSpec, HUB};
use crate::net::{Faults, MemberNetwork, Network, NetworkPlan};

/// How long etcd may take to write its files when they are to be kept.
const TERMINATION_DEADLINE: Duration = Duration::from_secs(5);
const TERMINATION_POLL: Duration = Duration::from_millis(20);

/// A fleet that is ready.
pub struct RunningFleet {
    /// The hub first.
    clusters: Vec<Cluster>,
    network: Arc<Network>,
    keep_data: bool,
    /// Ends with this value.
    _observers: JoinSet<()>,
}

impl RunningFleet {
    /// Starts all clusters side by side; `tell` hears of each one that is ready.
    pub async fn start(spec: &FleetSpec, tell: impl Fn(String)) -> Result<Self> {
        let plan = NetworkPlan { members: spec.members.clone(), faults: spec.faults };
        let network = Arc::new(Network::start(plan).context("starting the fleet's network")?);
        let binds = network.members().iter().map(|member| Observer::bind(&network, member.name()));
        let observers = try_join_all(binds).await?;
        let servers = observers.iter().map(Observer::server).collect();
        let plans = plan_clusters(spec, &network, servers)?;
        let mut carried = JoinSet::new();
        for observer in observers {
            carried.spawn(observer.carry());
        }
        let started = Instant::now();
        let starts = plans.into_iter().map(async |plan| {
            let cluster = Cluster::start(plan).await?;
            let (name, seconds) = (&cluster.description().name, started.elapsed().as_secs_f64());
            tell(format!("{name} is ready after {seconds:.1} s"));
            Ok::<_, anyhow::Error>(cluster)
        });
        let clusters = try_join_all(starts).await?;
        Ok(Self { clusters, network, keep_data: spec.keep_data, _observers: carried })
    }

    /// What runs, for those who want to use it.
    pub fn describe(&self, spec: &FleetSpec, supervisor: u32) -> FleetDescription {
        let mut clusters = self.clusters.iter().map(|cluster| cluster.description().clone());
        FleetDescription {
            supervisor,
            faults: spec.faults,
            confined: spec.confined,
            control_plane: spec.control_plane.clone(),
            hub: clusters.next().expect("a fleet is planned with its hub first"),
            members: clusters.collect(),
        }
    }

    /// Does what is asked and says how it went.
    pub async fn answer(&self, request: Request) -> Result<Answer> {
        match request {
            Request::Status => Ok(Answer::Status { clusters: self.observe()? }),
            Request::Faults => Ok(Answer::Faults { active: self.faults()?.list() }),
            Request::Network { actions } => {
                let faults = self.faults()?;
                actions.iter().try_for_each(|action| apply_action(faults, action))?;
                Ok(Answer::Done)
            }
            Request::Component { cluster, component, action } => {
                self.change(&cluster, component, action).await?;
                Ok(Answer::Done)
            }
            Request::Stop => {
                if self.keep_data {
                    self.close_stores().await?;
                }
                Ok(Answer::Done)
            }
        }
    }

    fn observe(&self) -> Result<BTreeMap<String, BTreeMap<ComponentKind, ComponentState>>> {
        self.clusters.iter().map(|cluster| Ok((cluster.description().name.clone(), cluster.states()?))).collect()
    }

    fn faults(&self) -> Result<&Faults> {
        self.network.faults().context("this fleet was started without faults: there is no relay in its network")
    }

    async fn change(&self, cluster: &str, kind: ComponentKind, action: ComponentAction) -> Result<()> {
        let found = self.clusters.iter().find(|known| known.description().name == cluster);
        let cluster = found.ok_or_else(|| anyhow!("the fleet has no cluster {cluster:?}"))?;
        let change = match action {
            ComponentAction::Freeze => Component::freeze,
            ComponentAction::Thaw => Component::thaw,
            ComponentAction::Kill => Component::kill,
            ComponentAction::Restart => Component::restart,
        };
        cluster.change(kind, change)?;
        if (action, kind) == (ComponentAction::Restart, ComponentKind::Apiserver) {
            cluster.wait_for_api().await?;
        }
        Ok(())
    }

    /// Lets every etcd write what it still holds.
    async fn close_stores(&self) -> Result<()> {
        let deadline = Instant::now() + TERMINATION_DEADLINE;
        for cluster in &self.clusters {
            cluster.change(ComponentKind::Etcd, Component::terminate)?;
        }
        for cluster in &self.clusters {
            while Instant::now() < deadline
                && cluster.states()?.get(&ComponentKind::Etcd) == Some(&ComponentState::Running)
            {
                sleep(TERMINATION_POLL).await;
            }
        }
        Ok(())
    }
}

fn apply_action(faults: &Faults, action: &NetworkAction) -> Result<()> {
    match action {
        NetworkAction::Set(active) => faults.set(&active.from, &active.to, active.path, active.fault)?,
        NetworkAction::Heal(way) => faults.heal(&way.from, &way.to, way.path)?,
        NetworkAction::HealAll => faults.heal_all(),
    }
    Ok(())
}

/// The hub first, then the members; `observers` are the URLs for those who look past the relay.
fn plan_clusters(spec: &FleetSpec, network: &Arc<Network>, observers: Vec<String>) -> Result<Vec<ClusterPlan>> {
    let layout = Layout::new(&spec.dir)?;
    let fleet = std::env::current_exe().context("finding this program")?;
    let plan = |name: &str, endpoints, place, node: Option<NodePlan>| ClusterPlan {
        name: name.to_owned(),
        role: if node.is_some() { Role::Member } else { Role::Hub },
        endpoints,
        place,
        node,
        layout: layout.clone(),
        control_plane: spec.control_plane.clone(),
        fleet: fleet.clone(),
    };
    let mut plans = vec![plan(HUB, Endpoints::of_hub(network.hub_address())?, Place::Host, None)];
    for (member, observer) in network.members().iter().zip(observers) {
        let node = NodePlan {
            address: member.node_address(),
            pods: member.pod_cidr(),
            observer,
            namespace: read_namespace(member)?,
        };
        let place = Place::Member(Arc::clone(network), member.name().to_owned());
        plans.push(plan(member.name(), Endpoints::of_member(member.api_address()), place, Some(node)));
    }
    Ok(plans)
}

/// The kernel's name of a member's network namespace.
fn read_namespace(member: &MemberNetwork) -> Result<String> {
    let link = member.run(|| std::fs::read_link(Path::new("/proc/thread-self/ns/net")));
    Ok(link.context("reading the name of a network namespace")?.to_string_lossy().into_owned())
}
