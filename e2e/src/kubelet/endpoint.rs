//! The kubelet's own port.
//!
//! In: the node's address. Out: a TLS server with a certificate of its own making that says the node is well, which
//! is what probes of the data path ask. It must not answer for containers: there are none, so no logs, no exec.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::{Context, Result};
use hyper::{Response, StatusCode};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::listener::Listener;
use super::web::serve_web;

/// Where Kubernetes expects a kubelet.
pub const PORT: u16 = 10250;

/// Listens on `address`, which must be one of this network namespace.
pub async fn start(address: Ipv4Addr, node: &str) -> Result<Listener> {
    let acceptor = TlsAcceptor::from(Arc::new(build_tls(address, node)?));
    let serve = move |stream| {
        let acceptor = acceptor.clone();
        async move {
            match acceptor.accept(stream).await {
                Ok(stream) => serve_web(stream, answer).await,
                // Probes that only connect are the common case.
                Err(error) => tracing::debug!(%error, "no TLS on the kubelet port"),
            }
        }
    };
    let socket = SocketAddrV4::new(address, PORT);
    Listener::start(socket, serve).await.with_context(|| format!("listening on the kubelet port {socket} of {node}"))
}

fn answer(path: &str) -> Response<String> {
    let (status, text) = match path {
        "/healthz" => (StatusCode::OK, "ok"),
        _ => (StatusCode::NOT_FOUND, "a stand-in kubelet answers /healthz alone: it runs no containers\n"),
    };
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    response
}

fn build_tls(address: Ipv4Addr, node: &str) -> Result<ServerConfig> {
    let own = rcgen::generate_simple_self_signed([address.to_string(), node.to_owned()])
        .context("making the kubelet's certificate")?;
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der())
        .map_err(|error| anyhow::anyhow!("the kubelet's key is of no use: {error}"))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .context("using the kubelet's certificate")
}
