//! `fleet exec`: runs a command where the fleet's addresses answer.
//!
//! Needed for a fleet started without root, whose network is invisible from outside, and to see the
//! network as one of the members does.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use atoll_e2e::fleet::{FleetDescription, Layout};
use atoll_e2e::net::join_namespaces;
use clap::Args;

#[derive(Args)]
pub struct Exec {
    #[command(flatten)]
    place: super::Place,
    /// In the network of this member instead of the hub's
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Exec {
    /// Becomes the command; returns only if that fails. Must run before the process has any thread.
    pub fn run(self) -> Result<ExitCode> {
        let layout = Layout::new(&self.place.dir)?;
        let fleet = FleetDescription::fetch(&layout)?;
        let process = match &self.member {
            None => fleet.supervisor,
            Some(name) => find_thread(&fleet, &fleet.member(name)?.network_namespace)
                .with_context(|| format!("entering the network of {name}"))?,
        };
        join_namespaces(process)?;
        let (program, arguments) = self.command.split_first().context("no command given")?;
        let failure = Command::new(program)
            .args(arguments)
            .env("KUBECONFIG", &fleet.cluster(self.member.as_deref().unwrap_or(&fleet.hub.name))?.kubeconfig)
            .exec();
        Err(failure).with_context(|| format!("running {}", program.display()))
    }
}

/// A thread of the supervisor that lives in `namespace`. The supervisor counts processes from 1, so
/// it cannot tell which number its threads have out here.
fn find_thread(fleet: &FleetDescription, namespace: &str) -> Result<u32> {
    let guard = fleet.supervisor;
    let children = fs::read_to_string(format!("/proc/{guard}/task/{guard}/children"))
        .with_context(|| format!("looking at the supervisor {guard}"))?;
    let inner = children.split_whitespace().next().context("the supervisor has ended")?;
    for entry in fs::read_dir(format!("/proc/{inner}/task")).context("listing the supervisor's threads")? {
        let path = entry.context("listing the supervisor's threads")?.path();
        // A thread may end while the list is read.
        let found = fs::read_link(path.join("ns/net")).is_ok_and(|link| link.as_os_str() == namespace);
        if let Some(id) = path.file_name().and_then(|name| name.to_str()?.parse().ok()).filter(|_| found) {
            return Ok(id);
        }
    }
    anyhow::bail!("no thread of the supervisor lives in {namespace}")
}
