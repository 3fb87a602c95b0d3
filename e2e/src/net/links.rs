//! Interfaces, addresses and routes, set by netlink in the network namespace of the calling thread.
//!
//! In: what to set. Out: done, or an error that names the object. This module knows nothing of hubs and members.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, bail};
use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::route::{RouteScope, RouteType};
use rtnetlink::{Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::addresses::Prefix;

/// The local table, where the kernel looks for addresses that are its own.
const LOCAL_TABLE: u32 = 255;

/// Where packets to a network go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub to: Prefix,
    pub device: u32,
    pub gateway: Option<Ipv4Addr>,
    /// The address connections get that are not bound to one.
    pub source: Ipv4Addr,
}

/// A netlink socket that belongs to one namespace.
pub(super) struct Links {
    handle: Handle,
}

/// Runs `steps` on a netlink socket of the calling thread's namespace. Must not be called from async code: it brings a
/// runtime of its own, which lives only as long as the steps.
pub(super) fn configure<T>(steps: impl AsyncFnOnce(&Links) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().context("open a netlink socket")?;
        let links = Links { handle };
        tokio::select! {
            () = connection => bail!("configure the network: the kernel closed the netlink socket"),
            done = steps(&links) => done,
        }
    })
}

/// [`configure`] for callers that may be inside a runtime: on a thread of its own, in the namespace of the caller.
pub(super) fn configure_here<T: Send>(
    steps: impl AsyncFnOnce(&Links) -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    std::thread::scope(|scope| match scope.spawn(|| configure(steps)).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// The number of an interface in the calling thread's namespace.
pub(super) fn index_of(name: &str) -> anyhow::Result<u32> {
    if_nametoindex(name).with_context(|| format!("find interface {name}"))
}

impl Links {
    pub async fn bring_up(&self, device: u32) -> anyhow::Result<()> {
        let message = LinkUnspec::new_with_index(device).up().build();
        self.handle.link().set(message).execute().await.with_context(|| format!("bring up interface {device}"))
    }

    pub async fn set_mtu(&self, device: u32, mtu: u32) -> anyhow::Result<()> {
        let message = LinkUnspec::new_with_index(device).mtu(mtu).build();
        let set = self.handle.link().set(message).execute().await;
        set.with_context(|| format!("set the MTU of interface {device} to {mtu}"))
    }

    /// Gives an interface one address, without a network around it: routes are set apart.
    pub async fn add_address(&self, device: u32, address: Ipv4Addr) -> anyhow::Result<()> {
        let add = self.handle.address().add(device, IpAddr::V4(address), 32).execute().await;
        add.with_context(|| format!("add address {address} to interface {device}"))
    }

    pub async fn add_route(&self, route: Route) -> anyhow::Result<()> {
        let Prefix { address, length } = route.to;
        let message = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, length)
            .output_interface(route.device)
            .pref_source(route.source);
        let message = match route.gateway {
            Some(gateway) => message.gateway(gateway),
            None => message.scope(RouteScope::Link),
        };
        let add = self.handle.route().add(message.build()).execute().await;
        add.with_context(|| format!("add the route to {address}/{length}"))
    }

    /// Makes every address of a network the namespace's own: each can be bound, and none has to be added.
    pub async fn add_local(&self, network: Prefix, loopback: u32) -> anyhow::Result<()> {
        let Prefix { address, length } = network;
        let message = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, length)
            .output_interface(loopback)
            .table_id(LOCAL_TABLE)
            .kind(RouteType::Local)
            .scope(RouteScope::Host);
        let add = self.handle.route().add(message.build()).execute().await;
        add.with_context(|| format!("make the addresses of {address}/{length} local"))
    }

    /// Makes a pair of connected interfaces: `near` here, `far` in another namespace.
    pub async fn add_pair(&self, near: &str, far: &str, far_namespace: impl AsFd) -> anyhow::Result<()> {
        let add = self.handle.link().add(LinkVeth::new(near, far).build()).execute().await;
        add.with_context(|| format!("make the pair of interfaces {near} and {far}"))?;
        let namespace = far_namespace.as_fd().as_raw_fd();
        let message = LinkUnspec::new_with_index(index_of(far)?).setns_by_fd(namespace).build();
        let moved = self.handle.link().set(message).execute().await;
        moved.with_context(|| format!("move interface {far} to the hub's namespace"))
    }

    /// Deletes an interface that may go by itself meanwhile.
    pub async fn remove(&self, name: &str) -> anyhow::Result<()> {
        let Ok(device) = index_of(name) else { return Ok(()) };
        let deleted = self.delete(device).await;
        if index_of(name).is_err() { Ok(()) } else { deleted }
    }

    pub async fn delete(&self, device: u32) -> anyhow::Result<()> {
        self.handle.link().del(device).execute().await.with_context(|| format!("delete interface {device}"))
    }
}
