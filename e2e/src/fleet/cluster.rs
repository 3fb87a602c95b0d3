//! One cluster: its processes, from nothing to ready.
//!
//! In: a [`ClusterPlan`]. Out: a cluster whose API server answered `/readyz` and,
//! for a member, whose node takes pods. Every wait has a deadline and fails with
//! the end of the log that says why.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::time::{Instant, sleep};

use super::component::{Component, ComponentKind, ComponentState, Program};
use super::kubeconfig;
use super::layout::Layout;
use super::pki::{ClusterPki, Identity, PkiFiles};
use super::place::{Endpoints, Place};
use super::programs::{Blueprint, Role};
use super::spec::{ClusterDescription, MemberDescription};
use crate::kubelet::node_name;

/// An API server is ready in 3 s on an idle machine; this is for one that runs a whole test suite beside it.
const READY_DEADLINE: Duration = Duration::from_mins(2);
const READY_POLL: Duration = Duration::from_millis(50);

/// What one cluster shall be.
pub struct ClusterPlan {
    /// `hub` or the member's name.
    pub name: String,
    /// Which controllers run.
    pub role: Role,
    /// Where its servers answer.
    pub endpoints: Endpoints,
    /// Where its processes run.
    pub place: Place,
    /// The node, where there is one.
    pub node: Option<NodePlan>,
    /// The fleet's folder.
    pub layout: Layout,
    /// The multi-call binary.
    pub control_plane: PathBuf,
    /// This program, which is the kubelet as well.
    pub fleet: PathBuf,
}

/// The one node of a member.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// Where its kubelet and its pods' hosts answer.
    pub address: Ipv4Addr,
    /// Network of its pods: first address and prefix length.
    pub pods: (Ipv4Addr, u8),
    /// URL of the API server for those who look past the relay.
    pub observer: String,
    /// The kernel's name of the network namespace.
    pub namespace: String,
}

/// A cluster that runs.
pub struct Cluster {
    description: ClusterDescription,
    components: Mutex<BTreeMap<ComponentKind, Component>>,
    client: Client,
}

impl Cluster {
    /// Starts every process of the cluster and waits until it is of use.
    pub async fn start(plan: ClusterPlan) -> Result<Self> {
        let name = plan.name.clone();
        Self::start_unnamed(plan).await.with_context(|| format!("starting the cluster {name}"))
    }

    async fn start_unnamed(plan: ClusterPlan) -> Result<Self> {
        let pki = plan.write_files()?;
        let blueprint = plan.blueprint(&pki);
        let mut components = BTreeMap::new();
        let mut start = |kind: ComponentKind, program: Program| {
            let component = plan.start_component(kind, program).with_context(|| format!("starting {kind}"))?;
            components.insert(kind, component);
            Ok::<_, anyhow::Error>(())
        };
        start(ComponentKind::Etcd, blueprint.etcd())?;
        start(ComponentKind::Apiserver, blueprint.apiserver())?;
        let programs = plan.followers(&blueprint);
        let cluster = Self {
            client: client_of(&plan.layout.kubeconfig(&plan.name)).await?,
            description: plan.describe(),
            components: Mutex::new(components),
        };
        cluster.wait_for_api().await?;
        for (kind, program) in programs {
            let component = plan.start_component(kind, program).with_context(|| format!("starting {kind}"))?;
            cluster.locked().insert(kind, component);
        }
        if plan.role == Role::Member {
            cluster.wait_for_workloads().await?;
        }
        Ok(cluster)
    }

    /// Where and what the cluster is.
    pub fn description(&self) -> &ClusterDescription {
        &self.description
    }

    /// How every process is.
    pub fn states(&self) -> Result<BTreeMap<ComponentKind, ComponentState>> {
        self.locked().iter_mut().map(|(kind, component)| Ok((*kind, component.observe()?))).collect()
    }

    /// Runs `change` on one process.
    pub fn change(&self, kind: ComponentKind, change: impl FnOnce(&mut Component) -> Result<()>) -> Result<()> {
        let name = &self.description.name;
        let mut components = self.locked();
        let component = components.get_mut(&kind).ok_or_else(|| anyhow!("the cluster {name} runs no {kind}"))?;
        change(component).with_context(|| format!("{kind} of {name}"))
    }

    /// Waits until the API server says it is ready, or one of the processes is gone.
    pub async fn wait_for_api(&self) -> Result<()> {
        let ready = || async {
            let request = http::Request::get("/readyz").body(Vec::new()).context("building a request")?;
            let answer = self.client.request_text(request).await.context("the API server is not ready")?;
            (answer == "ok").then_some(()).ok_or_else(|| anyhow!("the API server says {answer:?}"))
        };
        self.wait(ComponentKind::Apiserver, ready).await
    }

    /// Waits until pods can run: the namespace `default` has its service account
    /// (the controller manager works) and the node is there.
    async fn wait_for_workloads(&self) -> Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), "default");
        self.wait(ComponentKind::ControllerManager, || async {
            accounts.get("default").await.map(drop).context("the namespace default has no service account yet")
        })
        .await?;
        let nodes: Api<Node> = Api::all(self.client.clone());
        let name = node_name(&self.description.name);
        self.wait(ComponentKind::Kubelet, || async {
            let node = nodes.get(&name).await.context("the node is not registered yet")?;
            is_ready(&node).then_some(()).ok_or_else(|| anyhow!("the node is not Ready yet"))
        })
        .await
    }

    /// Repeats `attempt` until it succeeds. `kind` is the process whose log tells most when it never does.
    async fn wait<F>(&self, kind: ComponentKind, attempt: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            let Err(error) = attempt().await else { return Ok(()) };
            for (kind, component) in self.locked().iter_mut() {
                component.ensure_alive().with_context(|| format!("{kind} died"))?;
            }
            if Instant::now() >= deadline {
                let tail = self.locked().get(&kind).map(Component::log_tail).unwrap_or_default();
                return Err(error.context(format!("gave up after {READY_DEADLINE:?}; the log of {kind}:\n{tail}")));
            }
            sleep(READY_POLL).await;
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<ComponentKind, Component>> {
        self.components.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A client for the kubeconfig at `path`, without limits of its own.
pub async fn client_of(path: &Path) -> Result<Client> {
    let context = || format!("reading {}", path.display());
    let kubeconfig = Kubeconfig::read_from(path).with_context(context)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.with_context(context)?;
    Client::try_from(config).context("building a client")
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

impl ClusterPlan {
    /// Makes keys and certificates and writes them, with the kubeconfigs of everybody.
    fn write_files(&self) -> Result<PkiFiles> {
        let addresses = [IpAddr::from(*self.endpoints.api.ip())];
        let pki = ClusterPki::generate(&self.name, &node_name(&self.name), &addresses)?;
        let data = self.data();
        let files = pki.write_to(&data.join("pki"))?;
        let write = |path: &Path, server: &str, identity: &Identity| {
            let text = kubeconfig::render(&self.name, server, &pki.authority.certificate, identity)?;
            kubeconfig::write(path, &text)
        };
        let server = self.endpoints.server();
        write(&self.layout.kubeconfig(&self.name), &server, &pki.admin)?;
        write(&self.kubeconfig_of(ComponentKind::ControllerManager), &server, &pki.controller_manager)?;
        if let Some(node) = &self.node {
            write(&self.kubeconfig_of(ComponentKind::Scheduler), &server, &pki.scheduler)?;
            write(&self.kubeconfig_of(ComponentKind::Kubelet), &server, &pki.kubelet)?;
            write(&self.layout.observer_kubeconfig(&self.name), &node.observer, &pki.admin)?;
        }
        Ok(files)
    }

    fn blueprint<'a>(&'a self, pki: &'a PkiFiles) -> Blueprint<'a> {
        Blueprint {
            control_plane: &self.control_plane,
            fleet: &self.fleet,
            role: self.role,
            endpoints: self.endpoints,
            in_namespace: self.place.is_namespace(),
            pki,
            data: self.data(),
        }
    }

    /// What starts once the API server is ready; earlier it would only burn the
    /// processor time the API server needs to get there.
    fn followers(&self, blueprint: &Blueprint<'_>) -> Vec<(ComponentKind, Program)> {
        let kubeconfig = self.kubeconfig_of(ComponentKind::ControllerManager);
        let mut followers = vec![(ComponentKind::ControllerManager, blueprint.controller_manager(&kubeconfig))];
        if let Some(node) = &self.node {
            let kubeconfig = self.kubeconfig_of(ComponentKind::Scheduler);
            followers.push((ComponentKind::Scheduler, blueprint.scheduler(&kubeconfig)));
            let kubeconfig = self.kubeconfig_of(ComponentKind::Kubelet);
            followers.push((ComponentKind::Kubelet, blueprint.kubelet(&self.name, node, &kubeconfig)));
        }
        followers
    }

    fn start_component(&self, kind: ComponentKind, program: Program) -> Result<Component> {
        Component::start(program, self.place.clone(), &self.layout.log(&self.name, &kind.to_string()))
    }

    fn describe(&self) -> ClusterDescription {
        ClusterDescription {
            name: self.name.clone(),
            server: self.endpoints.server(),
            kubeconfig: self.layout.kubeconfig(&self.name),
            member: self.node.as_ref().map(|node| MemberDescription {
                node_address: node.address,
                pod_cidr: format!("{}/{}", node.pods.0, node.pods.1),
                observer_kubeconfig: self.layout.observer_kubeconfig(&self.name),
                network_namespace: node.namespace.clone(),
            }),
        }
    }

    fn data(&self) -> PathBuf {
        self.layout.cluster_data(&self.name)
    }

    fn kubeconfig_of(&self, kind: ComponentKind) -> PathBuf {
        self.data().join(format!("{kind}.kubeconfig"))
    }
}
