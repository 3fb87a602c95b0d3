//! The command line: parse, choose, run. One file per subcommand below.
//!
//! Commands that enter namespaces run before any thread exists; all others get
//! a runtime. Another subcommand is a module, a variant of [`Task`] and a line in [`run_task`].

mod bench;
mod demo;
mod down;
mod exec;
mod fault;
mod kubectl;
mod status;
mod up;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use atoll_e2e::fleet::{FleetSpec, GUARD_COMMAND, KUBELET_COMMAND, guard};
use atoll_e2e::kubelet;
use atoll_e2e::net::enter_user_namespace;
use atoll_e2e::stage::keeper;
use clap::{Args, Parser, Subcommand};
use nix::unistd::geteuid;
use tokio_util::sync::CancellationToken;

/// Subcommands whose own `--` separates somebody else's arguments.
const FORWARDING: [&str; 2] = ["exec", "kubectl"];

#[derive(Parser)]
#[command(name = "fleet", about = "A hub and its member clusters on this machine, made of real control planes")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure
    Bench(bench::Bench),
    /// Show what Atoll does, on clusters started for it
    Demo(demo::Demo),
    /// Start a fleet and leave it running
    Up(up::Up),
    /// End the fleet of a folder
    Down(down::Down),
    /// Tell which processes run
    Status(status::Status),
    /// Spoil the network or a process, and mend it again
    Fault(fault::Fault),
    /// Run a command where the fleet's addresses answer
    Exec(exec::Exec),
    /// Run kubectl against one of the clusters
    Kubectl(kubectl::Kubectl),
    #[command(hide = true, name = KUBELET_COMMAND)]
    Kubelet(kubelet::Config),
    #[command(hide = true, name = keeper::COMMAND)]
    Keep(keeper::Config),
    #[command(hide = true, name = GUARD_COMMAND)]
    Supervise(Supervise),
    #[command(hide = true, name = guard::INNER_COMMAND)]
    SuperviseInside(SuperviseInside),
}

impl Task {
    /// Whether it needs to make networks, so that an ordinary user has to become root of a namespace first.
    fn starts_a_fleet(&self) -> bool {
        match self {
            Self::Up(_) | Self::Demo(_) => true,
            Self::Bench(task) => task.starts_a_fleet(),
            _ => false,
        }
    }
}

/// Which fleet.
#[derive(Args)]
struct Place {
    /// Folder of the fleet
    #[arg(long, env = "ATOLL_FLEET_DIR", value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Args)]
struct Supervise {
    #[arg(long, value_parser = parse_spec)]
    spec: FleetSpec,
}

#[derive(Args)]
struct SuperviseInside {
    #[arg(long, value_parser = parse_spec)]
    spec: FleetSpec,
    #[arg(long)]
    supervisor: u32,
}

fn parse_spec(text: &str) -> Result<FleetSpec, serde_json::Error> {
    serde_json::from_str(text)
}

/// Runs the program with these arguments, its own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode> {
    let arguments = strip_stray_separators(arguments.into_iter().collect());
    match Cli::parse_from(arguments).task {
        Task::Supervise(task) => guard::watch(&task.spec).map(|()| ExitCode::SUCCESS),
        Task::SuperviseInside(task) => guard::enter(&task.spec, task.supervisor).map(|()| ExitCode::SUCCESS),
        Task::Exec(task) => task.run(),
        Task::Kubectl(task) => task.run(),
        task => {
            if task.starts_a_fleet() && !geteuid().is_root() {
                enter_user_namespace()?;
            }
            run_task(task)
        }
    }
}

fn run_task(task: Task) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    runtime.block_on(async {
        match task {
            Task::Bench(task) => task.run().await,
            Task::Demo(task) => task.run().await,
            Task::Up(task) => task.run().await,
            Task::Down(task) => task.run().await,
            Task::Status(task) => task.run().await,
            Task::Fault(task) => task.run().await,
            Task::Kubelet(config) => run_kubelet(config).await,
            Task::Keep(config) => keeper::run(config).await,
            Task::Exec(_) | Task::Kubectl(_) | Task::Supervise(_) | Task::SuperviseInside(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Runs until it is killed: the supervisor ends it like every process of a fleet.
async fn run_kubelet(config: kubelet::Config) -> Result<ExitCode> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    kubelet::run(config, CancellationToken::new()).await.map(|()| ExitCode::SUCCESS)
}

/// Removes the `--` that cargo's users write before a program's arguments: cargo's aliases have one already, so a
/// second one reaches us, before the subcommand or directly after it.
fn strip_stray_separators(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|argument| argument == "--") {
        arguments.remove(1);
    }
    let forwards = arguments.get(1).is_some_and(|task| FORWARDING.iter().any(|name| task == name));
    if !forwards && arguments.get(2).is_some_and(|argument| argument == "--") {
        arguments.remove(2);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn stripped(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        strip_stray_separators(words).join(&OsString::from(" ")).into_string().unwrap()
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_separator_before_or_after_the_subcommand_means_nothing() {
        assert_eq!(stripped("fleet -- up --members 1"), "fleet up --members 1");
        assert_eq!(stripped("fleet demo -- --json F"), "fleet demo --json F");
        assert_eq!(stripped("fleet demo --json F"), "fleet demo --json F");
    }

    #[test]
    fn the_separator_of_a_forwarded_command_stays() {
        assert_eq!(stripped("fleet exec -- ls -l"), "fleet exec -- ls -l");
        assert_eq!(stripped("fleet -- kubectl -- get pods"), "fleet kubectl -- get pods");
    }
}
