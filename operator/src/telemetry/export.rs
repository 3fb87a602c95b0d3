//! Traces to an OpenTelemetry collector, when one is configured: OTLP over
//! HTTP, protobuf.
//!
//! Enters: spans that have ended. Leaves: batches of them at the collector.
//! A collector that is slow or down costs the work nothing: the queue is
//! bounded, what does not fit is dropped and counted, and it is said once.

#[cfg(test)]
mod tests;

use std::env;
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Uri;
use kube::client::Body;
use kube::{Client, Config};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter as Exporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::metrics::Telling;
use super::metrics::labels::SpanLabel;

/// Spans that wait for the collector.
const QUEUE: usize = 4096;
/// Spans of one request.
const BATCH: usize = 512;
/// A span waits at most so long for others to go with.
const GATHER: Duration = Duration::from_secs(1);
/// The collector gets so long for a request.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What waits at the end is sent within this.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
/// Samplers that the library knows, and whether they take a ratio.
const SAMPLERS: [(&str, bool); 6] = [
    ("always_on", false),
    ("always_off", false),
    ("traceidratio", true),
    ("parentbased_always_on", false),
    ("parentbased_always_off", false),
    ("parentbased_traceidratio", true),
];

/// What the command line and the environment say.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    flag: Option<String>,
    variables: Vec<(&'static str, String)>,
}

impl Given {
    pub(super) fn read(flag: Option<&str>) -> Self {
        let names = [TRACES_ENDPOINT, ENDPOINT, CERTIFICATE, PROTOCOLS[0], PROTOCOLS[1], SAMPLER, SAMPLER_ARG];
        let read = |name: &'static str| Some((name, env::var(name).ok().filter(|text| !text.is_empty())?));
        Self { flag: flag.map(str::to_owned), variables: names.into_iter().filter_map(read).collect() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Where traces go; None: nowhere. An error names what cannot be read.
    fn endpoint(&self) -> anyhow::Result<Option<Uri>> {
        let base = |text: &str| format!("{}/v1/traces", text.trim_end_matches('/'));
        let (name, text, url) = match (self.flag.as_deref(), self.get(TRACES_ENDPOINT), self.get(ENDPOINT)) {
            (Some(flag), ..) => ("--otlp-endpoint", flag, base(flag)),
            (None, Some(traces), _) => (TRACES_ENDPOINT, traces, traces.to_owned()),
            (None, None, Some(all)) => (ENDPOINT, all, base(all)),
            (None, None, None) => return Ok(None),
        };
        let url: Uri = url.parse().with_context(|| wrong(name, text))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
            bail!("{}", wrong(name, text));
        }
        Ok(Some(url))
    }

    fn check_protocol(&self) -> anyhow::Result<()> {
        let set = PROTOCOLS.into_iter().find_map(|name| Some((name, self.get(name)?)));
        match set {
            Some((name, protocol)) if protocol != "http/protobuf" => {
                bail!("{name}={protocol:?} is not spoken here; set http/protobuf, or nothing")
            }
            _ => Ok(()),
        }
    }

    fn check_sampler(&self) -> anyhow::Result<()> {
        let Some(sampler) = self.get(SAMPLER) else { return Ok(()) };
        let Some((_, has_ratio)) = SAMPLERS.into_iter().find(|(name, _)| *name == sampler) else {
            bail!("{SAMPLER}={sampler:?} is not known; use one of {}", SAMPLERS.map(|(name, _)| name).join(", "));
        };
        let ratio = self.get(SAMPLER_ARG).unwrap_or_default();
        if has_ratio && !ratio.parse::<f64>().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio)) {
            bail!("{SAMPLER_ARG}={ratio:?} is no ratio for {sampler}; write a number from 0 to 1");
        }
        Ok(())
    }
}

fn wrong(name: &str, text: &str) -> String {
    format!("{name}={text:?} is no URL of a collector; write it like http://collector:4318")
}

/// Who we are, as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say.
pub(super) fn resource() -> Resource {
    let host = env::var("HOSTNAME").unwrap_or_else(|_| "atoll".into());
    let ours = [
        opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        opentelemetry::KeyValue::new("service.instance.id", crate::lease::unique_identity(&host)),
    ];
    let builder = Resource::builder().with_attributes(ours);
    let named = env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| all.contains("service.name="));
    if named { builder.build() } else { builder.with_service_name("atoll").build() }
}

/// Takes spans that have ended; never waits.
pub(super) struct Queue {
    queue: mpsc::Sender<SpanData>,
    telling: Telling,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.queue.try_send(span).is_err() {
            self.telling.spans.inc(SpanLabel::Dropped);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends what the queue took.
pub struct Export {
    queue: Mutex<mpsc::Receiver<SpanData>>,
    exporter: Exporter,
    endpoint: Uri,
    telling: Telling,
}

/// A queue and its sender, when a collector is configured.
pub(super) fn open(given: &Given, telling: &Telling) -> anyhow::Result<Option<(Queue, Export)>> {
    let Some(endpoint) = given.endpoint()? else { return Ok(None) };
    given.check_protocol()?;
    given.check_sampler()?;
    let client = Collector::to(&endpoint, given.get(CERTIFICATE).map(Path::new))?;
    let mut exporter = Exporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint.to_string())
        .with_timeout(ANSWERS_WITHIN)
        .build()
        .context("setting up the export of traces")?;
    exporter.set_resource(&resource());
    let (sender, receiver) = mpsc::channel(QUEUE);
    let queue = Queue { queue: sender, telling: telling.clone() };
    Ok(Some((queue, Export { queue: Mutex::new(receiver), exporter, endpoint, telling: telling.clone() })))
}

/// What was last said of the collector.
#[derive(Default)]
struct Said {
    failing: bool,
    dropped: u64,
}

impl Export {
    /// Sends until `cancel`, then what still waits.
    pub async fn run(self: Arc<Self>, cancel: CancellationToken) {
        let mut queue = self.queue.lock().await;
        let mut said = Said { failing: false, dropped: self.telling.spans.get(SpanLabel::Dropped) };
        while !cancel.is_cancelled() {
            let mut batch = Vec::new();
            let gather = async {
                queue.recv_many(&mut batch, BATCH).await;
                let more = async { while batch.len() < BATCH && queue.recv_many(&mut batch, BATCH).await > 0 {} };
                let _ = tokio::time::timeout(GATHER, more).await;
            };
            tokio::select! {
                () = gather => {}
                () = cancel.cancelled() => {}
            }
            self.send(batch, &mut said).await;
        }
        let flush = async {
            let mut batch = Vec::new();
            while let Ok(span) = queue.try_recv() {
                batch.push(span);
                if batch.len() == BATCH {
                    self.send(std::mem::take(&mut batch), &mut said).await;
                }
            }
            self.send(batch, &mut said).await;
        };
        if tokio::time::timeout(FLUSH_WITHIN, flush).await.is_err() {
            tracing::warn!(endpoint = %self.endpoint, "spans were left at the end: the collector did not take them in time");
        }
    }

    async fn send(&self, batch: Vec<SpanData>, said: &mut Said) {
        if batch.is_empty() {
            return;
        }
        let count = batch.len() as u64;
        let sent = tokio::time::timeout(ANSWERS_WITHIN, self.exporter.export(batch)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {ANSWERS_WITHIN:?}")),
        };
        self.telling.spans.inc_by(if failure.is_some() { SpanLabel::Failed } else { SpanLabel::Exported }, count);
        let dropped = self.telling.spans.get(SpanLabel::Dropped);
        match &failure {
            Some(error) if !said.failing => {
                tracing::warn!(endpoint = %self.endpoint, error, "the trace collector takes no spans; they are dropped until it does");
            }
            None if said.failing => tracing::info!(endpoint = %self.endpoint, "the trace collector takes spans again"),
            None if dropped > said.dropped => {
                let dropped = dropped - said.dropped;
                tracing::warn!(endpoint = %self.endpoint, dropped, "spans were dropped: there are more than the collector takes");
            }
            Some(_) | None => {}
        }
        *said = Said { failing: failure.is_some(), dropped };
    }
}

/// The way to the collector, over the same TLS as everything else.
struct Collector(Client);

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl Collector {
    fn to(endpoint: &Uri, certificate: Option<&Path>) -> anyhow::Result<Self> {
        let mut parts = endpoint.clone().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let mut config = Config::new(Uri::from_parts(parts).context("the collector's URL")?);
        config.connect_timeout = Some(ANSWERS_WITHIN);
        config.disable_compression = true;
        config.default_retry = false;
        if let Some(path) = certificate {
            let named = || format!("{CERTIFICATE}={}", path.display());
            let pem = std::fs::read(path).with_context(named)?;
            config.root_cert = Some(crate::members::connection::certificates(&pem).with_context(named)?);
        }
        Ok(Self(Client::try_from(config).context("a client for the collector")?))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        head.uri = path.parse()?;
        let request = Request::from_parts(head, Body::from(body.to_vec()));
        let (head, body) = self.0.send(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect_bytes().await?))
    }
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}
