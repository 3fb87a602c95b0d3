//! The life of a pod: what its next step is.
//!
//! Pure. In: a pod as last seen, and the time. Out: a [`Step`] for the worker to take. It must not know how a step is
//! taken, nor how it is written down: that is [`pod_status`](super::pod_status).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodStatus};
use kube::Resource;

/// Images below this are on no registry: their containers never start.
const MISSING_IMAGES: &str = "fake/";
/// How long a Job's pod works: long enough to be seen running, short enough not to be waited for.
const JOB_DURATION: Duration = Duration::from_secs(1);

/// What to do with a pod now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until the pod changes. Nothing of it may run.
    Rest,
    /// An image is missing: wait, say so.
    Hold,
    /// Run, for ever or until a look again after `finish_in`.
    Run { finish_in: Option<Duration> },
    /// All containers have ended: say so.
    End(Ending),
    /// Deleted and of no more use to anybody: drop the object.
    Remove,
}

/// How the containers of a pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By themselves, with success.
    Completed,
    /// Stopped, because the pod is deleted.
    Stopped,
}

/// The next step of `pod` at `now`.
pub fn decide(pod: &Pod, now: Timestamp) -> Step {
    if pod.metadata.deletion_timestamp.is_some() {
        return decide_deleted(pod);
    }
    if has_ended(pod) {
        return Step::Rest;
    }
    // A running container keeps running when its image is replaced by one that cannot be had.
    if !is_running(pod) && containers(pod).any(is_missing) {
        return Step::Hold;
    }
    if !is_owned_by_job(pod) {
        return Step::Run { finish_in: None };
    }
    match started_at(pod) {
        Some(start) if now >= start + JOB_DURATION => Step::End(Ending::Completed),
        _ => Step::Run { finish_in: Some(JOB_DURATION) },
    }
}

/// Whoever put a finalizer on the pod (a Job does) waits to learn how it ended, so that has to be said first. Once
/// the grace period is zero, the API server drops the object itself, with the last finalizer.
fn decide_deleted(pod: &Pod) -> Step {
    let is_finalized = pod.metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty());
    if is_finalized && !has_ended(pod) {
        Step::End(Ending::Stopped)
    } else if pod.metadata.deletion_grace_period_seconds == Some(0) {
        Step::Rest
    } else {
        Step::Remove
    }
}

/// Whether the pod is over for good.
pub fn has_ended(pod: &Pod) -> bool {
    matches!(phase(pod), Some("Succeeded" | "Failed"))
}

/// Whether `newer` was written after `older`. Resource versions of one object are numbers that grow (promised since
/// Kubernetes 1.35); where they are something else, the object that came last counts.
pub fn is_newer(newer: &Pod, older: &Pod) -> bool {
    let version = |pod: &Pod| pod.metadata.resource_version.as_deref()?.parse::<u64>().ok();
    match (version(newer), version(older)) {
        (Some(newer), Some(older)) => newer > older,
        _ => true,
    }
}

/// Whether the image of `container` can never be had.
pub fn is_missing(container: &Container) -> bool {
    container.image.as_deref().is_some_and(|image| image.starts_with(MISSING_IMAGES))
}

fn is_running(pod: &Pod) -> bool {
    phase(pod) == Some("Running")
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers))
}

fn is_owned_by_job(pod: &Pod) -> bool {
    pod.meta()
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.kind == "Job" && owner.api_version.starts_with("batch/") && owner.controller == Some(true))
}

/// When the last of the containers started.
fn started_at(pod: &Pod) -> Option<Timestamp> {
    let statuses = pod.status.as_ref().and_then(|status: &PodStatus| status.container_statuses.as_ref())?;
    let start = |status: &ContainerStatus| Some(status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0);
    statuses.iter().filter_map(start).max()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(change: Value) -> Pod {
        let mut value = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}});
        json_merge(&mut value, change);
        serde_json::from_value(value).unwrap()
    }

    fn json_merge(into: &mut Value, change: Value) {
        match (into, change) {
            (Value::Object(into), Value::Object(change)) => {
                for (key, value) in change {
                    json_merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, change) => *into = change,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn job_pod(status: &Value) -> Pod {
        let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": true});
        pod(json!({"metadata": {"ownerReferences": [owner]}, "status": status}))
    }

    fn deleted_pod(grace: i64, finalizers: &Value, phase: &str) -> Pod {
        pod(json!({
            "metadata": {"deletionTimestamp": at(0), "deletionGracePeriodSeconds": grace, "finalizers": finalizers},
            "status": {"phase": phase},
        }))
    }

    #[test]
    fn an_ordinary_pod_runs_for_ever() {
        assert_eq!(decide(&pod(json!({})), at(0)), Step::Run { finish_in: None });
        assert_eq!(decide(&pod(json!({"status": {"phase": "Running"}})), at(9999)), Step::Run { finish_in: None });
    }

    #[test]
    fn a_missing_image_holds_the_pod_whichever_container_wants_it() {
        let missing = json!([{"name": "x", "image": "fake/app:1"}]);
        assert_eq!(decide(&pod(json!({"spec": {"containers": missing}})), at(0)), Step::Hold);
        assert_eq!(decide(&pod(json!({"spec": {"initContainers": missing}})), at(0)), Step::Hold);
    }

    #[test]
    fn an_image_that_only_has_the_word_in_its_name_is_not_missing() {
        let other = json!([{"name": "x", "image": "registry.example/fake/app:1"}]);
        assert_eq!(decide(&pod(json!({"spec": {"containers": other}})), at(0)), Step::Run { finish_in: None });
    }

    #[test]
    fn a_running_pod_survives_a_missing_image() {
        let missing = json!([{"name": "x", "image": "fake/app:1"}]);
        let pod = pod(json!({"spec": {"containers": missing}, "status": {"phase": "Running"}}));
        assert_eq!(decide(&pod, at(0)), Step::Run { finish_in: None });
    }

    #[test]
    fn the_pod_of_a_job_runs_a_moment_and_completes() {
        let running = json!({"phase": "Running", "containerStatuses": [{
            "name": "c", "image": "nginx", "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": at(0)}},
        }]});
        assert_eq!(decide(&job_pod(&Value::Null), at(0)), Step::Run { finish_in: Some(JOB_DURATION) });
        assert_eq!(decide(&job_pod(&running), at(0)), Step::Run { finish_in: Some(JOB_DURATION) });
        assert_eq!(decide(&job_pod(&running), at(1)), Step::End(Ending::Completed));
    }

    #[test]
    fn a_pod_that_ended_rests() {
        for phase in ["Succeeded", "Failed"] {
            assert_eq!(decide(&pod(json!({"status": {"phase": phase}})), at(0)), Step::Rest);
        }
    }

    #[test]
    fn a_deleted_pod_is_removed_at_once() {
        assert_eq!(decide(&deleted_pod(30, &json!([]), "Running"), at(0)), Step::Remove);
        assert_eq!(decide(&deleted_pod(30, &json!([]), "Pending"), at(0)), Step::Remove);
    }

    #[test]
    fn a_deleted_pod_with_a_finalizer_ends_first_and_is_then_removed() {
        let finalizers = json!(["batch.kubernetes.io/job-tracking"]);
        assert_eq!(decide(&deleted_pod(30, &finalizers, "Running"), at(0)), Step::End(Ending::Stopped));
        assert_eq!(decide(&deleted_pod(30, &finalizers, "Failed"), at(0)), Step::Remove);
        assert_eq!(decide(&deleted_pod(0, &finalizers, "Failed"), at(0)), Step::Rest);
    }

    #[test]
    fn an_object_with_a_higher_version_is_newer_and_one_without_a_number_counts_as_newer() {
        let at_version = |version: &str| pod(json!({"metadata": {"resourceVersion": version}}));
        assert!(is_newer(&at_version("10"), &at_version("9")));
        assert!(!is_newer(&at_version("9"), &at_version("10")));
        assert!(!is_newer(&at_version("9"), &at_version("9")));
        assert!(is_newer(&at_version("a"), &at_version("10")));
    }
}
