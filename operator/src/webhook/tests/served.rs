use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::webhook::{Identity, Server};

const PATIENCE: Duration = Duration::from_secs(30);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn connect(server: SocketAddr, authority: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends one request on a connection of its own; status and body.
async fn exchange(server: SocketAddr, authority: &str, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = connect(server, authority).await.unwrap();
    let head = format!("{head} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may answer and close before it has read all of a large body.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn review() -> Value {
    let metadata = json!({"name": "web", "namespace": "shop"});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "CREATE", "userInfo": {}, "name": "web", "namespace": "shop",
        "kind": {"group": "policy.karmada.io", "version": "v1alpha1", "kind": "PropagationPolicy"},
        "resource": {"group": "policy.karmada.io", "version": "v1alpha1", "resource": "propagationpolicies"},
        "object": {
            "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy", "metadata": metadata,
            "spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap", "namespace": "other"}]},
        },
        "oldObject": null,
    }})
}

struct Running {
    address: SocketAddr,
    identity: Identity,
    cancel: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

async fn start() -> Running {
    let identity = Identity::make(&["127.0.0.1".to_owned()], Timestamp::now()).unwrap();
    let server = Server::bind(loopback(), &identity).await.unwrap();
    let address = server.address();
    let cancel = CancellationToken::new();
    let ended = tokio::spawn(server.run(cancel.clone()));
    Running { address, identity, cancel, ended }
}

#[tokio::test]
async fn a_review_is_answered_over_tls_with_its_uid() {
    let server = start().await;
    let body = review().to_string();
    let path = "POST /validate-propagationpolicy?timeout=3s";
    let (status, body) = exchange(server.address, server.identity.authority(), path, body.as_bytes()).await;
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["response"]["uid"], "u-1");
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["details"]["causes"][0]["field"], "spec.resourceSelectors[0].namespace");
}

#[tokio::test]
async fn what_is_no_review_is_refused_by_its_fault() {
    let server = start().await;
    let large = vec![b' '; 3 * 1024 * 1024 + 1];
    let cases: [(&str, &[u8], u16); 5] = [
        ("POST /nowhere", b"{}", 404),
        ("GET /validate-propagationpolicy", b"", 405),
        ("POST /validate-propagationpolicy", b"[", 400),
        ("POST /validate-propagationpolicy", &large, 413),
        ("GET /readyz/", b"", 200),
    ];
    for (head, body, expected) in cases {
        let (status, _) = exchange(server.address, server.identity.authority(), head, body).await;
        assert_eq!(status, expected, "{head}");
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let server = start().await;
    let mut stream = connect(server.address, server.identity.authority()).await.unwrap();
    let head = "POST /validate-propagationpolicy HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut begin)).await.unwrap().unwrap();
    assert_eq!(&begin, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_does_not_connect() {
    let server = start().await;
    let other = Identity::make(&["127.0.0.1".to_owned()], Timestamp::now()).unwrap();
    let error = connect(server.address, other.authority()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let server = start().await;
    let mut idle = connect(server.address, server.identity.authority()).await.unwrap();
    let silent = TcpStream::connect(server.address).await.unwrap();
    server.cancel.cancel();
    timeout(PATIENCE, server.ended).await.expect("it ends").unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, idle.read_to_end(&mut rest)).await.expect("the connection ends").unwrap_or_default();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
    drop(silent);
}
