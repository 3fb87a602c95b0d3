//! A cluster leaves the fleet: replacements first, then its copies, then our
//! finalizer.
//!
//! What cannot be reached stays where it is, and the Cluster says so.

use std::sync::Arc;
use std::time::Duration;

use atoll_crds::Cluster;
use atoll_crds::names::{annotation, finalizer};
use atoll_decide::failover::Source;
use atoll_decide::health::observation::About;
use atoll_decide::health::verdict::{ApiState, Trouble};
use atoll_decide::ids::{ClusterName, ObjectKey};
use kube::ResourceExt;

use super::intent::{Intent, Order};
use super::member::Member;
use crate::app::App;
use crate::hub::cluster_write::{self, Written};
use crate::queue::Lane;
use crate::telemetry::Cause;

/// While copies leave, the Cluster is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A leave that waits for the member's word so long is told of.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// One step.
pub async fn drive(app: &Arc<App>, cluster: &Cluster) -> Result<(), kube::Error> {
    let name = ClusterName::from(cluster.name_any());
    if !app.leads() || !cluster.finalizers().iter().any(|held| held == finalizer::CLUSTER) {
        return Ok(());
    }
    let keep = keeps_objects(cluster);
    let left_behind = match app.members.get(&name) {
        Some(member) if !is_lost(app, &name) => {
            // What is not known yet is not absent: the unit may have just begun, or the cluster is slow to answer.
            if let Some(unknown) = unknown(app, &member) {
                if member.leave_waits() >= TOLD_AFTER {
                    tell_wait(app, &member, "WaitingForMember", &unknown);
                }
                app.members.changed.add_after(name, Lane::User, LOOK_AGAIN);
                return Ok(());
            }
            let left = take_away(app, &member, keep);
            if left > 0 {
                tracing::info!(cluster = %name, left, "copies are leaving");
                app.members.changed.add_after(name, Lane::User, LOOK_AGAIN);
                return Ok(());
            }
            stays_behind(&member)
        }
        Some(_) | None => Some(
            "the cluster does not answer us: its objects stay there; remove them by hand if it comes back".to_owned(),
        ),
    };
    if let Some(message) = left_behind {
        app.tell_cluster(&name, "ObjectsLeftBehind", &message, true);
    }
    let written = cluster_write::marks(app, cluster, |cluster| {
        cluster.finalizers_mut().retain(|held| held != finalizer::CLUSTER);
    })
    .await?;
    if let Written::Now(cluster) = written {
        app.clusters.put(*cluster);
    }
    Ok(())
}

fn tell_wait(app: &App, member: &Member, reason: &'static str, message: &str) {
    if member.is_news_of_wait(reason) {
        app.tell_cluster(&member.name, reason, message, false);
    }
}

/// Why it is not known yet what runs there.
fn unknown(app: &App, member: &Member) -> Option<String> {
    if !app.synced.is_complete() {
        return Some("the hub's own lists are not complete yet".to_owned());
    }
    if app.fleet.view().source(&member.name) != Source::Known {
        return Some("it does not answer for sure, or what runs there has not been compared since it does".to_owned());
    }
    match member.unlisted(app) {
        None => Some("it has not said yet which APIs it serves".to_owned()),
        Some(kinds) if kinds.is_empty() => None,
        Some(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            Some(format!("it has not listed {} yet", kinds.join(", ")))
        }
    }
}

/// What is left of us there when every copy that a binding takes away is gone.
fn stays_behind(member: &Member) -> Option<String> {
    let strays = member.copies.len();
    let strays = (strays > 0).then(|| format!("{strays} objects there bear our label and no binding takes them away"));
    let unseen: Vec<String> = member.copies.unseen().iter().map(ToString::to_string).collect();
    let unseen = (!unseen.is_empty())
        .then(|| format!("what there may be of {} cannot be seen, as we may not list it", unseen.join(", ")));
    let all: Vec<String> = strays.into_iter().chain(unseen).collect();
    (!all.is_empty()).then(|| format!("{}: it stays there", all.join("; ")))
}

/// Whether the Cluster leaves without its objects.
pub fn keeps_objects(cluster: &Cluster) -> bool {
    cluster.annotations().get(annotation::KEEP_OBJECTS).is_some_and(|value| value == "true")
}

/// Only a judged loss gives up on what runs there: no answer, or none for us.
fn is_lost(app: &App, name: &ClusterName) -> bool {
    let view = app.fleet.view();
    let Some(verdict) = view.standings.get(name).map(|standing| &standing.verdict) else { return false };
    let is_locked_out = matches!(&verdict.trouble, Some(Trouble::WrongAnswer { detail, lasting: true, .. })
        if matches!(detail.about, About::Credentials | About::Certificate));
    verdict.api == ApiState::Unreachable || verdict.never_answered || is_locked_out
}

/// Orders every copy away whose binding has let go of this cluster; returns how
/// many are left. What has no binding is an orphan, and nobody's to take away.
fn take_away(app: &Arc<App>, member: &Arc<Member>, keep: bool) -> usize {
    let mut left = 0;
    let mut waits = false;
    for key in member.copies.keys_where(|_, _| true) {
        let Some(copy) = member.copies.get(&key) else { continue };
        let Some(binding) =
            app.bindings.get(&key).filter(|binding| copy.is_of(&binding.reference.to_string(), &app.hub_uid))
        else {
            continue;
        };
        let is_named = binding.named_clusters().any(|name| name == member.name);
        if !keep && !is_named && App::policy_of(&binding).is_none() {
            // Nobody stands behind it who could take it away: it stays there, and that is told.
            continue;
        }
        left += 1;
        if keep {
            release(app, member, key, &copy.binding);
        } else if is_named {
            // Its binding still counts on it: the pipeline moves it away first
            // (a deleting cluster is no candidate) and then removes the copy.
            waits = true;
            app.reconcile.add_for(key, Lane::User, Cause::ClusterLeaves);
        }
    }
    if waits {
        let message = "copies stay until their bindings have healthy replacements elsewhere; `kubectl get \
                       resourcebindings,clusterresourcebindings -A` shows which have none";
        tell_wait(app, member, "WaitingForReplacements", message);
    }
    left
}

/// An order that waits already keeps its back-off.
fn release(app: &App, member: &Member, key: ObjectKey, binding: &str) {
    if member.lane.pending(&key).is_some_and(|order| matches!(order.intent, Intent::Release { .. })) {
        return;
    }
    let kind = app.kind(&key);
    member.lane.submit(key, Order { intent: Intent::Release { binding: binding.to_owned() }, kind }, Lane::User);
}
