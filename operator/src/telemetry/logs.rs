//! Log set-up: text for a person at a terminal, JSON for a machine.
//!
//! Lines go to standard error; standard output belongs to what a command
//! prints as its result.

use std::env;
use std::io::IsTerminal;

use anyhow::Context;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

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

/// Starts logging for the whole process. What is logged is said by
/// `ATOLL_LOG`, else by `RUST_LOG` (for example `info,atoll::members=debug`).
///
/// An error names the variable whose filter cannot be read.
pub fn init(format: Format) -> anyhow::Result<()> {
    let filter = build_filter(env::var("ATOLL_LOG").ok().as_deref(), env::var("RUST_LOG").ok().as_deref())?;
    let terminal = std::io::stderr().is_terminal();
    build_subscriber(format.is_json(terminal), terminal, filter, std::io::stderr)
        .try_init()
        .context("logging was started twice")
}

fn build_filter(atoll_log: Option<&str>, rust_log: Option<&str>) -> anyhow::Result<EnvFilter> {
    let variables = [("ATOLL_LOG", atoll_log), ("RUST_LOG", rust_log)];
    let given = variables.into_iter().find_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
    let (name, text) = given.unwrap_or(("the default filter", DEFAULT_FILTER));
    EnvFilter::try_new(text).with_context(|| format!("{name}={text:?} is no log filter"))
}

pub(super) fn build_subscriber<W>(
    json: bool,
    colours: bool,
    filter: EnvFilter,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    if json {
        // Flat, so that `jq .cluster` works; spans carry cluster and object.
        Box::new(lines.json().flatten_event(true).with_current_span(false).with_span_list(true).finish())
    } else {
        Box::new(lines.finish())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::*;
    use crate::telemetry::capture::Capture;

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
        assert_eq!(line["spans"][0]["cluster"], "m1");
    }
}
