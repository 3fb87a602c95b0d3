//! Carrying out a member's orders: one worker of its lane.
//!
//! Enters: turns of the lane. Leaves: writes on the member, and what came of
//! them in the fleet map.

use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use super::hub_mark::Hold;
use super::intent::{Intent, Order};
use super::lane::{Ended, Turn};
use super::member::Member;
use super::write::Applied;
use super::{discovery, namespaces};
use crate::app::App;
use crate::failover::moves::News;
use crate::queue::Lane;
use crate::tasks::{About, contain, fault_point};
use crate::telemetry::decisions::{What, Why};
use crate::telemetry::metrics::labels::{ApplyLabel, DeleteLabel, DriftLabel};
use crate::telemetry::{Cause, Origin, Step, steps};
use atoll_crds::atoll::isolation_snapshot::MovePhase;
use atoll_decide::ids::ObjectKey;
use tokio_util::sync::CancellationToken;

/// A deletion under way is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The hub's mark tries everything again when it is read; this is for the case
/// that it says nothing.
const MARK_WITHIN: Duration = Duration::from_secs(5);
/// How long a worker waits for the Lease before it asks again.
const WAIT_FOR_LEASE: Duration = Duration::from_millis(200);

/// Works until `cancel`; a turn that has begun is brought to its end.
pub async fn run(app: Arc<App>, member: Arc<Member>, cancel: CancellationToken) {
    loop {
        let turn = tokio::select! {
            () = cancel.cancelled() => return,
            turn = member.lane.next() => turn,
        };
        while !app.leads() && !cancel.is_cancelled() {
            tokio::time::sleep(WAIT_FOR_LEASE).await;
        }
        // Meanwhile something else may be wanted, or nothing.
        if cancel.is_cancelled() || !member.lane.is_current(&turn) {
            member.lane.abandon(turn);
            continue;
        }
        let began = tokio::time::Instant::now();
        let step = Step::applying(about(&app, &member, &turn)).of(&turn.origin);
        let ended = contain(step.run(attempt(&app, &member, &turn))).await;
        // What makes this panic waits longer and longer; the lane goes on.
        let ended = ended.unwrap_or_else(|panicked| Ended::Failed(Failure::Defect(panicked.to_string())));
        if !matches!(ended, Ended::NotYet(_)) {
            app.metrics.members.latency.observe(&member.name, began.elapsed());
        }
        settle(&app, &member, turn, &ended);
    }
}

fn about(app: &App, member: &Member, turn: &Turn) -> About {
    let about = About::object(&turn.key).on(&member.name);
    match app.bindings.get(&turn.key) {
        Some(binding) => about.under(App::policy_of(&binding)).bound(&binding.reference),
        None => about,
    }
}

async fn attempt(app: &App, member: &Member, turn: &Turn) -> Ended {
    fault_point!("carrying", &turn.key);
    let ended = match carry_out(app, member, turn).await {
        Ended::Failed(Failure::NamespaceMissing(why)) => match &turn.key.namespace {
            // The object's namespace comes first; it is made at once.
            Some(namespace) => match namespaces::ensure(app, member, namespace.as_str()).await {
                Ok(()) => carry_out(app, member, turn).await,
                Err(failure) => Ended::Failed(failure),
            },
            None => Ended::Failed(Failure::NamespaceMissing(why)),
        },
        ended => ended,
    };
    if let Ended::Failed(failure) = &ended {
        steps::record_error(failure);
        tracing::debug!(cluster = %member.name, object = %turn.key, %failure, "order not carried out");
    }
    ended
}

async fn carry_out(app: &App, member: &Member, turn: &Turn) -> Ended {
    let Order { intent, kind } = &turn.order;
    let address = member.address(app, kind, &turn.key);
    match intent {
        Intent::Apply { manifest, on_foreign } => {
            if let Some(held) = held(member) {
                return held;
            }
            let ours = member.copies.get(&turn.key).filter(super::copies::Copy::may_be_overwritten);
            // The watch may be quicker than the answer.
            member.applied.note(&turn.key, Origin::now());
            let applied = address.apply(manifest, *on_foreign, ours.as_ref().map(|copy| &*copy.uid)).await;
            match applied {
                Ok(applied) => {
                    if !applied.wrote {
                        member.applied.forget(&turn.key);
                    }
                    observe_applied(app, member, turn, &applied);
                    Ended::Done
                }
                Err(Failure::Raced(why)) => {
                    // What we knew of the copy is old: the next try looks first.
                    member.copies.remove(&turn.key);
                    Ended::Failed(Failure::Raced(why))
                }
                Err(failure) => Ended::Failed(failure),
            }
        }
        Intent::Delete { binding } => {
            let admit = || member.admit_delete(app, &turn.key);
            // What the watch shows is there: while deletes wait, it costs the
            // member no look.
            if member.copies.get(&turn.key).is_some()
                && let Err(paused) = admit()
            {
                return Ended::Failed(paused);
            }
            match address.delete(binding, admit).await {
                Ok(true) => gone(app, member, &turn.key, DeleteLabel::Deleted),
                Ok(false) => Ended::Again(LOOK_AGAIN),
                Err(Failure::KindMissing) if lacks_kind(member, &turn.key).await => {
                    gone(app, member, &turn.key, DeleteLabel::Deleted)
                }
                Err(failure) => Ended::Failed(failure),
            }
        }
        Intent::Release { binding } => {
            if let Some(held) = held(member) {
                return held;
            }
            match address.release(binding).await {
                Ok(()) => gone(app, member, &turn.key, DeleteLabel::Released),
                Err(Failure::KindMissing) if lacks_kind(member, &turn.key).await => {
                    gone(app, member, &turn.key, DeleteLabel::Released)
                }
                Err(failure) => Ended::Failed(failure),
            }
        }
    }
}

/// Why nothing may be written there because of the hub's mark.
fn held(member: &Member) -> Option<Ended> {
    member.hub_mark.hold(member).map(|hold| match hold {
        Hold::NotYet => Ended::NotYet(MARK_WITHIN),
        Hold::For(failure) => Ended::Failed(failure),
    })
}

/// Whether the member says, asked just now, that it serves no such kind: then
/// it holds no such object either.
async fn lacks_kind(member: &Member, key: &ObjectKey) -> bool {
    let apis = discovery::fetch(&member.connection.work).await;
    apis.is_ok_and(|apis| !apis.served.is_empty() && !apis.kinds().contains(&key.gvk))
}

fn observe_applied(app: &App, member: &Member, turn: &Turn, applied: &Applied) {
    member.copies.verify(&turn.key, &applied.live);
    member.settle_delete(&turn.key);
    for drift in &applied.drift {
        let label = if drift.manager.is_some() { DriftLabel::FieldEdited } else { DriftLabel::LabelStripped };
        app.metrics.members.drift_repaired.inc(label);
        tracing::info!(cluster = %member.name, object = %turn.key, field = %drift.path, by = drift.manager.as_deref().unwrap_or("nobody"), "drift repaired");
    }
    if member.copies.was_lost(&turn.key) && applied.wrote && applied.drift.is_empty() {
        app.metrics.members.drift_repaired.inc(DriftLabel::ObjectDeleted);
        tracing::info!(cluster = %member.name, object = %turn.key, "a deleted copy is made anew");
    }
    app.metrics.members.applies.inc(if applied.wrote { ApplyLabel::Applied } else { ApplyLabel::Unchanged });
    app.fleet.observe_copy(&turn.key, &member.name, &applied.live, true);
    app.status_due(&turn.key);
    if applied.wrote {
        app.decisions.record(Some(&turn.key), Some(&member.name), What::Applied, Why::Nothing);
        member.acted.notify_one();
    }
}

fn gone(app: &App, member: &Member, key: &ObjectKey, how: DeleteLabel) -> Ended {
    member.copies.remove(key);
    member.settle_delete(key);
    app.metrics.members.deletes.inc(how);
    app.decisions.record(Some(key), Some(&member.name), What::Removed, Why::Nothing);
    app.fleet.confirm_gone(key, &member.name);
    app.moves.tell(News {
        key: key.clone(),
        from: member.name.clone(),
        phase: MovePhase::Completed,
        reason: "OldCopyRemoved",
    });
    app.reconcile.add_for(key.clone(), Lane::User, Cause::CopyGone);
    app.status_due(key);
    member.acted.notify_one();
    Ended::Done
}

fn settle(app: &App, member: &Member, turn: Turn, ended: &Ended) {
    let key = turn.key.clone();
    let is_apply = matches!(turn.order.intent, Intent::Apply { .. });
    if let Ended::Failed(failure) = ended {
        app.decisions.record(Some(&key), Some(&member.name), What::NotApplied, Why::Words(failure.to_string().into()));
        if is_apply {
            app.metrics.members.applies.inc(label(failure));
        } else {
            app.metrics.members.deletes.inc(DeleteLabel::Failed);
        }
        if is_apply
            && !matches!(failure, Failure::Raced(_))
            && app.fleet.observe_failure(&key, &member.name, explain(failure, member, &turn), failure.is_final())
        {
            app.status_due(&key);
            app.tell_refused(&key, &member.name, failure);
        }
    }
    if member.lane.settle(turn, ended) {
        tracing::warn!(cluster = %member.name, "no answers in a row: the member's breaker is open");
    }
    if is_apply && matches!(ended, Ended::Done) {
        // Only now does the copy count as wanted: moves and removals that wait
        // for its health may go on.
        app.health_changed(&key);
    }
}

/// The failure, with the command that mends it where there is one.
fn explain(failure: &Failure, member: &Member, turn: &Turn) -> String {
    if !matches!(failure, Failure::Forbidden(_)) {
        return failure.to_string();
    }
    let resource = &turn.order.kind.resource;
    let kind = if resource.group.is_empty() {
        resource.plural.clone()
    } else {
        format!("{}.{}", resource.plural, resource.group)
    };
    format!("{failure}; mend it with `kubectl atoll grant {} --allow {kind} --cluster-kubeconfig FILE`", member.name)
}

fn label(failure: &Failure) -> ApplyLabel {
    match failure {
        Failure::Silent(_) => ApplyLabel::Silent,
        Failure::Busy(_) => ApplyLabel::Busy,
        Failure::Unauthorized(_) | Failure::Forbidden(_) => ApplyLabel::Denied,
        Failure::KindMissing | Failure::NamespaceMissing(_) | Failure::Terminating(_) => ApplyLabel::Missing,
        Failure::Rejected(_) | Failure::Paused(_) => ApplyLabel::Rejected,
        Failure::Defect(_) => ApplyLabel::Defect,
        Failure::Foreign(_) => ApplyLabel::Foreign,
        Failure::Raced(_) => ApplyLabel::Raced,
    }
}
