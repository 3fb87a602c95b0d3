//! `kubectl atoll`: members join the fleet, get more rights, leave it; and what
//! the operator decided is explained.
//!
//! Enters: a command line and two kubeconfigs, the hub's and a member's.
//! Leaves: the account the operator uses on the member, its Secret and Cluster
//! on the hub. It moves no workload: that is the operator's alone, which is told
//! by the Cluster object.

mod account;
mod approve;
mod args;
mod connect;
mod console;
mod failure;
mod get;
mod grant;
mod join;
mod kinds;
mod operator;
mod output;
mod planned;
mod registered;
mod role;
mod snapshot;
mod unjoin;
mod why;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use args::{Cli, Task};
use console::Console;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.global.verbose);
    match run(cli, console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, console: Console) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime of this program")?;
    runtime.block_on(async {
        let hub = connect::hub(&cli.global).await?;
        console.detail(format_args!("hub: {}", hub.url()));
        match cli.task {
            Task::Join(task) => join::run(&hub, &task, console).await,
            Task::Grant(task) => grant::run(&hub, &task, console).await,
            Task::Unjoin(task) => unjoin::run(&hub, &task, console).await,
            Task::ApproveDeletes(task) => approve::run(&hub, &task, console).await,
            Task::Why(task) => why::run(&hub, &task, console).await,
            Task::Snapshot(task) => snapshot::run(&hub, &task, console).await,
            Task::Get(task) => get::run(&hub, &task, console).await,
        }
    })
}
