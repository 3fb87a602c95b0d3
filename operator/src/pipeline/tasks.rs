//! Graceful eviction tasks, between the API's form and the decision's.

use std::time::Duration;

use atoll_crds::policy::failover::PurgeMode as RawPurge;
use atoll_crds::work::eviction::GracefulEvictionTask;
use atoll_decide::failover::task::{PurgeMode, Task};
use atoll_decide::time::Wall;

use crate::clock;

/// From a binding's spec.
pub fn read(raw: &[GracefulEvictionTask]) -> Vec<Task> {
    raw.iter().map(read_one).collect()
}

fn read_one(raw: &GracefulEvictionTask) -> Task {
    let seconds = raw.grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Task {
        from: raw.from_cluster.as_str().into(),
        purge: match raw.purge_mode {
            Some(RawPurge::Directly) => PurgeMode::Directly,
            Some(RawPurge::Never) => PurgeMode::Never,
            Some(RawPurge::Gracefully) | None => PurgeMode::Gracefully,
        },
        replicas: raw.replicas,
        reason: raw.reason.as_str().into(),
        message: raw.message.clone().unwrap_or_default(),
        producer: raw.producer.clone(),
        grace: seconds.map(Duration::from_secs),
        suppress_deletion: raw.suppress_deletion,
        preserved_labels: raw.preserved_label_state.clone(),
        created: raw.creation_timestamp.as_ref().map(clock::wall_of),
        clusters_before: raw.clusters_before_failover.iter().map(|name| name.as_str().into()).collect(),
    }
}

/// For a binding's spec.
pub fn write(tasks: &[Task]) -> Vec<GracefulEvictionTask> {
    tasks.iter().map(write_one).collect()
}

fn write_one(task: &Task) -> GracefulEvictionTask {
    GracefulEvictionTask {
        from_cluster: task.from.to_string(),
        purge_mode: Some(match task.purge {
            PurgeMode::Directly => RawPurge::Directly,
            PurgeMode::Gracefully => RawPurge::Gracefully,
            PurgeMode::Never => RawPurge::Never,
        }),
        replicas: task.replicas,
        reason: task.reason.to_string(),
        message: Some(task.message.clone()).filter(|message| !message.is_empty()),
        producer: task.producer.clone(),
        grace_period_seconds: task.grace.and_then(|grace| i32::try_from(grace.as_secs()).ok()),
        suppress_deletion: task.suppress_deletion,
        preserved_label_state: task.preserved_labels.clone(),
        // The API keeps whole seconds.
        creation_timestamp: task.created.map(|created| clock::api_time_of(Wall(created.0 / 1000 * 1000))),
        clusters_before_failover: task.clusters_before.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tools_task_is_written_as_it_was_read() {
        let bare = GracefulEvictionTask {
            from_cluster: "a".to_owned(),
            purge_mode: Some(RawPurge::Gracefully),
            reason: "Rebalance".to_owned(),
            producer: "my-tool".to_owned(),
            ..GracefulEvictionTask::default()
        };
        let full = GracefulEvictionTask {
            purge_mode: Some(RawPurge::Directly),
            replicas: Some(3),
            message: Some("too full".to_owned()),
            grace_period_seconds: Some(30),
            suppress_deletion: Some(false),
            preserved_label_state: [("role".to_owned(), "primary".to_owned())].into(),
            creation_timestamp: Some(clock::api_time_of(Wall(7_000))),
            clusters_before_failover: vec!["a".to_owned()],
            ..bare.clone()
        };
        for task in [bare, full] {
            assert_eq!(write(&read(std::slice::from_ref(&task))), [task]);
        }
    }
}
