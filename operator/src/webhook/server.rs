//! The HTTPS server that API servers ask.
//!
//! Enters: `AdmissionReview`s at the paths of [`Hook`]. Leaves: the answer of
//! [`admit`](super::admit::admit). Must not: let one slow client hold up
//! another, or take work without bound.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{Method, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kube::core::DynamicObject;
use kube::core::admission::AdmissionReview;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::admit;
use super::hook::Hook;
use super::identity::Identity;

/// Bodies beyond are refused: the API server takes requests of 3 MiB.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// The whole of a request has to arrive within this; the API server gives up
/// after 3 s (`timeoutSeconds` of the configurations).
const REQUEST_DEADLINE: Duration = Duration::from_millis(2_500);

/// A client has so long to finish its TLS handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);

/// A connection may idle so long between requests. API servers drop theirs
/// after 90 s; it has to be them, or a request may meet a connection that is
/// just being closed, and a POST is not sent again.
const IDLE_DEADLINE: Duration = Duration::from_mins(2);

/// At the end, requests under way get so long.
const DRAIN_DEADLINE: Duration = Duration::from_secs(3);

/// After an accept that failed for want of file descriptors, the next one
/// waits, so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections at one time. An API server keeps a few per webhook; more than
/// this is no API server, and the next waits in the kernel's queue.
const CONNECTIONS: usize = 256;

/// The address cannot be used.
#[derive(Debug, Error)]
#[error("listen for admission requests on {address}: {source}; choose another --webhook-bind")]
pub struct Error {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system says.
    pub source: std::io::Error,
}

/// A server that listens, and answers once it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
}

impl Server {
    /// Listens on `address`; port 0 lets the system choose.
    pub async fn bind(address: SocketAddr, identity: &Identity) -> Result<Self, Error> {
        let failed = |source| Error { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, acceptor: TlsAcceptor::from(identity.config()) })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `cancel`, then lets requests under way finish. The tasks
    /// of its connections end with it.
    pub async fn run(self, cancel: CancellationToken) {
        let router = router();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                Some(ended) = connections.join_next(), if !connections.is_empty() => report(ended),
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, peer)) => {
                        let connection = connection(stream, self.acceptor.clone(), router.clone(), cancel.clone());
                        connections.spawn(async move {
                            if let Err(error) = connection.await {
                                tracing::debug!(%peer, %error, "admission connection ended");
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accept an admission connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN_DEADLINE, drained).await.is_err() {
            tracing::warn!("admission requests cut off at the end");
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "admission connection panicked");
    }
}

/// Serves one client until it leaves, or until `cancel` and its current
/// request is answered.
async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    cancel: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let stream = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        stream = timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)) => stream??,
    };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE_DEADLINE);
    let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(serving);
    tokio::select! {
        done = serving.as_mut() => return Ok(done?),
        () = cancel.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    Ok(serving.await?)
}

fn router() -> Router {
    Router::new().route("/readyz", get(|| async { "ok" })).route("/readyz/", get(|| async { "ok" })).fallback(answer)
}

async fn answer(request: Request) -> Response {
    let Some(hook) = Hook::at(request.uri().path()) else {
        return (StatusCode::NOT_FOUND, "no admission hook at this path").into_response();
    };
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "an AdmissionReview comes with POST").into_response();
    }
    match timeout(REQUEST_DEADLINE, fetch_review(request.into_body())).await {
        Ok(Ok(review)) => review_answer(hook, review),
        Ok(Err(refused)) => refused.into_response(),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive").into_response(),
    }
}

type Review = AdmissionReview<DynamicObject>;

async fn fetch_review(body: Body) -> Result<Review, (StatusCode, String)> {
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let text = format!("read the request, at most {BODY_LIMIT} bytes: {error}");
        (StatusCode::PAYLOAD_TOO_LARGE, text)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("read the AdmissionReview: {error}")))
}

fn review_answer(hook: Hook, review: Review) -> Response {
    let Ok(request) = review.try_into() else {
        return (StatusCode::BAD_REQUEST, "the AdmissionReview has no request").into_response();
    };
    let response = admit::admit(hook, &request, Uuid::new_v4);
    if !response.allowed {
        let kind = &request.kind.kind;
        tracing::info!(hook = hook.name(), %kind, name = %request.name, reason = %response.result.message, "refused");
    }
    axum::Json(response.into_review()).into_response()
}
