//! What a pod answers on its own address.
//!
//! In: the annotation [`ANNOTATION`] of a pod and the address it has. Out: a server that says which cluster and pod it
//! is, and a probe that asks it. It must not decide what an answer, or none, means for the pod.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;
use std::time::Duration;

use hyper::Response;
use hyper::header::HeaderValue;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::listener::Listener;
use super::web::serve_web;

/// `http`, `h2c` or `tcp`, with `:PORT` where it is not the first container port (or 8080 when there is none).
pub const ANNOTATION: &str = "fleet.atoll.dev/serve";

const DEFAULT_PORT: u16 = 8080;
/// A listener of this very process answers in microseconds; this is for a machine that is busy.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// An answer is one head and one short line.
const PROBE_LIMIT: u64 = 8 * 1024;

/// Why a pod does not serve, in words for its Ready condition.
#[derive(Debug, Error)]
pub enum Error {
    #[error("annotation {ANNOTATION}: {0:?} is not http, h2c or tcp, with or without :PORT")]
    Annotation(String),
    #[error("nothing can listen on {socket}: {source}; is the pod network routed in this namespace?")]
    Bind { socket: SocketAddrV4, source: std::io::Error },
    #[error("{socket} does not answer: {source}")]
    Silent { socket: SocketAddr, source: std::io::Error },
    #[error("{socket} answers with {answer:?}, which is somebody else")]
    Stranger { socket: SocketAddr, answer: String },
}

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP. A server for `http` takes HTTP/2 with prior knowledge, and one for `h2c` HTTP/1.1, as well.
    Web,
    /// The line first, then all that comes is sent back.
    Tcp,
}

/// What a pod shall serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub protocol: Protocol,
    pub port: u16,
}

/// Reads what `pod` shall serve; `None` where it serves nothing.
pub fn validate(pod: &Pod) -> Result<Option<Offer>, Error> {
    let Some(text) = pod.annotations().get(ANNOTATION) else { return Ok(None) };
    let (protocol, port) = text.split_once(':').map_or((text.as_str(), None), |(left, port)| (left, Some(port)));
    let wrong = || Error::Annotation(text.clone());
    let protocol = match protocol {
        "http" | "h2c" => Protocol::Web,
        "tcp" => Protocol::Tcp,
        _ => return Err(wrong()),
    };
    let port = match port {
        Some(port) => u16::from_str(port).ok().filter(|port| *port > 0).ok_or_else(wrong)?,
        None => first_port(pod).unwrap_or(DEFAULT_PORT),
    };
    Ok(Some(Offer { protocol, port }))
}

fn first_port(pod: &Pod) -> Option<u16> {
    let containers = &pod.spec.as_ref()?.containers;
    let port = containers.iter().flat_map(|container| container.ports.iter().flatten()).next()?;
    u16::try_from(port.container_port).ok()
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    cluster: String,
    pod: String,
}

impl Identity {
    /// The pod `pod` of `cluster`.
    pub fn new(cluster: &str, pod: &Pod) -> Self {
        Self { cluster: cluster.to_owned(), pod: format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any()) }
    }

    /// `cluster=CLUSTER pod=NAMESPACE/NAME` and a line end.
    fn line(&self) -> String {
        format!("cluster={} pod={}\n", self.cluster, self.pod)
    }

    /// The line, and both parts of it as headers.
    fn answer(&self) -> Response<String> {
        let mut response = Response::new(self.line());
        for (name, value) in [("x-fleet-cluster", &self.cluster), ("x-fleet-pod", &self.pod)] {
            // Names of Kubernetes objects are always fit for a header; a cluster's may be anything.
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A pod's server.
#[derive(Debug)]
pub struct Server {
    offer: Offer,
    line: String,
    listener: Listener,
}

impl Server {
    /// Listens on the pod's `address`.
    pub async fn start(offer: Offer, address: Ipv4Addr, identity: Identity) -> Result<Self, Error> {
        let socket = SocketAddrV4::new(address, offer.port);
        let line = identity.line();
        let listener = match offer.protocol {
            Protocol::Web => {
                let serve = move |stream| {
                    let identity = identity.clone();
                    async move { serve_web(stream, |_path| identity.answer()).await }
                };
                Listener::start(socket, serve).await
            }
            Protocol::Tcp => {
                let line = line.clone();
                Listener::start(socket, move |stream| serve_tcp(stream, line.clone())).await
            }
        };
        let listener = listener.map_err(|source| Error::Bind { socket, source })?;
        Ok(Self { offer, line, listener })
    }

    /// What it was started for.
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// Asks the server who it is, by way of the network.
    pub async fn probe(&self) -> Result<(), Error> {
        let socket = self.listener.address();
        let asked = timeout(PROBE_TIMEOUT, ask(socket, self.offer.protocol)).await;
        let answer = asked
            .unwrap_or_else(|_late| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|source| Error::Silent { socket, source })?;
        if answer.ends_with(&self.line) { Ok(()) } else { Err(Error::Stranger { socket, answer }) }
    }

    /// Ends the server and all its connections.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}

/// Says the line, sends back what comes, and closes when the client has said all.
async fn serve_tcp(mut stream: TcpStream, line: String) {
    let talk = async {
        stream.write_all(line.as_bytes()).await?;
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await?;
        write.shutdown().await
    };
    if let Err(error) = talk.await {
        tracing::debug!(%error, "connection ended");
    }
}

/// One exchange with the server at `socket`: all it sends until it closes.
async fn ask(socket: SocketAddr, protocol: Protocol) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(socket).await?;
    match protocol {
        Protocol::Web => {
            let request = format!("GET / HTTP/1.1\r\nhost: {socket}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
        }
        Protocol::Tcp => stream.shutdown().await?,
    }
    let mut answer = String::new();
    stream.take(PROBE_LIMIT).read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
