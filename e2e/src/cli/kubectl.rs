//! `fleet kubectl`: the kubectl that belongs to the clusters, against one of them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use atoll_e2e::fleet::{FleetDescription, HUB, Layout};
use atoll_e2e::net::join_namespaces;
use clap::Args;

#[derive(Args)]
pub struct Kubectl {
    #[command(flatten)]
    place: super::Place,
    /// `hub` or the name of a member
    #[arg(long, default_value = HUB)]
    cluster: String,
    /// Arguments of kubectl
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Kubectl {
    /// Becomes kubectl; returns only if that fails. Must run before the process has any thread.
    pub fn run(self) -> Result<ExitCode> {
        let layout = Layout::new(&self.place.dir)?;
        let fleet = FleetDescription::fetch(&layout)?;
        let cluster = fleet.cluster(&self.cluster)?;
        if fleet.confined {
            join_namespaces(fleet.supervisor)?;
        }
        let failure = Command::new(&fleet.control_plane)
            .arg("kubectl")
            .env("KUBECONFIG", &cluster.kubeconfig)
            .args(self.arguments)
            .exec();
        Err(failure).with_context(|| format!("running {}", fleet.control_plane.display()))
    }
}
