//! A TCP listener with everything it accepted.
//!
//! In: an address, and what to do with a connection. Out: a handle; no connection outlives it. It must not know any
//! protocol.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Accepting fails when the process has no file descriptor left; asking again at once would burn a processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening socket and its connections. They end when it is dropped; [`stop`](Self::stop) waits for it.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    cancel: DropGuard,
    tasks: TaskTracker,
}

impl Listener {
    /// Binds `address` (port 0: any free one) and serves every connection with `serve`.
    pub async fn start<S, F>(address: SocketAddrV4, serve: S) -> io::Result<Self>
    where
        S: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        let cancel = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(accept(socket, serve, cancel.clone(), tasks.clone()));
        tasks.close();
        Ok(Self { address, cancel: cancel.drop_guard(), tasks })
    }

    /// What it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the socket and cuts all connections; returns when they are gone.
    pub async fn stop(self) {
        let Self { address: _, cancel, tasks } = self;
        drop(cancel);
        tasks.wait().await;
    }
}

/// Ends by `cancel` alone: an accept that fails says nothing about the next one.
async fn accept<S, F>(socket: TcpListener, serve: S, cancel: CancellationToken, tasks: TaskTracker)
where
    S: Fn(TcpStream) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    while let Some(accepted) = cancel.run_until_cancelled(socket.accept()).await {
        match accepted {
            Ok((stream, _peer)) => {
                tasks.spawn(cancel.clone().run_until_cancelled_owned(serve(stream)));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                cancel.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
            }
        }
    }
}
