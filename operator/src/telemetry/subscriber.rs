//! Who listens to log lines and spans: the lines, the traces, a capture.
//!
//! Each has its own filter. Steps are of level debug, so while neither a
//! collector nor a capture nor the log filter asks for them, one comparison of
//! levels is all that a step costs here.

use std::sync::Arc;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use super::capture::{self, Capture};
use super::export::{self, Export};
use super::logs::{self, Lines};
use super::metrics::counters::Counters;
use super::metrics::{Metrics, TaskMetrics, Telling};
use super::steps;
use crate::args::Run;
use crate::tasks::TaskKind;

/// What the whole process has of telemetry, whatever becomes of the hub.
#[derive(Clone)]
pub struct Telemetry {
    /// Live traces.
    pub capture: Capture,
    /// Sends spans, when a collector is configured.
    pub export: Option<Arc<Export>>,
    /// What is told and what is let go.
    pub telling: Telling,
    /// Panics, by the kind of task.
    pub panics: Counters<TaskKind>,
}

impl Telemetry {
    /// The metrics of one life: what the process counts is counted on.
    pub fn metrics(&self) -> Metrics {
        let tasks = TaskMetrics { panics: self.panics.clone() };
        Metrics { tasks, telling: self.telling.clone(), ..Metrics::default() }
    }
}

/// Starts it all. An error names the flag or variable that cannot be read.
pub fn start(settings: &Run) -> anyhow::Result<Telemetry> {
    let telling = Telling::default();
    let filter = logs::filter()?;
    let given = export::Given::read(settings.otlp_endpoint.as_deref());
    let (queue, export) = export::open(&given, &telling)?.unzip();
    let (subscriber, capture) = build(filter, logs::lines(settings.log_format), provider(queue));
    subscriber.try_init().context("logging was started twice")?;
    Ok(Telemetry { capture, export: export.map(Arc::new), telling, panics: Counters::default() })
}

/// Log lines and nothing else, for commands that end by themselves.
pub fn log_only() -> anyhow::Result<()> {
    let lines = logs::lines(logs::Format::Auto).with_filter(logs::filter()?);
    tracing_subscriber::registry().with(lines).try_init().context("logging was started twice")
}

/// Without a collector traces still have ids, for log lines and captures.
fn provider(queue: Option<export::Queue>) -> (SdkTracerProvider, bool) {
    let builder = SdkTracerProvider::builder();
    match queue {
        Some(queue) => (builder.with_resource(export::resource()).with_span_processor(queue).build(), true),
        None => (builder.with_sampler(Sampler::AlwaysOff).build(), false),
    }
}

type Base = tracing_subscriber::Registry;

/// The subscriber, and the switch of its capture. `traces`: who makes spans of
/// steps, and whether they are sent.
pub(super) fn build(
    filter: EnvFilter,
    lines: Lines<Base>,
    traces: (SdkTracerProvider, bool),
) -> (impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync, Capture) {
    let (provider, sent) = traces;
    // Where lines may be inside of steps, the steps have ids.
    let always = sent || filter.max_level_hint().is_none_or(|level| level >= LevelFilter::DEBUG);
    let usual = if always { of_steps() } else { Targets::new() };
    let (trace_filter, trace_switch) = reload::Layer::new(usual.clone());
    // A line knows of a step only when its own filter lets the step through.
    let (line_filter, line_switch) = reload::Layer::new(usual.clone());
    let (capture_filter, capture_switch) = reload::Layer::new(Targets::new());
    let steps = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("atoll"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false);
    let recorder = capture::Recorder::default();
    let layers: Vec<Lines<Base>> = vec![
        lines.with_filter(filter.or(line_filter)).boxed(),
        steps.with_filter(trace_filter).boxed(),
        recorder.clone().with_filter(capture_filter).boxed(),
    ];
    let switch = move |on: bool| {
        let (of_traces, of_capture) =
            if on { (of_steps(), capture::listens_to()) } else { (usual.clone(), Targets::new()) };
        // Traces first: a captured step has its id.
        trace_switch.reload(of_traces.clone()).context("switching the filter of traces")?;
        line_switch.reload(of_traces).context("switching the filter of log lines")?;
        capture_switch.reload(of_capture).context("switching the filter of the capture")
    };
    (tracing_subscriber::registry().with(layers), Capture::new(recorder, switch))
}

fn of_steps() -> Targets {
    Targets::new().with_target(steps::TARGET, LevelFilter::DEBUG)
}
