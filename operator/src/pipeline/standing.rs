//! How things stand with a template, gathered for the decision over its
//! placement. Decides nothing itself.

use atoll_decide::binding::{self as decision};
use atoll_decide::failover::Copy;
use atoll_decide::failover::eviction::{Now, Twice};
use atoll_decide::failover::task::{PurgeMode, Task};
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::ClusterName;
use atoll_decide::placement::Target;

use super::{binding, deliver, tasks};
use crate::app::App;
use crate::clock;
use crate::hub::bindings::Binding;
use crate::hub::templates::Template;
use crate::validate::policy::Policy;

/// Asks `decide` where the copies should be. Gathers what the decision looks
/// at; decides nothing itself.
pub fn ask<T>(
    app: &App,
    template: &Template,
    policy: &Policy,
    (binding, fleet): (Option<&Binding>, &Fleet),
    decide: impl FnOnce(&decision::Scene<'_>, Now) -> T,
) -> T {
    let targets = binding.map(Binding::targets).unwrap_or_default();
    let tasks: Vec<Task> =
        binding.map(|binding| tasks::read(&binding.spec.graceful_eviction_tasks)).unwrap_or_default();
    let spec = binding.map(|binding| &binding.spec);
    let clusters = targets.iter().map(|target| &target.cluster);
    let health = deliver::health(app, &template.key, spec, clusters, fleet);
    let left = tasks.iter().map(|task| &task.from).filter(|name| deliver::is_gone(app, &template.key, name));
    let gone: Vec<ClusterName> = left.cloned().collect();
    let scene = decision::Scene {
        gvk: &template.key.gvk,
        template_uid: &template.uid,
        replicas: template.demand.as_ref().map(|demand| demand.replicas),
        requests: template.demand.as_ref().map(|demand| &demand.requests),
        twice: &twice(template),
        placement: &policy.placement,
        purge: purge(policy),
        standing: decision::Standing { gone: &gone, ..standing(app, binding, policy, &targets, &tasks, &health) },
        fleet,
        after: app.settings.failover_after,
        off: None,
    };
    decide(&scene, Now { wall: clock::wall(), mono: clock::mono() })
}

fn standing<'a>(
    app: &App,
    binding: Option<&'a Binding>,
    policy: &Policy,
    targets: &'a [Target],
    tasks: &'a [Task],
    copies: &'a [Copy<'a>],
) -> decision::Standing<'a> {
    use atoll_crds::names::annotation::APPLIED_PLACEMENT;
    let applied = binding.and_then(|binding| binding.annotations.get(APPLIED_PLACEMENT));
    let asked = binding.and_then(|binding| binding.spec.reschedule_triggered_at.as_ref());
    let last = binding.and_then(|binding| binding.last_scheduled.as_ref());
    let suspension = binding.and_then(|binding| binding.spec.suspension.as_ref());
    // The status that says so is written after the spec: what this process
    // scheduled itself is as good.
    let current = binding
        .is_some_and(|binding| binding.scheduled_generation == Some(binding.generation) || app.scheduled_now(binding));
    decision::Standing {
        targets,
        tasks,
        group: binding.and_then(|binding| binding.group.as_deref()),
        scheduled_before: applied.is_some(),
        same_placement: applied.is_some_and(|text| **text == *policy.placement_text),
        asked: matches!((asked, last), (Some(asked), Some(last)) if asked.0 > last.0),
        suspended: suspension.is_some_and(|suspension| suspension.scheduling == Some(true))
            || binding::is_scheduled_elsewhere(&policy.spec.scheduler_name),
        schedule_is_current: current,
        copies,
        gone: &[],
    }
}

pub fn twice(template: &Template) -> Twice {
    use atoll_crds::names::annotation::ALLOW_UNFENCED_MOVE;
    let allowed = template.annotation(ALLOW_UNFENCED_MOVE) == Some("true");
    match &template.must_not_run_twice {
        Some(why) if !allowed => Twice::Forbidden(why.to_string()),
        _ => Twice::Allowed,
    }
}

fn purge(policy: &Policy) -> PurgeMode {
    use atoll_crds::policy::failover::ClusterPurgeMode;
    let cluster = policy.spec.failover.as_ref().and_then(|failover| failover.cluster.as_ref());
    match cluster.map(|cluster| cluster.purge_mode) {
        Some(ClusterPurgeMode::Directly) => PurgeMode::Directly,
        Some(ClusterPurgeMode::Gracefully) | None => PurgeMode::Gracefully,
    }
}
