//! A panic becomes one log line that says where the work was; what happens
//! next is for the task's kind ([`crate::tasks::TaskKind`]).

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::{Once, PoisonError, RwLock};

use crate::tasks::scope::{self, Place};

type ReadVersion = Box<dyn Fn() -> Option<u64> + Send + Sync>;

static MAP_VERSION: RwLock<Option<ReadVersion>> = RwLock::new(None);

/// Logs each panic of the process in one line, and counts it for its task.
/// Replaces the hook that prints several lines; in tests it speaks beside that.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let earlier = cfg!(test).then(panic::take_hook);
        panic::set_hook(Box::new(move |info| {
            log(info);
            if let Some(earlier) = &earlier {
                earlier(info);
            }
        }));
    });
}

/// From now on a panic says which version of the fleet map was published.
pub fn read_map_version(read: impl Fn() -> Option<u64> + Send + Sync + 'static) {
    *MAP_VERSION.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(read));
}

fn log(info: &PanicHookInfo<'_>) {
    scope::count_panic();
    let Place { task, steps } = &Place::now();
    let place = Place { task: None, steps: steps.clone() };
    // Whoever panics while it reads the version must not wait for itself.
    let version = MAP_VERSION.try_read().ok().and_then(|read| read.as_ref().and_then(|read| read()));
    let cluster = place.find(|step| step.about.cluster.as_ref());
    let cluster = cluster.or_else(|| task.as_ref().and_then(|task| task.cluster.as_ref()));
    let thread = std::thread::current();
    let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
    tracing::error!(
        task = task.as_ref().map(|task| tracing::field::display(task.kind)),
        subject = task.as_ref().and_then(|task| task.subject.as_deref()),
        cluster = cluster.map(tracing::field::display),
        object = place.find(|step| step.about.object.as_ref()).map(tracing::field::display),
        policy = place.find(|step| step.about.policy.as_ref()).map(tracing::field::display),
        binding = place.find(|step| step.about.binding.as_ref()).map(tracing::field::display),
        trace_id = place.find(|step| step.trace_id.as_deref()),
        steps = Some(steps.join(" > ")).filter(|steps| !steps.is_empty()),
        map_version = version,
        location = info.location().map(ToString::to_string),
        thread = thread.name().unwrap_or("unnamed"),
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
    use crate::tasks::{About, TaskKind, Tasks};
    use crate::telemetry::caught::Capture;
    use crate::telemetry::logs::build_subscriber;
    use crate::telemetry::metrics::counters::Counters;
    use crate::telemetry::{Cause, Step};

    /// Panics in the places that a worker on a template goes through; returns
    /// the lines that were logged, as JSON.
    fn panic_in_a_task() -> Vec<Value> {
        use atoll_decide::ids::{ClusterName, Gvk, ObjectKey};
        use atoll_decide::matching::PolicyRef;

        let capture = Capture::default();
        let subscriber = build_subscriber(true, false, EnvFilter::new("info"), capture.clone());
        let _logging = tracing::subscriber::set_default(subscriber);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let panics = Counters::default();
            let tasks = Tasks::root(panics.clone());
            tasks.spawn_once(TaskKind::Debug, async {
                let gvk = Gvk::from_api_version("v1", "ConfigMap");
                let key = ObjectKey { gvk, namespace: Some("a".into()), name: "b".into() };
                let work = async {
                    let about = About::object(&key).under(Some(PolicyRef::namespaced("a", "p")));
                    let step = Step::scheduling(about.on(&ClusterName::new("m1")));
                    step.run(async { panic!("first\nsecond") }).await;
                };
                Step::look(Cause::Policy, About::object(&key)).run(work).await;
            });
            tasks.stop(std::time::Duration::from_secs(5)).await;
            assert_eq!(panics.get(TaskKind::Debug), 1, "it is counted once");
        });
        capture.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_panic_is_one_line_that_says_where_the_work_was() {
        install();
        read_map_version(|| Some(41));
        let lines = panic_in_a_task();
        *MAP_VERSION.write().unwrap() = None;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!(line["task"], "debug");
        assert_eq!(line["object"], "ConfigMap a/b");
        assert_eq!(line["cluster"], "m1");
        assert_eq!(line["map_version"], 41);
        assert_eq!(line["reason"], "first | second");
        assert!(line["policy"].as_str().unwrap().contains("a/p"), "{line}");
        assert!(line["location"].as_str().unwrap().contains("panics.rs:"), "{line}");
        let steps = line["steps"].as_str().unwrap();
        assert!(
            steps.starts_with("policy_changed{object=ConfigMap a/b} > schedule{object=ConfigMap a/b, cluster=m1"),
            "{steps}"
        );
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
