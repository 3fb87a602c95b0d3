//! `unjoin`: a member leaves the fleet.
//!
//! Enters: the name, and the member's kubeconfig where its account is to go as
//! well. Leaves: no Cluster on the hub, no account on the member. Moving and
//! removing workloads is the operator's: this waits and says what it sees.

mod clean;
mod progress;
mod wait;

use anyhow::{Result, bail};
use atoll_crds::Cluster;
use atoll_crds::condition::cluster::Ready;
use atoll_crds::condition::{ConditionValue, find_condition};
use atoll_crds::names::annotation::KEEP_OBJECTS;
use atoll_crds::names::label::{MANAGED, TRUE};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::args;
use crate::connect::{self, Side};
use crate::console::Console;
use crate::failure::{On, is_not_found};
use crate::planned::MANAGER;
use crate::registered;

/// Takes the member out.
pub async fn run(hub: &Side, task: &args::Unjoin, console: Console) -> Result<()> {
    let member = match &task.cluster_kubeconfig {
        Some(file) => Some(connect::member(&task.name, file, task.cluster_context.as_deref()).await?),
        None => None,
    };
    let cluster = registered::fetch(hub, &task.name).await?;
    match &cluster {
        Some(cluster) => {
            let unanswered = check_member(cluster, member.as_ref()).await?;
            if let Some(silence) = &unanswered {
                console.warn(format_args!("{silence:#}; the cluster leaves nevertheless, its account stays there"));
            }
            leave(hub, task, cluster, console).await?;
            if let Some(silence) = unanswered {
                return Err(silence.context(format!(
                    "the account of {} stays on the member; once that answers, the same command removes it",
                    task.name
                )));
            }
        }
        None if member.is_none() => {
            bail!("hub: there is no cluster {}; `kubectl get clusters` lists those there are", task.name)
        }
        None => console.say(format_args!("hub: there is no cluster {}, so only its account is removed", task.name)),
    }
    if let Some(member) = &member {
        return clean::clean(member, &task.name, console).await;
    }
    console.say(account_stays(&task.name));
    Ok(())
}

fn account_stays(name: &args::ClusterName) -> String {
    format!(
        "the operator's account stays on the member; `kubectl atoll unjoin {name} --cluster-kubeconfig FILE` removes it"
    )
}

/// Refuses another member's kubeconfig. A member that does not answer is no
/// reason to keep it in the fleet: that is given back.
async fn check_member(cluster: &Cluster, member: Option<&Side>) -> Result<Option<anyhow::Error>> {
    let Some(member) = member else { return Ok(None) };
    match member.client.apiserver_version().await.on(member, "asking for its version") {
        Err(silence) => Ok(Some(silence)),
        Ok(_) => registered::check_same_member(cluster, member).await.map(|()| None),
    }
}

/// Deletes the Cluster and waits for the operator to let it go.
async fn leave(hub: &Side, task: &args::Unjoin, cluster: &Cluster, console: Console) -> Result<()> {
    if task.keep_objects {
        keep_objects(hub, cluster).await?;
    }
    let already = if delete(hub, cluster).await? { "" } else { " already" };
    console.say(format_args!("hub: cluster {} is leaving{already}", task.name));
    if task.no_wait {
        return Ok(());
    }
    let last = wait::until_gone(hub, cluster, task.timeout, console).await?;
    console.say(format_args!("hub: cluster {} is gone", task.name));
    console.say(fate_of_objects(&last, task.keep_objects));
    Ok(())
}

async fn keep_objects(hub: &Side, cluster: &Cluster) -> Result<()> {
    let name = cluster.name_any();
    let patch = json!({"metadata": {"annotations": {KEEP_OBJECTS: TRUE}, "uid": cluster.uid()}});
    let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    let patched = clusters.patch(&name, &parameters, &Patch::Merge(patch)).await;
    patched.map(|_| ()).on(hub, format!("annotating cluster {name}"))
}

/// Deletes this very Cluster; false when it was being deleted already.
async fn delete(hub: &Side, cluster: &Cluster) -> Result<bool> {
    if cluster.metadata.deletion_timestamp.is_some() {
        return Ok(false);
    }
    let name = cluster.name_any();
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    let this = Preconditions { uid: cluster.uid(), resource_version: None };
    // In the background: the Secret must outlive the Cluster, as the operator
    // needs it until the end.
    match clusters.delete(&name, &DeleteParams::background().preconditions(this)).await {
        Err(error) if is_not_found(&error) => Ok(true),
        answer => answer.map(|_| true).on(hub, format!("deleting cluster {name}")),
    }
}

/// What became of the federation's objects, as far as the Cluster's last state
/// tells.
fn fate_of_objects(last: &Cluster, keep: bool) -> String {
    let name = last.name_any();
    let find = format!("`kubectl get all,configmaps,secrets -A -l {MANAGED}={TRUE}` on the member shows them");
    if keep || last.annotations().get(KEEP_OBJECTS).map(String::as_str) == Some(TRUE) {
        return format!("its objects stay on {name}, as asked for; {find}");
    }
    let conditions = last.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    match find_condition(conditions, Ready::TYPE) {
        Some(ready) if ready.status != "True" => format!(
            "{name} was not ready when it left ({}: {}): what the operator could not remove stays there; {find}",
            ready.reason, ready.message
        ),
        Some(_) => format!("its objects were removed from {name}"),
        None => {
            format!("the operator never reported on {name}: should it have written there, its objects stay; {find}")
        }
    }
}

#[cfg(test)]
mod tests {
    use atoll_crds::{ClusterSpec, ClusterStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn last(ready: Ready) -> Cluster {
        let now: Time = serde_json::from_value("2026-01-01T00:00:00Z".into()).unwrap();
        let conditions = vec![ready.condition("no answer", None, now)];
        let mut cluster = Cluster::new("m1", ClusterSpec::default());
        cluster.status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
        cluster
    }

    #[test]
    fn objects_of_an_unreachable_member_are_said_to_stay() {
        let text = fate_of_objects(&last(Ready::NotReachable), false);
        assert!(text.contains("stays there") && text.contains("no answer"), "{text}");
    }

    #[test]
    fn objects_are_said_to_be_removed_only_where_the_member_was_ready() {
        assert!(fate_of_objects(&last(Ready::Ready), false).contains("were removed"));
        assert!(fate_of_objects(&last(Ready::Ready), true).contains("stay on m1"));
        let unseen = Cluster::new("m1", ClusterSpec::default());
        assert!(fate_of_objects(&unseen, false).contains("stay"));
    }
}
