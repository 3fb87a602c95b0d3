//! A way to look at a member while its cable is cut.
//!
//! In: connections to a loopback port of the supervisor's network. Out: the same bytes
//! at the member's API server, from inside its namespace, past the relay. Tests and people observe by it what
//! a cut-off cluster does; nothing that is under test may use it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::place::API_PORT;
use crate::net::Network;

/// A listener for one member.
pub struct Observer {
    listener: TcpListener,
    address: SocketAddr,
    network: Arc<Network>,
    member: String,
}

impl Observer {
    /// Takes a free port for `member`.
    pub async fn bind(network: &Arc<Network>, member: &str) -> Result<Self> {
        let context = || format!("opening the observer's port of {member}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.with_context(context)?;
        let address = listener.local_addr().with_context(context)?;
        Ok(Self { listener, address, network: Arc::clone(network), member: member.to_owned() })
    }

    /// URL of the member's API server for observers.
    pub fn server(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Carries connections until it is dropped.
    pub async fn carry(self) {
        let mut connections = JoinSet::new();
        // Accepting fails when this process has no file descriptors left; then nothing else works either.
        while let Ok((near, _)) = self.listener.accept().await {
            while connections.try_join_next().is_some() {}
            if let Some(far) = self.connect().await {
                connections.spawn(carry_connection(near, far));
            }
        }
    }

    /// Dropping the near end is all there is to say to an observer whose API server is not there.
    async fn connect(&self) -> Option<TcpStream> {
        let socket = self.network.member(&self.member)?.tcp_socket().ok()?;
        socket.connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, API_PORT).into()).await.ok()
    }
}

async fn carry_connection(mut near: TcpStream, mut far: TcpStream) {
    // Either side may break off at any time; the other one sees the end of its stream.
    let _ = copy_bidirectional(&mut near, &mut far).await;
}
