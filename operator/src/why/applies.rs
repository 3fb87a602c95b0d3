//! What became of an object on each cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_decide::explain::Apply;
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::render::marks;

use crate::app::App;
use crate::clock;
use crate::fleet::CopyState;
use crate::hub::bindings::Binding;
use crate::hub::templates::Template;
use crate::members::intent::Intent;
use crate::members::member::Member;
use crate::pipeline::deliver;
use crate::validate::policy::Policy;

/// What is known of the object beside its copies; each may be missing.
type Known<'a> = (Option<&'a Template>, Option<&'a Policy>, Option<&'a Binding>);

/// One for each cluster that is to hold a copy, or holds one.
pub fn applies(app: &App, key: &ObjectKey, known: Known<'_>, fleet: &Fleet) -> Vec<Apply> {
    let (_, _, binding) = known;
    let copies = app.fleet.copies(key);
    let named = binding.into_iter().flat_map(Binding::named_clusters);
    let seen = copies.clusters().filter(|name| copies.get(*name).is_some_and(|copy| !copy.confirmed_gone)).cloned();
    let held = app.members.all().into_iter().filter(|member| member.copies.get(key).is_some());
    let clusters: BTreeSet<ClusterName> = named.chain(seen).chain(held.map(|member| member.name.clone())).collect();
    clusters.into_iter().map(|name| apply(app, (key, &name), copies.get(&name), known, fleet)).collect()
}

fn apply(
    app: &App,
    (key, name): (&ObjectKey, &ClusterName),
    copy: Option<&CopyState>,
    known: Known<'_>,
    fleet: &Fleet,
) -> Apply {
    let (_, _, binding) = known;
    let wanted = binding.is_some_and(|binding| {
        !binding.deleting && binding.spec.clusters.iter().any(|target| target.name == name.as_str())
    });
    let member = app.members.get(name);
    let error = copy.and_then(|copy| copy.error.as_deref());
    let (state, waits_for) = match &member {
        None => ("unknown", Some("the cluster is not connected: look at its condition Ready".to_owned())),
        Some(member) if wanted => here(app, (key, member), copy, known, fleet),
        Some(member) => leaving(app, (key, member), known, fleet),
    };
    let desired = wanted.then(|| desired(app, key, name, member.as_deref())).flatten();
    let held = member.as_ref().and_then(|member| member.copies.get(key)).and_then(|copy| copy.hash);
    let ended =
        app.decisions.recent(|entry| entry.object.as_ref() == Some(key) && entry.cluster.as_ref() == Some(name));
    Apply {
        cluster: name.to_string(),
        wanted,
        state: state.to_owned(),
        desired,
        applied: held.or_else(|| copy.and_then(|copy| copy.hash)).map(marks::write_hash),
        health: copy.filter(|copy| copy.has_answered()).map(|copy| format!("{:?}", copy.health)),
        error: error.map(str::to_owned),
        waits_for,
        at: ended.last().map(|entry| clock::rfc3339_of(entry.at)),
    }
}

fn desired(app: &App, key: &ObjectKey, name: &ClusterName, member: Option<&Member>) -> Option<String> {
    let pending = member.and_then(|member| member.lane.pending(key)).and_then(|order| match order.intent {
        Intent::Apply { manifest, .. } => Some(manifest.hash),
        Intent::Delete { .. } | Intent::Release { .. } => None,
    });
    pending.or_else(|| app.delivered_hash(key, name)).map(marks::write_hash)
}

/// A copy that should be there: its state, and what it waits for.
fn here(
    app: &App,
    (key, member): (&ObjectKey, &Arc<Member>),
    copy: Option<&CopyState>,
    (template, _, binding): Known<'_>,
    fleet: &Fleet,
) -> (&'static str, Option<String>) {
    if let Some((_, attempts)) = member.lane.waiting(key) {
        let failed = copy.is_some_and(|copy| copy.error.is_some());
        let why = if member.lane.reading().open {
            "the member does not answer; its breaker tries again every 2 s".to_owned()
        } else if attempts > 0 {
            format!("it is tried again, {attempts} times so far; a change here or there is tried at once")
        } else {
            "its turn in the member's lane".to_owned()
        };
        return (if failed { "failed" } else { "waiting" }, Some(why));
    }
    if let (Some(template), Some(binding)) = (template, binding) {
        if deliver::is_suspended(&binding.spec, &member.name) {
            return ("waiting", Some("delivery to it is suspended".to_owned()));
        }
        if deliver::is_let_go(app, &member.name, fleet) {
            return ("waiting", Some("the cluster leaves the fleet and keeps what it has".to_owned()));
        }
        let target = binding.targets().into_iter().find(|target| target.cluster == member.name);
        if target.is_some_and(|target| !deliver::may_start(app, template, binding, &target, fleet)) {
            let why = "the old copy goes first, because the purge mode is Directly".to_owned();
            return ("waiting", Some(why));
        }
    }
    match member.copies.get(key) {
        Some(copy) if copy.deleting => ("waiting", Some("the object there is being deleted".to_owned())),
        Some(copy) if copy.has_drifted() => ("drifted", Some("a field of ours was changed there".to_owned())),
        Some(copy) if copy.is_unverified() => ("unknown", Some("this process has not compared it yet".to_owned())),
        Some(_) => ("applied", None),
        None if copy.is_some_and(|copy| copy.error.is_some()) => ("failed", None),
        None => ("absent", Some("it is ordered with the next look".to_owned())),
    }
}

/// A copy that should not be there any more.
fn leaving(
    app: &App,
    (key, member): (&ObjectKey, &Arc<Member>),
    (template, policy, binding): Known<'_>,
    fleet: &Fleet,
) -> (&'static str, Option<String>) {
    if member.lane.waiting(key).is_some() {
        return ("leaving", Some("its delete is ordered".to_owned()));
    }
    let Some(binding) = binding else {
        return ("orphaned", Some("no binding speaks of it: nobody deletes it".to_owned()));
    };
    let is_vacated =
        |name: &ClusterName| binding.spec.graceful_eviction_tasks.iter().any(|task| task.from_cluster == name.as_str());
    if is_vacated(&member.name) {
        return ("leaving", Some("it is being replaced: see the open moves".to_owned()));
    }
    match (template, policy) {
        (Some(template), Some(policy)) => {
            let decided = deliver::explain_dropped(app, (template, policy, binding), &member.name, fleet);
            ("leaving", Some(decided.to_string()))
        }
        _ => ("leaving", None),
    }
}
