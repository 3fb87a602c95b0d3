//! The listener for questions about the inside: loopback only, off unless
//! `--debug-bind` names a port.
//!
//! Enters: the routes of the parts that answer (`crate::serve::debug`).
//! Leaves: their answers, to this machine alone. Must not: change anything
//! that a decision looks at.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Reads `--debug-bind`. What is answered here says everything about the
/// fleet, so no address but a loopback one is taken.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text:?} is no address with a port; write 127.0.0.1:6060"))?;
    if !address.ip().is_loopback() {
        return Err(format!("{} is no loopback address; write 127.0.0.1:{}", address.ip(), address.port()));
    }
    Ok(address)
}

/// A server that has its port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Server {
    /// Takes the port; port 0 takes a free one. The routes of `router` lie
    /// below `/debug/`.
    pub async fn bind(address: SocketAddr, router: Router) -> anyhow::Result<Self> {
        let named = |error| anyhow::anyhow!("cannot listen on {address} for debugging: {error}");
        let listener = TcpListener::bind(address).await.map_err(named)?;
        let address = listener.local_addr().map_err(named)?;
        tracing::warn!(%address, "serving debug endpoints to this machine");
        Ok(Self { listener, address, router: router.layer(middleware::from_fn(refuse_other_hosts)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `cancel`; requests that run are answered.
    pub async fn run(self, cancel: CancellationToken) {
        let serving = axum::serve(self.listener, self.router).with_graceful_shutdown(cancel.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::error!(%error, "the server for debugging has ended");
        }
    }
}

/// A page in a browser on this machine can reach a loopback port under a name
/// of its own. Such a request says that name as its host.
async fn refuse_other_hosts(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_this_machine(host) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "ask by a loopback address or as localhost\n").into_response()
}

fn is_this_machine(host: &str) -> bool {
    let Ok(host) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn only_a_loopback_address_is_taken() {
        assert_eq!(loopback("127.0.0.1:6060"), Ok(SocketAddr::from(([127, 0, 0, 1], 6060))));
        assert!(loopback("[::1]:0").is_ok());
        let error = loopback("0.0.0.0:6060").unwrap_err();
        assert!(error.contains("0.0.0.0 is no loopback address; write 127.0.0.1:6060"), "{error}");
        assert!(loopback("6060").unwrap_err().contains("127.0.0.1:6060"));
    }

    async fn ask(address: SocketAddr, host: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /debug/question HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_answers_this_machine_and_refuses_a_page_that_comes_under_another_name() {
        let router = Router::new().route("/debug/question", get(|| async { "answer" }));
        let server = Server::bind(([127, 0, 0, 1], 0).into(), router).await.unwrap();
        let (address, cancel, mut tasks) = (server.address(), CancellationToken::new(), JoinSet::new());
        tasks.spawn(server.run(cancel.clone()));
        for host in [address.to_string(), "localhost:6060".to_owned(), "[::1]:6060".to_owned()] {
            assert!(ask(address, &host).await.ends_with("answer"), "{host}");
        }
        for host in ["rebound.example:6060", "127.0.0.1.example", ""] {
            assert!(ask(address, host).await.starts_with("HTTP/1.1 403"), "{host}");
        }
        cancel.cancel();
        tokio::time::timeout(std::time::Duration::from_secs(5), tasks.join_next()).await.expect("ends when cancelled");
    }
}
