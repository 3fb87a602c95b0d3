//! The containers' part of a pod's status.
//!
//! Pure, like its parent. In: a pod, its stage and the time. Out: one status for each container.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    Pod,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Obstacle, Readiness, Stage};
use crate::kubelet::life::{Ending, is_missing};

/// 128 and the number of SIGKILL, as shells and Kubernetes count.
const KILLED: i32 = 137;

/// All containers of one pod.
pub struct Containers<'a> {
    pod: &'a Pod,
    stage: &'a Stage,
    now: &'a Time,
}

impl<'a> Containers<'a> {
    pub fn new(pod: &'a Pod, stage: &'a Stage, now: &'a Time) -> Self {
        Self { pod, stage, now }
    }

    /// The statuses of the ordinary containers.
    pub fn build_main(&self) -> Vec<ContainerStatus> {
        let waits_for_init = self.init().any(is_missing);
        self.main().map(|container| self.build(container, waits_for_init)).collect()
    }

    /// The statuses of the init containers; `None` for a pod without any.
    pub fn build_init(&self) -> Option<Vec<ContainerStatus>> {
        let statuses: Vec<_> = self.init().map(|container| self.build_one_init(container)).collect();
        (!statuses.is_empty()).then_some(statuses)
    }

    /// A sidecar lives as long as the pod; an ordinary init container is over before the others start.
    fn build_one_init(&self, container: &Container) -> ContainerStatus {
        let is_sidecar = container.restart_policy.as_deref() == Some("Always");
        if is_sidecar || matches!(self.stage, Stage::Held(_)) {
            return self.build(container, !is_missing(container));
        }
        let state = self.ended(container, 0, "Completed");
        ContainerStatus { ready: true, ..build_status(container, self.id(container), state) }
    }

    fn build(&self, container: &Container, waits_for_init: bool) -> ContainerStatus {
        let state = match self.stage {
            Stage::Held(obstacle) => return build_waiting(container, *obstacle, waits_for_init),
            Stage::Running(_) => running(self.started_at(container)),
            Stage::Ended(Ending::Completed) => self.ended(container, 0, "Completed"),
            Stage::Ended(Ending::Stopped) => self.ended(container, KILLED, "Error"),
        };
        let is_running = state.running.is_some();
        ContainerStatus {
            ready: *self.stage == Stage::Running(Readiness::Ready),
            started: Some(is_running),
            ..build_status(container, self.id(container), state)
        }
    }

    fn ended(&self, container: &Container, exit_code: i32, reason: &str) -> ContainerState {
        let former = self.current(container).and_then(|status| status.state.as_ref()?.terminated.as_ref());
        let finished_at = former.and_then(|state| state.finished_at.clone());
        let terminated = ContainerStateTerminated {
            container_id: Some(self.id(container)),
            exit_code,
            finished_at: Some(finished_at.unwrap_or_else(|| self.now.clone())),
            reason: Some(reason.to_owned()),
            started_at: Some(self.started_at(container)),
            ..ContainerStateTerminated::default()
        };
        ContainerState { terminated: Some(terminated), ..ContainerState::default() }
    }

    fn started_at(&self, container: &Container) -> Time {
        let state = self.current(container).and_then(|status| status.state.as_ref());
        let running = state.and_then(|state| state.running.as_ref()?.started_at.clone());
        let ended = || state.and_then(|state| state.terminated.as_ref()?.started_at.clone());
        running.or_else(ended).unwrap_or_else(|| self.now.clone())
    }

    /// What the pod's status says about the container.
    fn current(&self, container: &Container) -> Option<&'a ContainerStatus> {
        let status = self.pod.status.as_ref()?;
        let mut all = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
        all.find(|status| status.name == container.name)
    }

    fn id(&self, container: &Container) -> String {
        let uid = self.pod.metadata.uid.as_deref().unwrap_or_default();
        format!("stand-in://{uid}/{}", container.name)
    }

    fn main(&self) -> impl Iterator<Item = &'a Container> {
        self.pod.spec.iter().flat_map(|spec| &spec.containers)
    }

    fn init(&self) -> impl Iterator<Item = &'a Container> {
        self.pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten())
    }
}

fn build_status(container: &Container, id: String, state: ContainerState) -> ContainerStatus {
    let image = container.image.clone().unwrap_or_default();
    ContainerStatus {
        container_id: Some(id),
        image_id: format!("stand-in://{image}"),
        image,
        last_state: Some(never()),
        name: container.name.clone(),
        restart_count: 0,
        started: Some(false),
        state: Some(state),
        ..ContainerStatus::default()
    }
}

fn build_waiting(container: &Container, obstacle: Obstacle, waits_for_init: bool) -> ContainerStatus {
    let image = container.image.clone().unwrap_or_default();
    let (reason, message) = match obstacle {
        Obstacle::MissingImage if is_missing(container) => {
            ("ImagePullBackOff", Some(format!("the image {image:?} is on no registry; waiting to ask again")))
        }
        _ if waits_for_init => ("PodInitializing", None),
        _ => ("ContainerCreating", None),
    };
    let waiting = ContainerStateWaiting { message, reason: Some(reason.to_owned()) };
    ContainerStatus {
        image,
        last_state: Some(never()),
        name: container.name.clone(),
        started: Some(false),
        state: Some(ContainerState { waiting: Some(waiting), ..ContainerState::default() }),
        ..ContainerStatus::default()
    }
}

fn running(started_at: Time) -> ContainerState {
    let running = ContainerStateRunning { started_at: Some(started_at) };
    ContainerState { running: Some(running), ..ContainerState::default() }
}

/// The state of a life that was not lived. The API server answers with it where nothing is said, so it is said.
fn never() -> ContainerState {
    ContainerState::default()
}
