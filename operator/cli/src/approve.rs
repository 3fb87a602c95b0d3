//! `approve-deletes`: a person lets deletes go on that were paused (promise
//! I7).
//!
//! Enters: the token the operator gave out. Leaves: an annotation on the
//! Cluster; the operator acts on it.

use anyhow::{Result, bail};
use atoll_crds::Cluster;
use atoll_crds::condition::cluster::DeletesPaused;
use atoll_crds::condition::{ConditionValue, find_condition};
use atoll_crds::names::annotation::APPROVE_DELETES;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::args;
use crate::connect::Side;
use crate::console::Console;
use crate::failure::On;
use crate::planned::MANAGER;
use crate::registered;

/// Approves what waits, provided that the token stands for it.
pub async fn run(hub: &Side, task: &args::ApproveDeletes, console: Console) -> Result<()> {
    let cluster = registered::require(hub, &task.name).await?;
    let waiting = validate(&cluster, task)?;
    console.detail(format_args!("approving: {waiting}"));
    let patch = json!({"metadata": {"annotations": {APPROVE_DELETES: task.token}}});
    let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    let patched = clusters.patch(task.name.as_str(), &parameters, &Patch::Merge(patch)).await;
    patched.on(hub, format!("annotating cluster {}", task.name))?;
    console.say(format_args!("deletes on {} are approved: the operator goes on with them", task.name));
    Ok(())
}

/// What waits, in the operator's words.
fn validate<'a>(cluster: &'a Cluster, task: &args::ApproveDeletes) -> Result<&'a str> {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let paused = find_condition(conditions, DeletesPaused::TYPE).filter(|condition| condition.status == "True");
    let Some(paused) = paused else {
        bail!("no deletes are paused on cluster {}: there is nothing to approve", task.name)
    };
    if token(&paused.message, task.name.as_str()) != Some(&task.token) {
        bail!("this token is not for what waits on cluster {} now. Look again: {}", task.name, paused.message);
    }
    Ok(&paused.message)
}

/// The word that the operator's message asks for: what follows this command
/// and the cluster's name there.
fn token<'a>(message: &'a str, cluster: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(&format!("approve-deletes {cluster} "))?;
    rest.split(|at: char| !at.is_ascii_alphanumeric() && at != '-').next()
}

#[cfg(test)]
mod tests {
    use atoll_crds::ClusterStatus;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn approve(condition: Option<(DeletesPaused, &str)>, token: &str) -> Result<String, String> {
        let now: Time = serde_json::from_value("2026-01-01T00:00:00Z".into()).unwrap();
        let conditions = condition.map(|(value, message)| value.condition(message, None, now)).into_iter().collect();
        let mut cluster = Cluster::new("m1", atoll_crds::ClusterSpec::default());
        cluster.status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
        let task = args::ApproveDeletes { name: "m1".parse().unwrap(), token: token.into() };
        validate(&cluster, &task).map(str::to_owned).map_err(|error| error.to_string())
    }

    /// As the operator words it.
    const WAITING: &str = "81 deletes wait on m1: a minute may see 40; if they are meant, run `kubectl atoll \
                           approve-deletes m1 5f3a9c-81`";

    #[test]
    fn the_token_of_what_waits_now_approves_it() {
        assert!(approve(Some((DeletesPaused::BudgetExceeded, WAITING)), "5f3a9c-81").is_ok());
    }

    #[test]
    fn an_old_or_cut_off_token_or_another_word_approves_nothing_and_the_present_message_is_shown() {
        for token in ["5f3a9c-80", "5f3a9c", "", "81", "deletes", "m1"] {
            let paused = Some((DeletesPaused::BudgetExceeded, WAITING));
            let refusal = approve(paused, token).unwrap_err();
            assert!(refusal.contains("5f3a9c-81"), "{token:?}: {refusal}");
        }
    }

    #[test]
    fn where_nothing_is_paused_there_is_nothing_to_approve() {
        assert!(approve(None, "t").is_err());
        assert!(approve(Some((DeletesPaused::WithinBudget, "deletes go on, t")), "t").is_err());
    }
}
