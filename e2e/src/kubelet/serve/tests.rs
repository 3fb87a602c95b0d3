use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use super::*;

fn pod(serve: &str, ports: &[u16]) -> Pod {
    let ports: Vec<_> = ports.iter().map(|port| json!({"containerPort": port})).collect();
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "web-1", "annotations": {ANNOTATION: serve}},
        "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": ports}]},
    }))
    .unwrap()
}

async fn started(protocol: Protocol) -> Server {
    let identity = Identity::new("m1", &pod("http", &[]));
    Server::start(Offer { protocol, port: 0 }, Ipv4Addr::LOCALHOST, identity).await.unwrap()
}

#[test]
fn the_port_is_the_named_one_or_the_first_of_the_containers_or_8080() {
    let port = |pod| validate(&pod).unwrap().unwrap().port;
    assert_eq!(port(pod("http:81", &[90, 91])), 81);
    assert_eq!(port(pod("http", &[90, 91])), 90);
    assert_eq!(port(pod("http", &[])), 8080);
}

#[test]
fn the_three_words_are_known() {
    let protocol = |word| validate(&pod(word, &[])).unwrap().unwrap().protocol;
    assert_eq!([protocol("http"), protocol("h2c"), protocol("tcp:5")], [Protocol::Web, Protocol::Web, Protocol::Tcp]);
}

#[test]
fn a_pod_without_the_annotation_serves_nothing() {
    assert_eq!(validate(&Pod::default()).unwrap(), None);
}

#[test]
fn anything_else_in_the_annotation_is_refused() {
    for text in ["", "udp", "http:", "http:0", "http:70000", "http:80:81", ":80"] {
        assert!(matches!(validate(&pod(text, &[])), Err(Error::Annotation(_))), "{text:?} was taken");
    }
}

#[tokio::test]
async fn a_server_answers_its_own_probe() {
    for protocol in [Protocol::Web, Protocol::Tcp] {
        let server = started(protocol).await;
        server.probe().await.unwrap();
        server.stop().await;
    }
}

#[tokio::test]
async fn an_answer_over_http_names_cluster_and_pod_in_body_and_headers() {
    let server = started(Protocol::Web).await;
    let answer = ask(server.listener.address(), Protocol::Web).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-fleet-cluster: m1\r\n") && answer.contains("x-fleet-pod: shop/web-1\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\ncluster=m1 pod=shop/web-1\n"), "{answer}");
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_answered() {
    let server = started(Protocol::Web).await;
    let stream = TcpStream::connect(server.listener.address()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let request = hyper::Request::get("http://pod/").body(String::new()).unwrap();
    let exchange = sender.send_request(request);
    let response = tokio::select! {
        response = exchange => response.unwrap(),
        ended = connection => panic!("the connection ended without an answer: {ended:?}"),
    };
    assert_eq!(response.version(), hyper::Version::HTTP_2);
    assert_eq!(response.headers()["x-fleet-pod"], "shop/web-1");
}

#[tokio::test]
async fn over_tcp_the_line_comes_first_and_then_the_echo() {
    let server = started(Protocol::Tcp).await;
    let mut stream = TcpStream::connect(server.listener.address()).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "cluster=m1 pod=shop/web-1\nping");
}

#[tokio::test]
async fn a_stopped_server_cuts_its_connections_and_gives_its_port_back() {
    let server = started(Protocol::Tcp).await;
    let socket = server.listener.address();
    let mut stream = TcpStream::connect(socket).await.unwrap();
    let mut line = [0; 26];
    stream.read_exact(&mut line).await.unwrap();
    server.stop().await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or_default(), 0);
    assert!(TcpStream::connect(socket).await.is_err());
}

#[tokio::test]
async fn an_address_of_nobody_here_is_named_with_the_reason() {
    // TEST-NET-3 is on no interface.
    let identity = Identity::new("m1", &pod("http", &[]));
    let offer = Offer { protocol: Protocol::Web, port: 8080 };
    let error = Server::start(offer, Ipv4Addr::new(203, 0, 113, 200), identity).await.unwrap_err();
    assert!(matches!(&error, Error::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrNotAvailable));
}
