//! One member's part of the network: its namespace, its addresses and its pod network.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::process::{Child, Command};

use tokio::net::TcpSocket;
use tun_rs::SyncDevice;

use super::addresses::{API_RANGE, AddressPlan, NODE_RANGE, POD_RANGE, Pair, Prefix};
use super::links::{self, Links, Route};
use super::namespace::Namespace;
use super::tunnel;

/// The member's interface to everybody else, in its own namespace.
const DEVICE: &str = "fleet0";

/// A member cluster's place in the fleet's network. Its processes run in a network namespace of their own, which ends
/// with this value and the processes in it.
#[derive(Debug)]
pub struct MemberNetwork {
    name: String,
    addresses: Pair,
    pods: Prefix,
    namespace: Namespace,
    /// A pair of interfaces has to be deleted; a TUN device goes with its handle, which the relay has.
    has_pair: bool,
}

impl MemberNetwork {
    /// Makes the namespace, with loopback up and the pod network's addresses ready to be bound, but no way out yet.
    pub(super) fn start(name: &str, plan: &AddressPlan, place: u8) -> anyhow::Result<Self> {
        let namespace = Namespace::start(name)?;
        let (addresses, pods) = (plan.member(place), plan.pods(place));
        namespace.run(move || {
            links::configure(async |links| {
                let loopback = links::index_of("lo")?;
                links.bring_up(loopback).await?;
                links.add_local(pods, loopback).await
            })
        })?;
        Ok(Self { name: name.to_owned(), addresses, pods, namespace, has_pair: false })
    }

    /// Joins the member to the relay; packets come and go by the device returned.
    pub(super) fn join_relay(&self) -> anyhow::Result<SyncDevice> {
        let own = self.addresses;
        self.namespace.run(move || {
            let device = tunnel::open(DEVICE)?;
            links::configure(async |links| {
                let device = links::index_of(DEVICE)?;
                links.set_mtu(device, tunnel::MTU).await?;
                add_ends(links, device, own).await?;
                add_ranges(links, device, own, None).await
            })?;
            Ok(device)
        })
    }

    /// Joins the member to the hub by a pair of interfaces; `far` is the name of the one in the hub's namespace.
    pub(super) fn join_hub(&mut self, far: String, hub: Pair, hub_namespace: File) -> anyhow::Result<()> {
        let own = self.addresses;
        self.has_pair = true;
        self.namespace.run(move || {
            links::configure(async |links| {
                links.add_pair(DEVICE, &far, hub_namespace).await?;
                let device = links::index_of(DEVICE)?;
                add_ends(links, device, own).await?;
                for (to, source) in [(hub.api, own.api), (hub.data, own.data)] {
                    links.add_route(Route { to: Prefix::host(to), device, gateway: None, source }).await?;
                }
                add_ranges(links, device, own, Some(hub)).await
            })
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the member's control plane listens.
    pub fn api_address(&self) -> Ipv4Addr {
        self.addresses.api
    }

    /// Where the member's node listens: the kubelet and whatever a node serves.
    pub fn node_address(&self) -> Ipv4Addr {
        self.addresses.data
    }

    /// The member's pod network, address and prefix length. Inside the namespace every address of it can be bound.
    pub fn pod_cidr(&self) -> (Ipv4Addr, u8) {
        (self.pods.address, self.pods.length)
    }

    /// Starts a process in the member's namespace. The caller ends it; [`exec_tethered`](super::exec_tethered) is for
    /// those that must not outlive the network.
    pub fn spawn(&self, mut command: Command) -> io::Result<Child> {
        self.run(move || command.spawn())
    }

    /// Runs a closure on a thread in the member's namespace and waits for it; a panic in it reaches the caller. A
    /// socket made there stays in the namespace wherever it is used afterwards. One closure runs at a time, so make
    /// things there, and use them elsewhere.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.namespace.run(job)
    }

    /// A TCP socket of the member's namespace, to be bound, connected or listened on in any runtime.
    pub fn tcp_socket(&self) -> io::Result<TcpSocket> {
        self.run(TcpSocket::new_v4)
    }
}

impl Drop for MemberNetwork {
    fn drop(&mut self) {
        if !self.has_pair {
            return;
        }
        // Processes that still run would keep the namespace, and with it the hub's end of the pair.
        let deleted = self.run(|| match links::index_of(DEVICE) {
            Ok(device) => links::configure(async |links| links.delete(device).await),
            Err(_never_made) => Ok(()),
        });
        if let Err(error) = deleted {
            tracing::warn!(member = self.name, error = format!("{error:#}"), "interface left behind");
        }
    }
}

async fn add_ends(links: &Links, device: u32, own: Pair) -> anyhow::Result<()> {
    links.bring_up(device).await?;
    links.add_address(device, own.api).await?;
    links.add_address(device, own.data).await
}

/// Sends all of the fleet's ranges out by the device. Each range is left by the address of the same path, so that a
/// packet's addresses tell the path whoever began.
async fn add_ranges(links: &Links, device: u32, own: Pair, hub: Option<Pair>) -> anyhow::Result<()> {
    let (api, data) = (hub.map(|hub| hub.api), hub.map(|hub| hub.data));
    for (to, gateway, source) in [(API_RANGE, api, own.api), (NODE_RANGE, data, own.data), (POD_RANGE, data, own.data)]
    {
        links.add_route(Route { to, device, gateway, source }).await?;
    }
    Ok(())
}
