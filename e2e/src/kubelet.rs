//! The stand-in kubelet: a node that runs nothing and says it runs all.
//!
//! In: which cluster, where its API server is, and the addresses of the node and of its pods. Out: a Node that is
//! Ready, and pods that live as on a real one: with addresses, conditions, an end for those of Jobs, no start for
//! images below `fake/`, and, with the annotation [`serve::ANNOTATION`], an answer on their address. It runs as a
//! process of its own in the member's network namespace, where those addresses can be bound.
//!
//! ```text
//! node   Node and Lease                     endpoint  the kubelet's port
//! pods   watch, one worker for each pod     serve     what a pod answers      listener, web  connections
//! worker takes the steps of one pod:        life (pure) which step            pod_status (pure) what to say
//!                                           addresses (pure) who has which    pod_api what is written
//! ```

mod addresses;
mod endpoint;
mod life;
mod listener;
mod node;
mod pauses;
mod pod_api;
mod pod_status;
mod pods;
pub mod serve;
mod web;
mod worker;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio_util::sync::CancellationToken;

use self::addresses::AddressPool;
use self::pod_api::PodApi;
use self::worker::Shared;

/// What a stand-in kubelet is told.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Config {
    /// Name of the cluster; its node is called CLUSTER-control-plane
    #[arg(long)]
    pub cluster: String,
    /// How to reach the cluster's API server; as `system:node:CLUSTER-control-plane` or an administrator
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: PathBuf,
    /// The node's address, one of this network namespace; the kubelet's port is opened there
    #[arg(long, value_name = "ADDRESS")]
    pub node_address: Ipv4Addr,
    /// Network of the pods, /30 or larger; its addresses have to be bindable in this network namespace
    #[arg(long, value_name = "ADDRESS/PREFIX", value_parser = validate_network)]
    pub pod_cidr: (Ipv4Addr, u8),
}

/// The name of the one node of `cluster`.
pub fn node_name(cluster: &str) -> String {
    format!("{cluster}-control-plane")
}

/// Runs the node until `cancel`. An API server that is not there yet, or goes away, is waited for.
///
/// # Errors
///
/// The kubeconfig cannot be used, the pod network is too small, the kubelet's port cannot be bound.
pub async fn run(config: Config, cancel: CancellationToken) -> Result<()> {
    let name = node_name(&config.cluster);
    let client = build_client(&config.kubeconfig).await?;
    let shared = Arc::new(Shared {
        addresses: Mutex::new(AddressPool::new(config.pod_cidr)?),
        api: PodApi::new(client.clone()),
        node_address: config.node_address,
        cluster: config.cluster,
    });
    let endpoint = endpoint::start(config.node_address, &name).await?;
    let identity = node::Identity { name: name.clone(), address: config.node_address, pod_cidr: config.pod_cidr };
    // When the pods fail, the node has to stop with them, or the control plane would go on trusting it.
    let life = cancel.child_token();
    let pods = async {
        let ended = pods::drive(client.clone(), &name, shared, life.clone()).await;
        life.cancel();
        ended
    };
    let ((), ended) = tokio::join!(node::keep(client.clone(), identity, life.clone()), pods);
    endpoint.stop().await;
    ended.with_context(|| format!("the stand-in kubelet of {name} failed"))
}

async fn build_client(path: &Path) -> Result<Client> {
    let context = || format!("using the kubeconfig {}", path.display());
    let kubeconfig = Kubeconfig::read_from(path).with_context(context)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.with_context(context)?).with_context(context)
}

fn validate_network(text: &str) -> Result<(Ipv4Addr, u8)> {
    let parts = text.split_once('/').and_then(|(address, prefix)| Some((address.parse().ok()?, prefix.parse().ok()?)));
    parts
        .filter(|(_address, prefix)| *prefix <= 32)
        .ok_or_else(|| anyhow!("{text:?} is not an address and a prefix, like 198.19.0.0/23"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_and_a_prefix() {
        assert_eq!(validate_network("198.19.2.0/23").unwrap(), (Ipv4Addr::new(198, 19, 2, 0), 23));
        for text in ["198.19.2.0", "198.19.2.0/33", "198.19.2/23", "/23", ""] {
            assert!(validate_network(text).is_err(), "{text:?} was taken");
        }
    }
}
