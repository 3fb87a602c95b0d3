//! A panic becomes one log line; what happens next is for the task's owner
//! ([`crate::tasks::OnExit`]).

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};

/// The hook belongs to the process, and so does its count.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Panics since the process began.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Logs each panic of the process in one line: where, on which thread, and
/// what it said. Replaces the hook that prints several lines.
pub fn install() {
    panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let task = tokio::task::try_id().map(|id| id.to_string());
    tracing::error!(
        location,
        thread = thread.name().unwrap_or("unnamed"),
        tokio_task = task,
        reason = one_line(text(info.payload())),
        "panic"
    );
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing_subscriber::EnvFilter;

    use super::*;
    use crate::telemetry::capture::Capture;
    use crate::telemetry::logs::build_subscriber;

    #[test]
    fn a_panic_is_one_line_that_names_its_place() {
        let capture = Capture::default();
        let subscriber = build_subscriber(false, false, EnvFilter::new("info"), capture.clone());
        let previous = panic::take_hook();
        install();
        let thread = std::thread::Builder::new().name("doomed".into()).spawn(move || {
            let _logging = tracing::subscriber::set_default(subscriber);
            panic!("first\nsecond");
        });
        let result = thread.unwrap().join();
        panic::set_hook(previous);
        assert!(result.is_err());
        let lines = capture.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("panics.rs:") && lines[0].contains("doomed"), "{lines:?}");
        assert!(lines[0].contains("first | second"), "{lines:?}");
    }

    #[test]
    fn a_payload_of_another_type_is_said_to_have_no_message() {
        assert_eq!(text(&7_u8), "no message");
        assert_eq!(text(&"said"), "said");
        assert_eq!(text(&"said".to_owned()), "said");
    }

    #[test]
    fn a_caught_line_is_json_when_asked() {
        let capture = Capture::default();
        let subscriber = build_subscriber(true, false, EnvFilter::new("info"), capture.clone());
        tracing::subscriber::with_default(subscriber, || tracing::error!(reason = one_line("a\n  b"), "panic"));
        let line: Value = serde_json::from_str(&capture.lines()[0]).unwrap();
        assert_eq!(line["reason"], "a | b");
    }
}
