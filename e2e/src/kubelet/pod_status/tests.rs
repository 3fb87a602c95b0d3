use k8s_openapi::api::core::v1::ContainerStatus;
use serde_json::{Value, json};

use super::*;

const PLACE: Place = Place { node: Ipv4Addr::new(198, 18, 128, 10), pod: Some(Ipv4Addr::new(198, 19, 0, 2)) };
const NOWHERE: Place = Place { pod: None, ..PLACE };
const READY: Stage = Stage::Running(Readiness::Ready);
const MISSING: Stage = Stage::Held(Obstacle::MissingImage);

fn pod(spec: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "p", "uid": "u1", "generation": 3},
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "BestEffort", "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(-5), "observedGeneration": 1},
        ]},
    }))
    .unwrap()
}

fn plain() -> Pod {
    pod(&json!({"containers": [{"name": "c", "image": "nginx:1"}]}))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// The pod after the kubelet's word has been merged into it, as the API server does it.
fn reported(mut pod: Pod, status: PodStatus) -> Pod {
    let current = pod.status.get_or_insert_default();
    let mut conditions = current.conditions.take().unwrap_or_default();
    conditions.retain(|old| !status.conditions.iter().flatten().any(|new| new.type_ == old.type_));
    conditions.extend(status.conditions.clone().unwrap_or_default());
    let mut status = status;
    for container in status.container_statuses.iter_mut().chain(&mut status.init_container_statuses).flatten() {
        container.last_state.get_or_insert_default();
    }
    pod.status = Some(PodStatus { conditions: Some(conditions), qos_class: current.qos_class.take(), ..status });
    pod
}

fn condition<'a>(status: &'a PodStatus, type_: &str) -> &'a PodCondition {
    status.conditions.iter().flatten().find(|condition| condition.type_ == type_).unwrap()
}

fn only(statuses: Option<&Vec<ContainerStatus>>) -> &ContainerStatus {
    let [status] = statuses.unwrap().as_slice() else { panic!("one container expected") };
    status
}

fn waiting_reason(status: &ContainerStatus) -> &str {
    status.state.as_ref().unwrap().waiting.as_ref().unwrap().reason.as_deref().unwrap()
}

#[test]
fn a_ready_pod_says_all_a_client_looks_for() {
    let status = build(&plain(), PLACE, &READY, at(0));
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip.as_deref(), Some("198.19.0.2"));
    assert_eq!(status.pod_ips.as_deref(), Some(&[PodIP { ip: "198.19.0.2".to_owned() }][..]));
    assert_eq!(status.host_ip.as_deref(), Some("198.18.128.10"));
    assert_eq!(status.start_time, Some(Time(at(0))));
    assert_eq!(status.observed_generation, Some(3));
    for type_ in ["PodScheduled", "Initialized", "ContainersReady", "Ready"] {
        assert_eq!(condition(&status, type_).status, "True", "{type_}");
    }
    let container = only(status.container_statuses.as_ref());
    assert!(container.ready && container.started == Some(true) && container.restart_count == 0);
    assert_eq!((container.image.as_str(), container.image_id.as_str()), ("nginx:1", "stand-in://nginx:1"));
    assert_eq!(container.state.as_ref().unwrap().running.as_ref().unwrap().started_at, Some(Time(at(0))));
}

#[test]
fn what_was_reported_is_not_reported_again() {
    for stage in [READY, MISSING, Stage::Ended(Ending::Completed), Stage::Ended(Ending::Stopped)] {
        let status = build(&plain(), PLACE, &stage, at(0));
        assert!(!is_reported(&plain(), &status), "{stage:?}");
        let pod = reported(plain(), status.clone());
        let again = build(&pod, PLACE, &stage, at(60));
        assert_eq!(again, status, "{stage:?}");
        assert!(is_reported(&pod, &again), "{stage:?}");
    }
}

#[test]
fn a_new_generation_is_reported() {
    let mut pod = reported(plain(), build(&plain(), PLACE, &READY, at(0)));
    pod.metadata.generation = Some(4);
    assert!(!is_reported(&pod, &build(&pod, PLACE, &READY, at(9))));
}

#[test]
fn times_have_no_fractions() {
    let now = at(0) + jiff::SignedDuration::from_millis(700);
    assert_eq!(build(&plain(), PLACE, &READY, now).start_time, Some(Time(at(0))));
}

#[test]
fn the_scheduler_s_condition_is_left_as_it_is() {
    let status = build(&plain(), PLACE, &READY, at(0));
    let scheduled = condition(&status, "PodScheduled");
    assert_eq!(scheduled.last_transition_time, Some(Time(at(-5))));
    assert_eq!(scheduled.observed_generation, Some(1));
}

#[test]
fn losing_readiness_moves_only_the_conditions_that_depend_on_it() {
    let pod = reported(plain(), build(&plain(), PLACE, &READY, at(0)));
    let stage = Stage::Running(Readiness::NotReady("198.19.0.2:80 does not answer".to_owned()));
    let status = build(&pod, PLACE, &stage, at(9));
    for type_ in ["ContainersReady", "Ready"] {
        let condition = condition(&status, type_);
        assert_eq!(condition.status, "False");
        assert_eq!(condition.last_transition_time, Some(Time(at(9))));
        assert_eq!(condition.message.as_deref(), Some("198.19.0.2:80 does not answer"));
    }
    assert_eq!(condition(&status, "Initialized").last_transition_time, Some(Time(at(0))));
    let container = only(status.container_statuses.as_ref());
    assert!(!container.ready);
    assert_eq!(container.state.as_ref().unwrap().running.as_ref().unwrap().started_at, Some(Time(at(0))));
}

#[test]
fn a_missing_image_keeps_the_pod_pending() {
    let pod = pod(&json!({"containers": [{"name": "c", "image": "fake/app"}, {"name": "d", "image": "nginx"}]}));
    let status = build(&pod, NOWHERE, &MISSING, at(0));
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    assert_eq!(status.pod_ip, None);
    assert_eq!(condition(&status, "Ready").status, "False");
    let reasons: Vec<_> = status.container_statuses.iter().flatten().map(waiting_reason).collect();
    assert_eq!(reasons, ["ImagePullBackOff", "ContainerCreating"]);
}

#[test]
fn a_missing_image_of_an_init_container_holds_the_others_back() {
    let pod = pod(&json!({
        "initContainers": [{"name": "i", "image": "fake/app"}],
        "containers": [{"name": "c", "image": "nginx"}],
    }));
    let status = build(&pod, NOWHERE, &MISSING, at(0));
    assert_eq!(waiting_reason(only(status.init_container_statuses.as_ref())), "ImagePullBackOff");
    assert_eq!(waiting_reason(only(status.container_statuses.as_ref())), "PodInitializing");
    assert_eq!(condition(&status, "Initialized").status, "False");
}

#[test]
fn init_containers_are_over_once_the_pod_runs_and_sidecars_are_not() {
    let spec = |policy: Value| {
        json!({
            "initContainers": [{"name": "i", "image": "busybox", "restartPolicy": policy}],
            "containers": [{"name": "c", "image": "nginx"}],
        })
    };
    let state = |policy| {
        let status = build(&pod(&spec(policy)), PLACE, &READY, at(0));
        let init = only(status.init_container_statuses.as_ref());
        assert!(init.ready);
        init.state.clone().unwrap()
    };
    assert_eq!(state(Value::Null).terminated.unwrap().exit_code, 0);
    assert!(state(json!("Always")).running.is_some());
}

#[test]
fn an_ended_pod_says_how_it_ended_and_when_it_began() {
    let pod = reported(plain(), build(&plain(), PLACE, &READY, at(0)));
    for (ending, phase, code) in [(Ending::Completed, "Succeeded", 0), (Ending::Stopped, "Failed", 137)] {
        let status = build(&pod, PLACE, &Stage::Ended(ending), at(2));
        assert_eq!(status.phase.as_deref(), Some(phase));
        assert_eq!(condition(&status, "Ready").status, "False");
        let container = only(status.container_statuses.as_ref());
        let end = container.state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!((end.exit_code, &end.started_at, &end.finished_at), (code, &Some(Time(at(0))), &Some(Time(at(2)))));
    }
}

#[test]
fn a_closed_readiness_gate_keeps_the_pod_from_being_ready() {
    let mut pod = pod(&json!({
        "containers": [{"name": "c", "image": "nginx"}],
        "readinessGates": [{"conditionType": "example.com/open"}],
    }));
    let status = build(&pod, PLACE, &READY, at(0));
    assert_eq!(condition(&status, "ContainersReady").status, "True");
    assert_eq!(condition(&status, "Ready").reason.as_deref(), Some("ReadinessGatesNotReady"));
    let open =
        PodCondition { type_: "example.com/open".to_owned(), status: "True".to_owned(), ..PodCondition::default() };
    pod.status.as_mut().unwrap().conditions.as_mut().unwrap().push(open);
    assert_eq!(condition(&build(&pod, PLACE, &READY, at(0)), "Ready").status, "True");
}

#[test]
fn a_patch_takes_away_what_no_longer_holds() {
    let patch = build_patch(&plain(), &build(&plain(), PLACE, &READY, at(0))).unwrap();
    assert_eq!(patch["metadata"]["uid"], "u1");
    for condition in patch["status"]["conditions"].as_array().unwrap() {
        assert_eq!((condition.get("reason"), condition.get("message")), (Some(&Value::Null), Some(&Value::Null)));
    }
    assert_eq!(patch["status"]["podIPs"], json!([{"ip": "198.19.0.2"}, {"$patch": "replace"}]));
}

#[test]
fn a_patch_keeps_the_reasons_that_hold() {
    let stage = Stage::Running(Readiness::NotReady("silence".to_owned()));
    let patch = build_patch(&plain(), &build(&plain(), PLACE, &stage, at(0))).unwrap();
    let conditions = patch["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    assert_eq!((&ready["reason"], &ready["message"]), (&json!("ContainersNotReady"), &json!("silence")));
}
