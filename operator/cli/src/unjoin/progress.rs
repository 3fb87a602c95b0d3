//! How far a leaving Cluster is, in lines. Pure.

use atoll_crds::Cluster;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

/// What the second state says that the first did not.
pub fn changes(before: &Cluster, after: &Cluster) -> Vec<String> {
    let known = conditions(before);
    let is_news = |condition: &&Condition| {
        !known.iter().any(|old| {
            old.type_ == condition.type_
                && old.status == condition.status
                && old.reason == condition.reason
                && old.message == condition.message
        })
    };
    conditions(after).iter().filter(is_news).map(line).collect()
}

/// What still holds the Cluster, for a wait that ended too early.
pub fn holders(cluster: &Cluster) -> String {
    if cluster.finalizers().is_empty() {
        return "nothing holds it any more".to_owned();
    }
    format!("it is held by {}", cluster.finalizers().join(", "))
}

fn line(condition: &Condition) -> String {
    let Condition { type_, status, reason, message, .. } = condition;
    format!("{type_}={status} {reason}: {message}").trim_end_matches([' ', ':']).to_owned()
}

fn conditions(cluster: &Cluster) -> &[Condition] {
    cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use atoll_crds::condition::ConditionValue;
    use atoll_crds::condition::cluster::{DeletesPaused, Ready};
    use atoll_crds::{ClusterSpec, ClusterStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn cluster(conditions: Vec<Condition>) -> Cluster {
        let mut cluster = Cluster::new("m1", ClusterSpec::default());
        cluster.status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
        cluster
    }

    fn at(time: &str) -> Time {
        serde_json::from_value(time.into()).unwrap()
    }

    #[test]
    fn only_what_changed_is_told_and_a_new_time_is_no_change() {
        let now = at("2026-01-01T00:00:00Z");
        let before = cluster(vec![Ready::Ready.condition("", None, now)]);
        let later = at("2026-01-01T00:00:09Z");
        let paused = DeletesPaused::BudgetExceeded.condition("81 wait", None, later.clone());
        let after = cluster(vec![Ready::Ready.condition("", None, later), paused]);
        assert_eq!(changes(&before, &after), ["DeletesPaused=True DeleteBudgetExceeded: 81 wait"]);
    }

    #[test]
    fn a_condition_without_words_ends_without_a_colon() {
        let after = cluster(vec![Ready::Ready.condition("", None, at("2026-01-01T00:00:00Z"))]);
        assert_eq!(changes(&cluster(vec![]), &after), ["Ready=True ClusterReady"]);
    }
}
