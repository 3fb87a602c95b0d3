//! Copies on clusters that are no targets any more: whether each may go now is
//! judged anew at every look (promise I1).

use atoll_decide::binding as decision;
use atoll_decide::failover::removal::Removal;
use atoll_decide::failover::task::Task;
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::placement::{ReplicaScheduling, Target};

use super::super::tasks;
use super::health;
use crate::app::App;
use crate::hub::bindings::Binding;
use crate::hub::templates::Template;
use crate::members::intent::{Intent, Order};
use crate::members::member::Member;
use crate::queue::Lane;
use crate::telemetry::decisions::{What, Why};
use crate::validate::policy::Policy;

/// Copies of this binding on members that it does not name any more.
pub fn remove_dropped(
    app: &App,
    template: &Template,
    policy: Option<&Policy>,
    binding: &Binding,
    targets: &[Target],
    fleet: &Fleet,
) {
    let named: Vec<ClusterName> = binding.named_clusters().collect();
    let aside = policy.map(|policy| Aside { app, template, policy, binding, targets, fleet });
    let purged = aside.as_ref().map(purged).unwrap_or_default();
    let mark = binding.reference.to_string();
    for member in app.members.all() {
        let goes_first = purged.contains(&member.name);
        if named.contains(&member.name) && !goes_first {
            // Wanted there again, be it suspended or not fit to be rendered.
            keep(&member, &template.key);
            continue;
        }
        let copy = member.copies.get(&template.key);
        // What has to go before its replacement starts is asked for by name: only the member's answer makes it gone.
        let is_unsure = goes_first && copy.is_none() && !app.fleet.is_confirmed_gone(&template.key, &member.name);
        if !is_unsure && !copy.is_some_and(|copy| copy.is_of(&mark, &app.hub_uid)) {
            drop_wish(&member, &template.key);
            continue;
        }
        let Some(aside) = &aside else { continue };
        let why = match may_remove(aside, &member.name) {
            decided @ Removal::Delete(_) => decided.to_string(),
            Removal::Keep(_) if goes_first => "purge mode Directly".to_owned(),
            Removal::Keep(_) => {
                // It may have been ordered away before its replacement fell ill, or while nobody saw it fall (promise
                // I1). What waits for a person's word still waits for it: no budget is given back.
                if is_leaving(&member, &template.key) {
                    member.lane.forget(&template.key);
                }
                continue;
            }
        };
        if is_leaving(&member, &template.key) {
            continue;
        }
        tracing::info!(object = %template.key, cluster = %member.name, binding = %binding.reference, why, "removing a dropped copy");
        app.decisions.record(Some(&template.key), Some(&member.name), What::Dropped, Why::Words(why.into()));
        let intent = Intent::Delete { binding: mark.clone() };
        member.lane.submit(template.key.clone(), Order { intent, kind: app.kind(&template.key) }, Lane::User);
    }
}

fn is_leaving(member: &Member, key: &ObjectKey) -> bool {
    member.lane.pending(key).is_some_and(|order| matches!(order.intent, Intent::Delete { .. }))
}

/// Clusters being vacated whose old copy goes before its replacement starts.
fn purged(aside: &Aside<'_>) -> Vec<ClusterName> {
    let tasks = tasks::read(&aside.binding.spec.graceful_eviction_tasks);
    if tasks.is_empty() {
        return Vec::new();
    }
    aside.decide(|dropped| {
        let may_go = |task: &&Task| {
            !aside.targets.iter().any(|target| target.cluster == task.from)
                && decision::may_purge(task, dropped, aside.fleet)
        };
        tasks.iter().filter(may_go).map(|task| task.from.clone()).collect()
    })
}

/// A delete that was ordered before is withdrawn. A release is not: a cluster that leaves and keeps its objects is named
/// until its binding is elsewhere.
fn keep(member: &Member, key: &ObjectKey) {
    match member.lane.pending(key).map(|order| order.intent) {
        Some(Intent::Delete { .. }) => member.want_nothing(key),
        Some(Intent::Apply { .. } | Intent::Release { .. }) => {}
        None => member.settle_delete(key),
    }
}

/// A copy that was ordered and never came is not wanted any more, and one that went by itself waits for nobody's word.
fn drop_wish(member: &Member, key: &ObjectKey) {
    match member.lane.pending(key).map(|order| order.intent) {
        Some(Intent::Apply { .. }) => member.want_nothing(key),
        Some(Intent::Delete { .. } | Intent::Release { .. }) => {}
        None => member.settle_delete(key),
    }
}

/// What becomes of the copy on a cluster that the binding does not name.
pub fn explain_dropped(
    app: &App,
    (template, policy, binding): (&Template, &Policy, &Binding),
    cluster: &ClusterName,
    fleet: &Fleet,
) -> Removal {
    let targets = binding.targets();
    may_remove(&Aside { app, template, policy, binding, targets: &targets, fleet }, cluster)
}

fn may_remove(aside: &Aside<'_>, cluster: &ClusterName) -> Removal {
    aside.decide(|dropped| decision::may_remove(dropped, cluster, aside.fleet))
}

/// What decides over copies on clusters that are no targets.
struct Aside<'a> {
    app: &'a App,
    template: &'a Template,
    policy: &'a Policy,
    binding: &'a Binding,
    targets: &'a [Target],
    fleet: &'a Fleet,
}

impl Aside<'_> {
    fn decide<T>(&self, decide: impl FnOnce(&decision::Dropped<'_>) -> T) -> T {
        let Self { app, template, policy, binding, targets, fleet } = self;
        let clusters = targets.iter().map(|target| &target.cluster);
        let health = health(app, &template.key, Some(&binding.spec), clusters, fleet);
        let replicas = template.demand.as_ref().map(|demand| demand.replicas);
        decide(&decision::Dropped {
            placement: &policy.placement,
            divided: replicas.is_some() && policy.placement.replicas != ReplicaScheduling::Duplicated,
            replicas,
            remaining: &health,
        })
    }
}
