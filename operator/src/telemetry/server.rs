//! The HTTP server for probes, scrapes and debugging.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::readiness::Readiness;

/// What a scraper must be told to read the text with its types.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type ReadVar = Box<dyn Fn() -> Value + Send + Sync>;

/// What is served.
pub struct Content {
    /// `/metrics`.
    pub registry: Registry,
    /// `/readyz`.
    pub readiness: Readiness,
    /// `/debug/vars`: one JSON object of these, read at each request.
    pub vars: Vec<(&'static str, ReadVar)>,
}

/// A server that has its port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    content: Arc<Content>,
}

impl Server {
    /// Takes the port; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, content: Content) -> anyhow::Result<Self> {
        let named = |error| anyhow::anyhow!("cannot listen on {address} for health and metrics: {error}");
        let listener = TcpListener::bind(address).await.map_err(named)?;
        let address = listener.local_addr().map_err(named)?;
        tracing::info!(%address, "serving health and metrics");
        Ok(Self { listener, address, content: Arc::new(content) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `cancel`; requests that run are answered.
    pub async fn run(self, cancel: CancellationToken) {
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/debug/vars", get(vars))
            .with_state(self.content);
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(cancel.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::error!(%error, "the server for health and metrics has ended");
        }
    }
}

async fn readyz(State(content): State<Arc<Content>>) -> (StatusCode, String) {
    let report = content.readiness.report();
    let code = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, report.to_string())
}

async fn metrics(State(content): State<Arc<Content>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &content.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn vars(State(content): State<Arc<Content>>) -> Json<Value> {
    let vars: Map<String, Value> = content.vars.iter().map(|(name, read)| ((*name).to_owned(), read())).collect();
    Json(Value::Object(vars))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    use super::*;
    use crate::fleet::tests::quarrelled;
    use crate::fleet::{FleetMap, Stats};
    use crate::telemetry::metrics::Metrics;
    use crate::telemetry::metrics::tests::sources;

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: atoll\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn start(readiness: &Readiness) -> (SocketAddr, CancellationToken, JoinSet<()>) {
        start_with(readiness, Stats { pending: 3, ..Stats::default() }).await
    }

    async fn start_with(readiness: &Readiness, stats: Stats) -> (SocketAddr, CancellationToken, JoinSet<()>) {
        let mut registry = Registry::default();
        let vars: Vec<(_, ReadVar)> = vec![(
            "fleetMap",
            Box::new({
                let stats = stats.clone();
                move || json!(stats)
            }),
        )];
        let sources = sources(Vec::new(), stats);
        Metrics::default().register(&mut registry, sources);
        let content = Content { registry, readiness: readiness.clone(), vars };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), content).await.unwrap();
        let (address, cancel, mut tasks) = (server.address(), CancellationToken::new(), JoinSet::new());
        tasks.spawn(server.run(cancel.clone()));
        (address, cancel, tasks)
    }

    #[tokio::test]
    async fn it_answers_probes_scrapes_and_questions_on_the_port_it_took() {
        let readiness = Readiness::default();
        let (address, _cancel, _tasks) = start(&readiness).await;
        assert_ne!(address.port(), 0);
        assert!(fetch(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        readiness.add("caches", || Err("not listed yet".to_owned()));
        let waiting = fetch(address, "/readyz").await;
        assert!(waiting.starts_with("HTTP/1.1 503") && waiting.contains("waiting caches: not listed yet"), "{waiting}");
        readiness.add("caches", || Ok(()));
        assert!(fetch(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let metrics = fetch(address, "/metrics").await;
        assert!(metrics.contains("atoll_hub_writes_total{kind=\"claim\"} 0\n"), "{metrics}");
        assert!(metrics.trim_end().ends_with("# EOF"), "{metrics}");
        let vars = fetch(address, "/debug/vars").await;
        assert!(vars.contains(r#"{"fleetMap":{"#) && vars.contains(r#""pending":3,"#), "{vars}");
        assert!(fetch(address, "/nowhere").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn conflicts_of_the_fleet_map_stand_on_both_pages_at_zero_and_when_they_happen() {
        let pages = async |stats: Stats| {
            let (address, _cancel, _tasks) = start_with(&Readiness::default(), stats).await;
            let vars = fetch(address, "/debug/vars").await;
            let (_, vars) = vars.split_once("\r\n\r\n").expect("a body");
            let vars: Value = serde_json::from_str(vars).expect("JSON");
            (fetch(address, "/metrics").await, vars["fleetMap"].clone())
        };
        let counted = |stats: &Stats| {
            [
                (
                    r#"atoll_fleet_map_write_conflict_total{kind="second_writer"}"#,
                    "conflicts_owner",
                    stats.conflicts_owner,
                ),
                (
                    r#"atoll_fleet_map_write_conflict_total{kind="stale_version"}"#,
                    "conflicts_stale",
                    stats.conflicts_stale,
                ),
                ("atoll_fleet_map_contention_total", "contention", stats.contention),
            ]
        };
        let quarrelled = tokio::task::spawn_blocking(|| quarrelled().stats()).await.unwrap();
        assert!(counted(&quarrelled).iter().all(|(_, _, count)| *count > 0), "{quarrelled:?}");
        for stats in [FleetMap::default().stats(), quarrelled] {
            let (metrics, vars) = pages(stats.clone()).await;
            for (series, name, count) in counted(&stats) {
                assert!(metrics.contains(&format!("{series} {count}\n")), "{series} {count} is missing in\n{metrics}");
                assert_eq!(vars[name], json!(count), "{name} in {vars}");
            }
        }
    }

    #[tokio::test]
    async fn it_ends_when_cancelled_and_frees_its_port() {
        let (address, cancel, mut tasks) = start(&Readiness::default()).await;
        cancel.cancel();
        tokio::time::timeout(Duration::from_secs(5), tasks.join_next()).await.expect("ends");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_the_error() {
        let (address, _cancel, _tasks) = start(&Readiness::default()).await;
        let content = Content { registry: Registry::default(), readiness: Readiness::default(), vars: Vec::new() };
        let Err(error) = Server::bind(address, content).await else { panic!("the port was taken") };
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
