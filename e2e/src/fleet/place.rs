//! Where a cluster's processes run and answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::process::{Child, Command};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::net::Network;

/// Port of a member's API server; it has a network of its own.
pub const API_PORT: u16 = 6443;
const ETCD_PORTS: [u16; 2] = [2379, 2380];

/// The network a process is started in.
#[derive(Clone)]
pub enum Place {
    /// The supervisor's own: the hub's.
    Host,
    /// The namespace of the member of this name.
    Member(Arc<Network>, String),
}

impl Place {
    /// Starts `command` there.
    pub fn spawn(&self, mut command: Command) -> io::Result<Child> {
        match self {
            Self::Host => command.spawn(),
            Self::Member(network, name) => network
                .member(name)
                .ok_or_else(|| io::Error::other(format!("the network has no member {name:?}")))?
                .spawn(command),
        }
    }

    /// Whether the network is the cluster's own.
    pub fn is_namespace(&self) -> bool {
        matches!(self, Self::Member(..))
    }
}

/// Addresses of a cluster's servers.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints {
    /// Where the API server answers other clusters and people.
    pub api: SocketAddrV4,
    /// Where etcd answers clients and peers; nobody but the API server has use for it.
    pub etcd: [SocketAddrV4; 2],
}

impl Endpoints {
    /// Servers of the hub: free ports of `address`. It belongs to one fleet, so nobody takes them
    /// meanwhile; fixed ports would meet whatever on this machine listens on every address.
    pub fn of_hub(address: Ipv4Addr) -> Result<Self> {
        let bind = || {
            let listener = TcpListener::bind((address, 0)).context("looking for a free port")?;
            let port = listener.local_addr().context("reading a port")?.port();
            Ok::<_, anyhow::Error>((listener, SocketAddrV4::new(address, port)))
        };
        // All are held at once, so none comes twice.
        let held = [bind()?, bind()?, bind()?];
        Ok(Self { api: held[0].1, etcd: [held[1].1, held[2].1] })
    }

    /// Servers of a member in its own network.
    pub fn of_member(address: Ipv4Addr) -> Self {
        let etcd = ETCD_PORTS.map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        Self { api: SocketAddrV4::new(address, API_PORT), etcd }
    }

    /// URL of the API server for everybody.
    pub fn server(&self) -> String {
        format!("https://{}", self.api)
    }
}
