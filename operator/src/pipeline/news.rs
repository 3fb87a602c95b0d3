//! What a decision over a template tells: Events, the log, the snapshot of an
//! isolated cluster, and when the status is due.

use std::time::Duration;

use atoll_crds::atoll::isolation_snapshot::MovePhase;
use atoll_decide::binding::{Note, Outcome, Plan};
use atoll_decide::failover::eviction::Held;
use atoll_decide::ids::ObjectKey;

use super::aggregate;
use super::status::FIRST_WAIT;
use crate::app::App;
use crate::clock;
use crate::failover::moves::News;
use crate::hub::bindings::Binding;
use crate::queue::Lane;
use crate::telemetry::Cause;
use crate::telemetry::decisions::{What, Why};
use crate::telemetry::metrics::labels::MoveLabel;

/// Tells what is worth telling, and when to look again.
pub fn note(app: &App, key: &ObjectKey, plan: &Plan, before: Option<&Binding>, news: aggregate::ScheduleNews) {
    app.statuses.note_schedule(key, news);
    let failed = matches!(plan.outcome, Outcome::Failed { .. });
    let wait = if before.is_none() && !failed && !plan.targets.is_empty() { FIRST_WAIT } else { Duration::ZERO };
    if wait.is_zero() {
        app.status_due(key);
    } else {
        app.status.add_after(key.clone(), Lane::User, wait);
    }
    if let Some(at) = plan.look_again {
        app.reconcile.add_after_for(key.clone(), Lane::User, Cause::Due, at.since(clock::mono()));
    }
    app.tell_schedule(key, &plan.outcome);
    for note in &plan.notes {
        tell(app, key, note);
    }
}

fn tell(app: &App, key: &ObjectKey, note: &Note) {
    let (cluster, told, reason) = match note {
        // The cluster is on its way back, or not out for sure: nothing a
        // person has to know of each object.
        Note::Held { why: Held::Returning | Held::NotArmed(_), .. } => return,
        Note::Held { cluster, .. } => (cluster, None, "EvictionHeld"),
        Note::Vacating { cluster, .. } => {
            (cluster, Some((MoveLabel::Planned, MovePhase::Planned)), "EvictWorkloadFromClusterSucceed")
        }
        Note::Lost { cluster, .. } => {
            (cluster, Some((MoveLabel::NoPlace, MovePhase::Kept)), "EvictWorkloadFromClusterFailed")
        }
        Note::Replaced(cluster) => (cluster, Some((MoveLabel::Replaced, MovePhase::Replaced)), "ReplacementHealthy"),
        Note::Released(cluster) => (cluster, Some((MoveLabel::Finished, MovePhase::Replaced)), "EvictedCopyReleased"),
        Note::TakenBack { cluster, .. } => {
            (cluster, Some((MoveLabel::Cancelled, MovePhase::Cancelled)), "EvictionCancelled")
        }
    };
    let message = note.to_string();
    if !app.note_once(key, reason, &message) {
        return;
    }
    let binding = app.bindings.get(key);
    let policy = binding.as_deref().and_then(App::policy_of).map(tracing::field::display);
    let binding = binding.as_ref().map(|binding| tracing::field::display(&binding.reference));
    tracing::info!(object = %key, %cluster, policy, binding, reason, message, "decision");
    app.decisions.record(Some(key), Some(cluster), What::Moved(reason), Why::Words(message.as_str().into()));
    if let Some((label, phase)) = told {
        app.metrics.health.moves.inc(label);
        app.moves.tell(News { key: key.clone(), from: cluster.clone(), phase, reason });
    }
}
