//! The status of a pod.
//!
//! Pure. In: a pod as last seen, where it is, the stage it has reached, and the time. Out: the part of its status that
//! a kubelet owns. What the pod's status already says is kept where it still holds (times above all), so that building
//! twice gives the same and a restart writes nothing. It must not decide the stage: [`life`](super::life) does.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, Pod, PodCondition, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use self::containers::Containers;
use super::life::Ending;

mod containers;

/// Where a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node's address.
    pub node: Ipv4Addr,
    /// The pod's own, once it has one.
    pub pod: Option<Ipv4Addr>,
}

/// How far a pod has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It cannot start yet.
    Held(Obstacle),
    /// Its containers run.
    Running(Readiness),
    /// They have ended.
    Ended(Ending),
}

/// What a pod waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// An image that is on no registry.
    MissingImage,
    /// A free address of the pod network.
    NoAddress,
}

/// Whether a running pod takes traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// It does not, for this reason.
    NotReady(String),
}

/// Builds what the kubelet has to say about `pod`.
pub fn build(pod: &Pod, place: Place, stage: &Stage, now: Timestamp) -> PodStatus {
    let now = Time(to_seconds(now));
    let current = pod.status.as_ref();
    let containers = Containers::new(pod, stage, &now);
    let address = place.pod.map(|address| address.to_string());
    let node = place.node.to_string();
    PodStatus {
        conditions: Some(build_conditions(pod, stage, &now)),
        container_statuses: Some(containers.build_main()),
        init_container_statuses: containers.build_init(),
        host_ips: Some(vec![HostIP { ip: node.clone() }]),
        host_ip: Some(node),
        observed_generation: pod.metadata.generation,
        phase: Some(phase_of(stage).to_owned()),
        pod_ips: address.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip: address,
        start_time: Some(current.and_then(|status| status.start_time.clone()).unwrap_or(now)),
        ..PodStatus::default()
    }
}

/// Whether all that `status` says is already in the pod's own status. What others say there (conditions of their own)
/// does not matter.
pub fn is_reported(pod: &Pod, status: &PodStatus) -> bool {
    let Some(current) = &pod.status else { return false };
    let conditions = current.conditions.as_deref().unwrap_or_default();
    let has_address = status.pod_ip.is_none() || (current.pod_ip == status.pod_ip && current.pod_ips == status.pod_ips);
    has_address
        && status.conditions.iter().flatten().all(|condition| conditions.contains(condition))
        && current.phase == status.phase
        && current.host_ip == status.host_ip
        && current.host_ips == status.host_ips
        && current.start_time == status.start_time
        && current.observed_generation == status.observed_generation
        && current.container_statuses == status.container_statuses
        && current.init_container_statuses == status.init_container_statuses
}

/// The strategic merge patch that makes `status` true of `pod`, and of no later pod of its name. A merge keeps what it
/// is not told, so reasons and messages that are no more are taken away by name, and addresses replace the former ones.
pub fn build_patch(pod: &Pod, status: &PodStatus) -> serde_json::Result<Value> {
    let mut status = serde_json::to_value(status)?;
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        for optional in ["reason", "message"] {
            if condition.get(optional).is_none() {
                condition[optional] = Value::Null;
            }
        }
    }
    for list in ["podIPs", "hostIPs"] {
        if let Some(addresses) = status.get_mut(list).and_then(Value::as_array_mut) {
            addresses.push(json!({"$patch": "replace"}));
        }
    }
    Ok(json!({"metadata": {"uid": pod.metadata.uid}, "status": status}))
}

fn phase_of(stage: &Stage) -> &'static str {
    match stage {
        Stage::Held(_) => "Pending",
        Stage::Running(_) => "Running",
        Stage::Ended(Ending::Completed) => "Succeeded",
        Stage::Ended(Ending::Stopped) => "Failed",
    }
}

/// Times of the API have no fractions; one that had them would differ from itself read back.
fn to_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A condition's verdict: when it does not hold, why.
type Verdict = Result<(), (&'static str, String)>;

fn build_conditions(pod: &Pod, stage: &Stage, now: &Time) -> Vec<PodCondition> {
    let ready = containers_ready(pod, stage);
    let verdicts = [
        ("PodScheduled", Ok(())),
        ("Initialized", initialized(pod, stage)),
        ("ContainersReady", ready.clone()),
        ("Ready", ready.and_then(|()| gates_open(pod))),
    ];
    verdicts.into_iter().map(|(type_, verdict)| build_condition(pod, type_, verdict, now)).collect()
}

fn build_condition(pod: &Pod, type_: &str, verdict: Verdict, now: &Time) -> PodCondition {
    let current = find_condition(pod, type_);
    let status = if verdict.is_ok() { "True" } else { "False" };
    let since = current.filter(|condition| condition.status == status);
    let (reason, message) = verdict.err().map(|(reason, message)| (reason.to_owned(), message)).unzip();
    PodCondition {
        // The scheduler writes this one with a generation of its own; taking it over spares a write.
        observed_generation: current.and_then(|condition| condition.observed_generation),
        last_transition_time: Some(since.and_then(|it| it.last_transition_time.clone()).unwrap_or_else(|| now.clone())),
        last_probe_time: None,
        message: message.filter(|message| !message.is_empty()),
        reason,
        status: status.to_owned(),
        type_: type_.to_owned(),
    }
}

fn find_condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

fn initialized(pod: &Pod, stage: &Stage) -> Verdict {
    let waits = pod.spec.iter().any(|spec| spec.init_containers.as_ref().is_some_and(|init| !init.is_empty()));
    match stage {
        Stage::Held(_) if waits => Err(("ContainersNotInitialized", "init containers have not run yet".to_owned())),
        _ => Ok(()),
    }
}

fn containers_ready(pod: &Pod, stage: &Stage) -> Verdict {
    match stage {
        Stage::Running(Readiness::Ready) => Ok(()),
        Stage::Running(Readiness::NotReady(why)) => Err(("ContainersNotReady", why.clone())),
        Stage::Held(Obstacle::NoAddress) => {
            Err(("ContainersNotReady", "no address of the pod network is free".to_owned()))
        }
        Stage::Held(Obstacle::MissingImage) => {
            let names: Vec<_> = pod.spec.iter().flat_map(|spec| &spec.containers).map(|it| it.name.as_str()).collect();
            Err(("ContainersNotReady", format!("containers with unready status: [{}]", names.join(" "))))
        }
        Stage::Ended(Ending::Completed) => Err(("PodCompleted", String::new())),
        Stage::Ended(Ending::Stopped) => Err(("PodFailed", String::new())),
    }
}

fn gates_open(pod: &Pod) -> Verdict {
    let mut gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let is_open = |gate: &str| find_condition(pod, gate).is_some_and(|condition| condition.status == "True");
    match gates.find(|gate| !is_open(&gate.condition_type)) {
        None => Ok(()),
        Some(gate) => Err(("ReadinessGatesNotReady", format!("the condition {} is not True", gate.condition_type))),
    }
}

#[cfg(test)]
mod tests;
