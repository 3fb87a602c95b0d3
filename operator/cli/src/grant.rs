//! `grant`: the operator may write more kinds on a member.
//!
//! Enters: kinds and the member's kubeconfig. Leaves: more rules in the
//! account's cluster role. It takes nothing away; `join --allow` does.

use anyhow::{Context, Result};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::{Api, ResourceExt};

use crate::account::Account;
use crate::args;
use crate::connect::{self, Side};
use crate::console::Console;
use crate::failure::On;
use crate::join::fetch::fetch_kinds;
use crate::planned::Planned;
use crate::registered;
use crate::role;

/// Adds what is missing and says what that was.
pub async fn run(hub: &Side, task: &args::Grant, console: Console) -> Result<()> {
    let name = &task.name;
    let member = connect::member(name, &task.member.cluster_kubeconfig, task.member.cluster_context.as_deref()).await?;
    let cluster = registered::require(hub, name).await?;
    registered::check_same_member(&cluster, &member).await?;
    let kinds = fetch_kinds(hub, &member, &task.allow).await?;
    let account = Account::of(name);
    let role = fetch_role(&member, &account).await?;
    let merged = role::merge(role.rules.as_deref().unwrap_or_default(), &kinds);
    if merged.added.is_empty() {
        console.say(format_args!("the operator may do that on {name} already: nothing to grant"));
        return Ok(());
    }
    let planned = Planned::of(&account.cluster_role(merged.rules, role.resource_version()))?;
    console.detail(planned.manifest());
    planned.apply(&member).await?;
    for kind in &merged.added {
        console.say(format_args!("{}: the operator may write {kind}", member.name));
    }
    Ok(())
}

async fn fetch_role(member: &Side, account: &Account) -> Result<ClusterRole> {
    let roles: Api<ClusterRole> = Api::all(member.client.clone());
    let name = &account.cluster_role;
    let role = roles.get_opt(name).await.on(member, format!("reading clusterrole {name}"))?;
    role.with_context(|| format!("{} has no clusterrole {name}: mend it with `kubectl atoll join` first", member.name))
}
