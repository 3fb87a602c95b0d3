//! `fleet bench`: measures, writes JSON, shows a table. Another bench is a module beside the others, a variant of
//! [`Kind`] and a line in each of the two functions below it.

mod bulkhead;
mod drift;
mod file;
mod map;
mod propagation;
mod restart;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use tokio::signal::ctrl_c;

#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// How fast templates reach the members, and what it costs, beside a plain client that makes the same calls
    Propagation(propagation::Propagation),
    /// How surely and how soon changes on members that are nobody's there to make are undone
    Drift(drift::Drift),
    /// How long the operator takes to catch up when it starts anew with everything in place, and what it writes
    Restart(restart::Restart),
    /// What a black-holed member costs the others
    Bulkhead(bulkhead::Bulkhead),
    /// How fast the fleet map is, beside the other maps it could stand on, with ten thousand tasks
    Map(map::Map),
}

impl Bench {
    pub async fn run(self) -> Result<ExitCode> {
        match self.kind {
            Kind::Propagation(task) => task.run().await,
            Kind::Drift(task) => unless_interrupted(task.run()).await,
            Kind::Restart(task) => unless_interrupted(task.run()).await,
            Kind::Bulkhead(task) => unless_interrupted(task.run()).await,
            Kind::Map(task) => unless_interrupted(task.run()).await,
        }
        .map(|()| ExitCode::SUCCESS)
    }

    /// Whether it needs to make networks, as `fleet up` does.
    pub fn starts_a_fleet(&self) -> bool {
        match &self.kind {
            Kind::Propagation(task) => task.starts_a_fleet(),
            Kind::Drift(_) | Kind::Restart(_) | Kind::Bulkhead(_) => true,
            Kind::Map(_) => false,
        }
    }
}

/// A bench on clusters of its own leaves nothing when it is given up: they go with it.
async fn unless_interrupted(task: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        ended = task => ended,
        interrupted = ctrl_c() => match interrupted {
            Ok(()) => bail!("interrupted"),
            Err(error) => Err(error.into()),
        },
    }
}
