//! A cluster leaves the fleet: replacements first, then its copies, then our
//! finalizer.
//!
//! What cannot be reached stays where it is, and the Cluster says so.

use std::sync::Arc;
use std::time::Duration;

use atoll_crds::Cluster;
use atoll_crds::names::{annotation, finalizer};
use atoll_decide::failover::Source;
use atoll_decide::ids::ClusterName;
use kube::ResourceExt;

use super::intent::{Intent, Order};
use super::member::Member;
use crate::app::App;
use crate::hub::cluster_write::{self, Written};
use crate::queue::Lane;

/// While copies leave, the Cluster is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One step.
pub async fn drive(app: &Arc<App>, cluster: &Cluster) -> Result<(), kube::Error> {
    let name = ClusterName::from(cluster.name_any());
    if !app.leads() || !cluster.finalizers().iter().any(|held| held == finalizer::CLUSTER) {
        return Ok(());
    }
    let keep = cluster.annotations().get(annotation::KEEP_OBJECTS).is_some_and(|value| value == "true");
    let member = app.members.get(&name);
    let reachable = member.is_some() && app.fleet.view().source(&name) == Source::Known;
    if let Some(member) = member.filter(|_| reachable) {
        let left = take_away(app, &member, keep);
        if left > 0 {
            tracing::info!(cluster = %name, left, "copies are leaving");
            app.members.changed.add_after(name, Lane::User, LOOK_AGAIN);
            return Ok(());
        }
    } else {
        let message = "the cluster does not answer: its objects stay there; remove them by hand if it comes back";
        app.tell_cluster(&name, "ObjectsLeftBehind", message, true);
    }
    let written = cluster_write::marks(&app.hub, cluster, |cluster| {
        cluster.finalizers_mut().retain(|held| held != finalizer::CLUSTER);
    })
    .await?;
    if let Written::Now(cluster) = written {
        app.clusters.put(*cluster);
    }
    Ok(())
}

/// Orders every copy away whose binding has let go of this cluster; returns how
/// many are left.
fn take_away(app: &Arc<App>, member: &Arc<Member>, keep: bool) -> usize {
    let copies = member.copies.all();
    for (key, copy) in &copies {
        let named =
            app.bindings.get(key).is_some_and(|binding| binding.named_clusters().any(|name| name == member.name));
        if keep {
            let intent = Intent::Release { binding: copy.binding.to_string() };
            member.lane.submit(key.clone(), Order { intent, kind: app.kind(key) }, Lane::User);
        } else if named {
            // Its binding still counts on it: the pipeline moves it away first
            // (a deleting cluster is no candidate) and then removes the copy.
            app.reconcile.add(key.clone(), Lane::User);
        }
    }
    copies.len()
}
