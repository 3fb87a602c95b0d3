//! `/debug/trace`: the spans and log lines of the next seconds, as a trace
//! that Perfetto and `chrome://tracing` open.
//!
//! Enters: spans and events of this process while a capture runs. Leaves: one
//! JSON document. One capture at a time, of at most [`LONGEST`] and
//! [`MOST_BYTES`]; without one nothing here runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::logs::Fields;

/// The longest capture.
const LONGEST: Duration = Duration::from_secs(30);
/// A capture holds at most so much; what comes after is left out, and said to be.
const MOST_BYTES: usize = 16 << 20;

/// What a capture listens to: everything of ours down to debug, others' news.
pub(super) fn listens_to() -> Targets {
    Targets::new().with_target("atoll", LevelFilter::DEBUG).with_default(LevelFilter::INFO)
}

/// Keeps what happens while a capture runs.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Option<Recording>>>);

struct Recording {
    began: Instant,
    /// Trace events, as JSON, with commas between them.
    events: String,
    left_out: u64,
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Option<Recording>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, make: impl FnOnce() -> Value) {
        let mut running = self.lock();
        let Some(recording) = running.as_mut() else { return };
        let mut event = make();
        event["ts"] = u64::try_from(recording.began.elapsed().as_micros()).unwrap_or(u64::MAX).into();
        event["pid"] = 1.into();
        event["tid"] = 1.into();
        event["cat"] = "atoll".into();
        let event = event.to_string();
        if recording.events.len() + event.len() > MOST_BYTES {
            recording.left_out += 1;
            return;
        }
        if !recording.events.is_empty() {
            recording.events.push_str(",\n");
        }
        recording.events.push_str(&event);
    }
}

/// The fields of a span so far.
struct Known(Map<String, Value>);

/// Spans of one look share a track; what runs in another task has its own, and
/// names its trace.
fn track<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> String {
    let root = span.scope().from_root().next().map_or_else(|| span.id(), |root| root.id());
    format!("{:#x}", root.into_u64())
}

impl<S> Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Map::new();
        attributes.record(&mut Fields(&mut fields));
        span.extensions_mut().insert(Known(fields));
        self.put(|| json!({"ph": "b", "name": span.name(), "id": track(&span)}));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(known) = span.extensions_mut().get_mut::<Known>() {
            values.record(&mut Fields(&mut known.0));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let fields = span.extensions().get::<Known>().map(|known| known.0.clone());
        let Some(fields) = fields else { return };
        self.put(|| json!({"ph": "e", "name": span.name(), "id": track(&span), "args": fields}));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let track = context.event_span(event).map(|span| track(&span));
        self.put(|| {
            let mut fields = Map::new();
            event.record(&mut Fields(&mut fields));
            let name = fields.remove("message").unwrap_or_else(|| event.metadata().name().into());
            fields.insert("level".into(), event.metadata().level().as_str().into());
            fields.insert("target".into(), event.metadata().target().into());
            match track {
                Some(track) => json!({"ph": "n", "name": name, "id": track, "args": fields}),
                None => json!({"ph": "i", "s": "g", "name": name, "args": fields}),
            }
        });
    }
}

type Switch = dyn Fn(bool) -> anyhow::Result<()> + Send + Sync;

/// Live traces, one at a time. Clones share the turn.
#[derive(Clone)]
pub struct Capture {
    recorder: Recorder,
    switch: Arc<Switch>,
    turn: Arc<Semaphore>,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One at a time.
    #[error("a capture runs already; try again when it has ended")]
    Busy,
    /// The filters could not be switched.
    #[error("the filters could not be switched: {0:#}")]
    Switch(anyhow::Error),
}

/// Ends the capture, also when whoever asked for it has gone.
struct Running<'a>(&'a Capture);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Err(error) = (self.0.switch)(false) {
            tracing::error!(error = format!("{error:#}"), "the filters of a capture stay on");
        }
        *self.0.recorder.lock() = None;
    }
}

impl Capture {
    pub(super) fn new(recorder: Recorder, switch: impl Fn(bool) -> anyhow::Result<()> + Send + Sync + 'static) -> Self {
        Self { recorder, switch: Arc::new(switch), turn: Arc::new(Semaphore::new(1)) }
    }

    /// What happens until `until` has come, as one JSON document.
    pub async fn record(&self, until: impl Future<Output = ()>) -> Result<String, Error> {
        let _turn = match self.turn.try_acquire() {
            Ok(turn) => turn,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => return Err(Error::Busy),
        };
        let running = Running(self);
        let recording = Recording { began: Instant::now(), events: String::new(), left_out: 0 };
        *self.recorder.lock() = Some(recording);
        (self.switch)(true).map_err(Error::Switch)?;
        until.await;
        let recorded = self.recorder.lock().take();
        drop(running);
        let Recording { events, left_out, .. } = recorded.ok_or(Error::Busy)?;
        Ok(format!(
            "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"left_out\":{left_out}}},\"traceEvents\":[\n{events}\n]}}\n"
        ))
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default = "three")]
    seconds: u64,
}

fn three() -> u64 {
    3
}

/// `/debug/trace`. A capture ends early with `cancel`.
pub fn routes(capture: Capture, cancel: CancellationToken) -> Router {
    Router::new().route("/debug/trace", get(trace)).with_state((capture, cancel))
}

async fn trace(
    State((capture, cancel)): State<(Capture, CancellationToken)>,
    Query(Asked { seconds }): Query<Asked>,
) -> Response {
    let time = Duration::from_secs(seconds);
    if time.is_zero() || time > LONGEST {
        let refused = format!("seconds={seconds}: ask for 1 to {}\n", LONGEST.as_secs());
        return (StatusCode::BAD_REQUEST, refused).into_response();
    }
    let until = async {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = cancel.cancelled() => {}
        }
    };
    match capture.record(until).await {
        Ok(document) => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        Err(error @ Error::Busy) => (StatusCode::CONFLICT, format!("{error}\n")).into_response(),
        Err(error @ Error::Switch(_)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
    use tracing_subscriber::EnvFilter;

    use super::*;
    use crate::tasks::About;
    use crate::telemetry::caught::Capture as Caught;
    use crate::telemetry::{Cause, Origin, Step, logs, subscriber};

    #[tokio::test]
    async fn a_capture_shows_the_steps_and_lines_of_its_time_and_none_before_or_after() {
        let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
        let lines = logs::build(true, false, Caught::default());
        let (subscriber, capture) = subscriber::build(EnvFilter::new("info"), lines, (provider, false));
        let _logging = tracing::subscriber::set_default(subscriber);
        let look = || Step::look(Cause::Policy, About::default());

        look().run(async { assert!(Origin::now().is_empty(), "nothing listens yet") }).await;
        let work = async {
            let work = async {
                Step::matching(About::default()).run(async { tracing::debug!(count = 3, "counted") }).await;
            };
            look().run(work).await;
            assert!(matches!(capture.record(async {}).await, Err(Error::Busy)), "one at a time");
        };
        let document: Value = serde_json::from_str(&capture.record(work).await.unwrap()).unwrap();
        look().run(async { assert!(Origin::now().is_empty(), "nothing listens any more") }).await;

        let events = document["traceEvents"].as_array().unwrap();
        let shown: Vec<_> =
            events.iter().map(|event| (event["ph"].as_str().unwrap(), event["name"].as_str().unwrap())).collect();
        assert_eq!(shown, [("b", "look"), ("b", "match"), ("n", "counted"), ("e", "match"), ("e", "look")]);
        assert!(events.iter().all(|event| event["id"] == events[0]["id"]), "one track: {document}");
        assert_eq!(events[2]["args"]["count"], 3);
        let trace = events[4]["args"]["trace_id"].as_str().unwrap();
        assert_eq!(trace.len(), 32, "{document}");
        assert_eq!(document["otherData"]["left_out"], 0);
        assert_eq!(capture.recorder.lock().as_ref().map(|_| ()), None, "nothing is kept");
    }

    #[tokio::test]
    async fn a_capture_that_nobody_waits_for_any_more_ends() {
        let provider = SdkTracerProvider::builder().build();
        let lines = logs::build(true, false, Caught::default());
        let (subscriber, capture) = subscriber::build(EnvFilter::new("info"), lines, (provider, false));
        let _logging = tracing::subscriber::set_default(subscriber);
        let gone = tokio::time::timeout(Duration::from_millis(5), capture.record(std::future::pending()));
        assert!(gone.await.is_err());
        assert!(capture.record(async {}).await.is_ok(), "the turn is free again");
    }

    #[tokio::test]
    async fn more_than_thirty_seconds_are_refused() {
        let lines = logs::build(true, false, Caught::default());
        let (_, capture) =
            subscriber::build(EnvFilter::new("info"), lines, (SdkTracerProvider::builder().build(), false));
        let state = State((capture, CancellationToken::new()));
        for seconds in [0, 31] {
            let answer = trace(state.clone(), Query(Asked { seconds })).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        }
    }
}
