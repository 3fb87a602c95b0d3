//! Log set-up: text for a person at a terminal, JSON for a machine.
//!
//! Lines go to standard error; standard output belongs to what a command
//! prints as its result.

use std::env;
use std::fmt;
use std::io::IsTerminal;

use anyhow::Context;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::{EnvFilter, Layer};

/// What is logged when nobody says anything. The client library calls each
/// unanswered request an error, and each watch that breaks; to us they are
/// evidence about a member, or told once, where they are judged.
const DEFAULT_FILTER: &str = "info,kube_client=off,kube_runtime::watcher=off";

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For a person.
    Human,
    /// One JSON object per line.
    Json,
}

impl Format {
    fn is_json(self, terminal: bool) -> bool {
        match self {
            Self::Auto => !terminal,
            Self::Human => false,
            Self::Json => true,
        }
    }
}

/// What is logged, said by `ATOLL_LOG`, else by `RUST_LOG` (for example
/// `info,atoll::members=debug`).
///
/// An error names the variable whose filter cannot be read.
pub fn filter() -> anyhow::Result<EnvFilter> {
    build_filter(env::var("ATOLL_LOG").ok().as_deref(), env::var("RUST_LOG").ok().as_deref())
}

/// The lines, to standard error.
pub fn lines<S>(format: Format) -> Lines<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let terminal = std::io::stderr().is_terminal();
    build(format.is_json(terminal), terminal, std::io::stderr)
}

/// A layer that writes lines.
pub type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

fn build_filter(atoll_log: Option<&str>, rust_log: Option<&str>) -> anyhow::Result<EnvFilter> {
    let variables = [("ATOLL_LOG", atoll_log), ("RUST_LOG", rust_log)];
    let given = variables.into_iter().find_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
    let (name, text) = given.unwrap_or(("the default filter", DEFAULT_FILTER));
    EnvFilter::try_new(text).with_context(|| format!("{name}={text:?} is no log filter"))
}

pub(super) fn build<S, W>(json: bool, colours: bool, writer: W) -> Lines<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    if json { lines.fmt_fields(JsonFields::new()).event_format(JsonLines).boxed() } else { lines.boxed() }
}

#[cfg(test)]
pub(super) fn build_subscriber<W>(
    json: bool,
    colours: bool,
    filter: EnvFilter,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    use tracing_subscriber::layer::SubscriberExt;
    Box::new(tracing_subscriber::registry().with(build(json, colours, writer).with_filter(filter)))
}

/// One flat JSON object per line, so that `jq .cluster` works: what an event
/// says goes before what the spans around it say, the inner before the outer.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        let mut spans = Vec::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            spans.push(Value::from(span.name()));
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.extend(serde_json::from_str::<Map<String, Value>>(fields).unwrap_or_default());
            }
        }
        event.record(&mut Fields(&mut line));
        let metadata = event.metadata();
        line.insert("timestamp".into(), Timestamp::now().to_string().into());
        line.insert("level".into(), metadata.level().as_str().into());
        line.insert("target".into(), metadata.target().into());
        if !spans.is_empty() {
            line.insert("spans".into(), spans.into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Folds fields into a JSON object.
pub(super) struct Fields<'a>(pub &'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::*;
    use crate::telemetry::caught::Capture;

    #[test]
    fn auto_is_human_on_a_terminal_and_json_otherwise() {
        assert!(!Format::Auto.is_json(true));
        assert!(Format::Auto.is_json(false));
        assert!(Format::Json.is_json(true));
        assert!(!Format::Human.is_json(false));
    }

    #[test]
    fn our_own_variable_goes_before_the_common_one() {
        assert_eq!(build_filter(Some("debug"), Some("warn")).unwrap().to_string(), "debug");
        assert_eq!(build_filter(Some(""), Some("warn")).unwrap().to_string(), "warn");
        assert!(build_filter(None, None).unwrap().to_string().contains("info"));
        let error = build_filter(None, Some("atoll=loud")).unwrap_err();
        assert!(error.to_string().contains("RUST_LOG"), "{error}");
    }

    #[test]
    fn a_json_line_has_the_fields_of_the_event_and_of_its_spans() {
        let capture = Capture::default();
        let subscriber = build_subscriber(true, false, EnvFilter::new("info"), capture.clone());
        with_default(subscriber, || {
            let span = tracing::info_span!("apply", cluster = "m1").entered();
            tracing::info!(object = "ConfigMap a/b", "applied");
            tracing::debug!("left out");
            drop(span);
        });
        let lines = capture.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], "applied");
        assert_eq!(line["object"], "ConfigMap a/b");
        assert_eq!(line["cluster"], "m1");
        assert_eq!(line["spans"], serde_json::json!(["apply"]));
    }
}
