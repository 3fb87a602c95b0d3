//! From what the members report to the binding's status. Pure.

use atoll_crds::condition::binding::{FullyApplied, Scheduled};
use atoll_crds::condition::{ConditionValue, find_condition, is_true, set_condition};
use atoll_crds::work::binding::{AggregatedStatusItem, BindingStatus, ResourceHealth};
use atoll_crds::work::binding_status::placed_on;
use atoll_decide::binding::Outcome;
use atoll_decide::fleet::Fleet;
use atoll_decide::health::verdict::ApiState;
use atoll_decide::ids::ClusterName;
use atoll_decide::interpret::Health;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::fleet::{Copies, CopyState};
use crate::hub::bindings::Binding;

/// What was last said of the schedule.
#[derive(Clone, Debug)]
pub struct ScheduleNews {
    /// How it went.
    pub outcome: Outcome,
    /// The affinity group in use.
    pub group: Option<String>,
    /// Clusters the placement means and that cannot take the kind, for a person.
    pub left_out: Option<String>,
    /// The generation of the binding that was written, or found as wanted. A
    /// later one has not been looked at yet.
    pub generation: i64,
}

/// The status the binding should have, given the one it has.
pub fn build(
    binding: &Binding,
    news: Option<&ScheduleNews>,
    copies: &Copies,
    fleet: &Fleet,
    now: &Time,
) -> BindingStatus {
    let mut status = binding.status.as_deref().cloned().unwrap_or_default();
    let suspended = binding.spec.suspension.as_ref().is_some_and(|suspension| suspension.scheduling == Some(true));
    // What another scheduler decides is told by it.
    if !binding.spec.scheduler_name.as_deref().is_some_and(super::binding::is_scheduled_elsewhere) {
        put_schedule(&mut status, news, suspended, now);
    }
    status.aggregated_status = items(binding, copies, fleet);
    put_applied(&mut status, binding, now);
    let is_target =
        |item: &&AggregatedStatusItem| binding.spec.clusters.iter().any(|one| one.name == item.cluster_name);
    let targets = status.aggregated_status.iter().filter(is_target);
    let healthy = targets.filter(|item| item.health == Some(ResourceHealth::Healthy)).count();
    status.healthy = Some(format!("{healthy}/{}", binding.spec.clusters.len()));
    status.placed_on = Some(placed_on(&binding.spec.clusters)).filter(|text| !text.is_empty());
    status.reason = reason(&status);
    status
}

/// The observed generation moves with a success only (karmada-api 2.11).
fn put_schedule(status: &mut BindingStatus, news: Option<&ScheduleNews>, suspended: bool, now: &Time) {
    let Some(news) = news else { return };
    let was_scheduled = is_true(&status.conditions, Scheduled::TYPE);
    let (value, message) = match &news.outcome {
        // The last result stands, and with it what was said of it. A failure
        // that no rule finds any more is over: its cluster came back. While
        // nobody looks for one, it is not.
        Outcome::Stands if was_scheduled => {
            status.scheduler_observed_generation = Some(news.generation);
            return;
        }
        Outcome::Stands if suspended && find_condition(&status.conditions, Scheduled::TYPE).is_some() => return,
        Outcome::Failed { reason: "NoClusterFit", message } => (Scheduled::NoClusterFit, message.clone()),
        Outcome::Failed { message, .. } => (Scheduled::Unschedulable, message.clone()),
        Outcome::Scheduled(_) | Outcome::Stands => {
            let left_out = news.left_out.iter().map(|why| format!(" {why}"));
            let message: String =
                std::iter::once("Binding has been scheduled successfully.".to_owned()).chain(left_out).collect();
            (Scheduled::Success, message)
        }
    };
    set_condition(&mut status.conditions, value.condition(message, None, now.clone()));
    if value == Scheduled::Success {
        if status.scheduler_observed_generation != Some(news.generation) {
            status.last_scheduled_time = Some(now.clone());
        }
        status.scheduler_observed_generation = Some(news.generation);
        status.scheduler_observing_affinity_name.clone_from(&news.group);
    }
}

/// One entry for each cluster that holds a copy by the binding's own word,
/// sorted by cluster.
fn items(binding: &Binding, copies: &Copies, fleet: &Fleet) -> Vec<AggregatedStatusItem> {
    let mut clusters: Vec<_> = binding.named_clusters().collect();
    clusters.sort();
    clusters.dedup();
    let told = |cluster: &ClusterName| {
        let items = binding.status.iter().flat_map(|status| &status.aggregated_status);
        items.into_iter().find(|item| item.cluster_name == cluster.as_str()).cloned()
    };
    let item = |cluster: ClusterName| {
        let copy = copies.get(cluster.as_str());
        // Not heard of in this process: what was told before stands.
        if !copy.is_some_and(CopyState::has_answered)
            && !is_lost(fleet, &cluster)
            && let Some(told) = told(&cluster)
        {
            return told;
        }
        AggregatedStatusItem {
            cluster_name: cluster.to_string(),
            status: copy.and_then(|copy| copy.status.as_deref().cloned()),
            applied: copy.is_some_and(CopyState::is_applied),
            applied_message: copy.and_then(|copy| copy.error.as_deref().map(str::to_owned)),
            // What a lost cluster said last is no news of it.
            health: Some(match copy {
                Some(copy) if !is_lost(fleet, &cluster) => health(copy.health),
                _ => ResourceHealth::Unknown,
            }),
        }
    };
    clusters.into_iter().map(item).collect()
}

fn is_lost(fleet: &Fleet, cluster: &ClusterName) -> bool {
    fleet.standings.get(cluster).is_some_and(|standing| standing.verdict.api == ApiState::Unreachable)
}

fn put_applied(status: &mut BindingStatus, binding: &Binding, now: &Time) {
    let missing: Vec<&str> = binding
        .spec
        .clusters
        .iter()
        .map(|target| target.name.as_str())
        .filter(|name| !status.aggregated_status.iter().any(|item| item.cluster_name == *name && item.applied))
        .collect();
    let (value, message) = if binding.spec.clusters.is_empty() || !missing.is_empty() {
        let other = binding.spec.scheduler_name.as_deref().filter(|name| super::binding::is_scheduled_elsewhere(name));
        let why = match other {
            Some(scheduler) if missing.is_empty() => format!("scheduler {scheduler} has not placed it yet"),
            _ if missing.is_empty() => "no cluster holds a copy yet".to_owned(),
            _ => format!("not applied on {}", missing.join(", ")),
        };
        (FullyApplied::Failed, why)
    } else {
        (FullyApplied::Success, "All works have been successfully applied".to_owned())
    };
    set_condition(&mut status.conditions, value.condition(message, None, now.clone()));
}

/// One word on why not all is well, for `kubectl get`.
fn reason(status: &BindingStatus) -> Option<String> {
    let scheduled = status.conditions.iter().find(|held| held.type_ == Scheduled::TYPE && held.status != "True");
    if let Some(held) = scheduled {
        return Some(held.reason.clone());
    }
    let failed = status.aggregated_status.iter().find_map(|item| item.applied_message.as_ref());
    if let Some(message) = failed {
        let word = message.split(':').next().filter(|word| !word.contains(' ') && !word.is_empty());
        return Some(word.unwrap_or("ApplyFailed").to_owned());
    }
    let unhealthy = status.aggregated_status.iter().find(|item| item.health == Some(ResourceHealth::Unhealthy));
    unhealthy.map(|item| format!("Unhealthy:{}", item.cluster_name))
}

fn health(health: Health) -> ResourceHealth {
    match health {
        Health::Healthy => ResourceHealth::Healthy,
        Health::Unhealthy => ResourceHealth::Unhealthy,
        Health::Unknown => ResourceHealth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_decide::trigger::Trigger;

    fn told(status: &mut BindingStatus, outcome: Outcome, suspended: bool, generation: i64) -> (bool, Option<i64>) {
        let news = ScheduleNews { outcome, group: None, left_out: None, generation };
        put_schedule(status, Some(&news), suspended, &crate::clock::api_time_of(atoll_decide::time::Wall(0)));
        (is_true(&status.conditions, Scheduled::TYPE), status.scheduler_observed_generation)
    }

    #[test]
    fn a_failed_schedule_is_scheduled_false_of_an_older_generation_until_it_is_over() {
        let mut status = BindingStatus::default();
        let held = || Outcome::Failed { reason: "Unschedulable", message: "the copy on a cannot leave".to_owned() };
        assert_eq!(told(&mut status, Outcome::Scheduled(Trigger::First), false, 1), (true, Some(1)));
        assert_eq!(told(&mut status, held(), false, 2), (false, Some(1)));
        assert_eq!(reason(&status).as_deref(), Some("Unschedulable"));
        assert_eq!(told(&mut status, Outcome::Stands, true, 3), (false, Some(1)), "nobody looks");
        assert_eq!(told(&mut status, Outcome::Stands, false, 4), (true, Some(4)), "no rule asks any more");
    }
}
