//! `join`: fetch → validate → plan → apply.
//!
//! Enters: the hub, a member's kubeconfig, what the operator may do there.
//! Leaves: the account on the member; Secret and Cluster on the hub. Nothing is
//! written anywhere before both clusters have answered and the plan stands.

mod apply;
pub mod fetch;
mod plan;
mod token;
mod validate;

use anyhow::Result;

use crate::args;
use crate::connect::{self, Side};
use crate::console::Console;
use crate::role::Grant;

/// The two clusters of one join.
pub struct Ends<'a> {
    hub: &'a Side,
    member: Side,
}

/// Registers the member, or refreshes its registration.
pub async fn run(hub: &Side, task: &args::Join, console: Console) -> Result<()> {
    let member = connect::member(&task.name, &task.member.cluster_kubeconfig, task.member.cluster_context.as_deref());
    let ends = Ends { hub, member: member.await? };
    console.detail(format_args!("{}: {}", ends.member.name, ends.member.url()));
    let found = fetch::fetch(&ends, task).await?;
    console.say(format_args!("{} answers: Kubernetes {}, id {}", ends.member.name, found.version, found.id));
    let validated = validate::validate(task, &ends, found)?;
    validated.warnings.iter().for_each(|warning| console.warn(warning));
    let plan = plan::plan(task, &validated)?;
    if !plan.taken.is_empty() {
        console.warn(format_args!("the operator may no longer write {} on {}", plan.taken.join(", "), task.name));
    }
    apply::check_cluster(ends.hub, &plan.cluster).await?;
    if task.dry_run {
        show(&plan, console);
        return Ok(());
    }
    apply::apply(&ends, &plan, console).await?;
    console.say(format_args!("{} has joined. {}", task.name, rights(&plan)));
    Ok(())
}

fn show(plan: &plan::Plan, console: Console) {
    for (side, objects) in [("member", &plan.member), ("hub", &plan.hub)] {
        for object in objects {
            console.say(format_args!("would apply on the {side}: {object}"));
            console.detail(object.manifest());
        }
    }
    console.say("would take the account's token to the hub: secret, then cluster");
    console.detail(plan.cluster.manifest());
    console.say(rights(plan));
}

fn rights(plan: &plan::Plan) -> String {
    match &plan.grant {
        Grant::Everything => "The operator may do everything there.".to_owned(),
        Grant::Kinds(kinds) => {
            let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            format!("The operator may write there: {}.", names.join(", "))
        }
    }
}
