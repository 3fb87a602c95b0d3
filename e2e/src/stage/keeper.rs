//! The process between a stage and an operator: it ties the operator's life to the fleet's.
//!
//! In: the fleet's folder and a command. Out: the command's process id on standard output, then its exit code. The
//! command ends with the fleet, in whatever way that ends, also when the stage's own process was killed; a detached fleet
//! keeps it. SIGTERM asks it to stop, SIGQUIT kills it.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::thread;

use anyhow::{Context, Result};
use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::fleet::Layout;

/// The hidden subcommand that ends in [`run`].
pub const COMMAND: &str = "keep";

/// What a keeper is told.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Folder of the fleet
    #[arg(long)]
    pub dir: PathBuf,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// Runs the command until it ends or has to.
pub async fn run(config: Config) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut quit = signal(SignalKind::quit()).context("listening for SIGQUIT")?;
    let fleet_ended = watch_fleet(&Layout::new(&config.dir)?)?;
    tokio::pin!(fleet_ended);
    let (program, arguments) = config.command.split_first().context("no command given")?;
    let mut child = Command::new(program)
        .args(arguments)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    println!("{}", child.id().context("the command has a process id until it was waited for")?);
    let mut watches = true;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status.context("waiting for the command")?)),
            _ = terminate.recv() => ask_to_stop(&child)?,
            _ = quit.recv() => child.start_kill().context("killing the command")?,
            ended = &mut fleet_ended, if watches => {
                watches = false;
                // A thread that could not wait is no proof that the fleet has ended.
                if ended.is_ok() {
                    child.start_kill().context("killing the command")?;
                }
            }
        }
    }
}

/// Resolves when the fleet's guard has let go of its lock, which the kernel does for a guard that was killed.
fn watch_fleet(layout: &Layout) -> Result<oneshot::Receiver<()>> {
    let path = layout.lock();
    let lock = File::open(&path).with_context(|| format!("opening {}: no fleet runs there", path.display()))?;
    let (sender, receiver) = oneshot::channel();
    // A thread of its own: it waits as long as the fleet lives, and nobody waits for it.
    thread::spawn(move || {
        if lock.lock_shared().is_ok() {
            // Nobody listens any more when the command ended first.
            let _ = sender.send(());
        }
    });
    Ok(receiver)
}

fn ask_to_stop(child: &Child) -> Result<()> {
    match child.id().and_then(|id| i32::try_from(id).ok()) {
        Some(id) => kill(Pid::from_raw(id), Signal::SIGTERM).context("asking the command to stop"),
        None => Ok(()),
    }
}

/// What a shell would say: 128 for a signal.
fn code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128))
}
