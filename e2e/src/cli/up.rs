//! `fleet up`: starts a fleet and tells how to use it.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use atoll_e2e::fleet::{Fleet, FleetDescription, Layout, Progress, numbered_names};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args)]
pub struct Up {
    #[command(flatten)]
    place: super::Place,
    /// Number of members, called m1, m2, ...
    #[arg(long, default_value_t = 3, conflicts_with = "member_names", value_parser = clap::value_parser!(u8).range(1..=50))]
    members: u8,
    /// Names of the members
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    member_names: Vec<String>,
    /// Leave the relay out that can spoil the network: faster, and no `fleet fault` but freeze, thaw, kill and restart
    #[arg(long)]
    no_faults: bool,
    /// Keep etcd's files and the logs when the fleet ends
    #[arg(long)]
    keep_data: bool,
    /// Stay here and end the fleet on Ctrl-C
    #[arg(long)]
    foreground: bool,
}

impl Up {
    pub async fn run(self) -> Result<ExitCode> {
        let names = if self.member_names.is_empty() { numbered_names(self.members.into()) } else { self.member_names };
        let fleet = Fleet::builder()
            .members(names)
            .faults(!self.no_faults)
            .keep_data(self.keep_data)
            .dir(&self.place.dir)
            .progress(Progress::for_stderr())
            .start()
            .await?;
        let dir = fleet.dir().to_owned();
        let guide = guide(&dir, fleet.description())?;
        if !self.foreground {
            // First: nothing that happens while it is told may end the fleet.
            fleet.detach()?;
            tell(&format!("{guide}\nend it with: cargo fleet down --dir {}", dir.display()));
            return Ok(ExitCode::SUCCESS);
        }
        tell(&format!("{guide}\nend it with Ctrl-C"));
        wait_for_signal().await?;
        fleet.shutdown().await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How to use the fleet.
fn guide(dir: &Path, fleet: &FleetDescription) -> Result<String> {
    let mut guide = String::new();
    for cluster in std::iter::once(&fleet.hub).chain(&fleet.members) {
        writeln!(guide, "{:<12} {:<32} {}", cluster.name, cluster.server, cluster.kubeconfig.display())?;
    }
    let kubectl = Layout::new(dir)?.kubectl();
    let member = fleet.members[0].kubeconfig.display();
    writeln!(guide, "\nlook around with: {} --kubeconfig {member} get nodes", kubectl.display())?;
    if fleet.confined {
        let dir = dir.display();
        writeln!(guide, "other programs reach these addresses only by: cargo fleet exec --dir {dir} -- COMMAND")?;
    }
    Ok(guide)
}

/// Says it to whoever still listens.
fn tell(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

async fn wait_for_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
