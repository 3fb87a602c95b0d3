//! One process of a cluster.
//!
//! In: what to run, where, and the log file. Out: a running process that can be
//! frozen, killed and started again with the very same arguments. Never
//! restarts anything by itself: a component that died is a fact to report.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::control_plane::last_lines;
use super::place::Place;

/// Lines of a log an error shows.
const LOG_TAIL: usize = 12;

/// Which process of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// The store.
    Etcd,
    /// kube-apiserver.
    Apiserver,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The stand-in kubelet.
    Kubelet,
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Etcd => "etcd",
            Self::Apiserver => "apiserver",
            Self::ControllerManager => "controller-manager",
            Self::Scheduler => "scheduler",
            Self::Kubelet => "kubelet",
        })
    }
}

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentState {
    /// Runs.
    Running,
    /// Stopped by `freeze`: takes connections, answers nothing.
    Frozen,
    /// Gone: it was killed, or it ended by itself.
    Dead,
}

/// A program with its arguments.
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Folder it runs in.
    pub folder: PathBuf,
}

/// A process and all it takes to start it again.
pub struct Component {
    program: Program,
    place: Place,
    log: PathBuf,
    child: Child,
    state: ComponentState,
}

impl Component {
    /// Starts `program` at `place`, its output added to `log`.
    pub fn start(program: Program, place: Place, log: &Path) -> Result<Self> {
        let child = spawn(&program, &place, log)?;
        Ok(Self { program, place, log: log.to_owned(), child, state: ComponentState::Running })
    }

    /// Looks whether the process still lives, and tells how it is.
    pub fn observe(&mut self) -> Result<ComponentState> {
        if self.exit_status()?.is_some() {
            self.state = ComponentState::Dead;
        }
        Ok(self.state)
    }

    /// Fails with the end of the log when the process is gone.
    pub fn ensure_alive(&mut self) -> Result<()> {
        match self.exit_status()? {
            None => Ok(()),
            Some(status) => Err(anyhow::anyhow!("it ended with {status}; the end of its log:\n{}", self.log_tail())),
        }
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("{}\n(whole log: {})", last_lines(&text.unwrap_or_default(), LOG_TAIL), self.log.display())
    }

    /// Stops the process without ending it: its sockets still accept, nobody answers.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal_living(Signal::SIGSTOP)?;
        self.state = ComponentState::Frozen;
        Ok(())
    }

    /// Lets a frozen process go on.
    pub fn thaw(&mut self) -> Result<()> {
        self.signal_living(Signal::SIGCONT)?;
        self.state = ComponentState::Running;
        Ok(())
    }

    /// Ends the process at once; connections to it are refused from then on.
    pub fn kill(&mut self) -> Result<()> {
        // A process that ended already is what was asked for.
        self.child.kill().context("killing the process")?;
        self.child.wait().context("waiting for the killed process")?;
        self.state = ComponentState::Dead;
        Ok(())
    }

    /// Asks the process to end by itself, so that it leaves its files in order.
    pub fn terminate(&mut self) -> Result<()> {
        self.signal_living(Signal::SIGTERM)
    }

    /// Kills the process if it lives and starts it anew.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.child = spawn(&self.program, &self.place, &self.log)?;
        self.state = ComponentState::Running;
        Ok(())
    }

    fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("looking after the process")
    }

    fn signal_living(&mut self, signal: Signal) -> Result<()> {
        ensure!(self.exit_status()?.is_none(), "the process is dead; restart it first");
        let id = i32::try_from(self.child.id()).context("a process id beyond the system's own limit")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("sending {signal}"))
    }
}

fn spawn(program: &Program, place: &Place, log: &Path) -> Result<Child> {
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))?;
    let errors = output.try_clone().context("sharing the log")?;
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).current_dir(&program.folder);
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    place.spawn(command).with_context(|| format!("starting {}", program.path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_shell(script: &str, folder: &Path) -> Component {
        let program =
            Program { path: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()], folder: folder.to_owned() };
        Component::start(program, Place::Host, &folder.join("log")).unwrap()
    }

    #[test]
    fn a_dead_component_fails_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut component = start_shell("echo the reason; exit 3", folder.path());
        component.child.wait().unwrap();
        let error = component.ensure_alive().unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("the reason"), "{error}");
        assert_eq!(component.observe().unwrap(), ComponentState::Dead);
        assert!(component.freeze().is_err());
    }

    #[test]
    fn a_component_is_frozen_thawed_killed_and_restarted() {
        let folder = tempfile::tempdir().unwrap();
        let mut component = start_shell("exec sleep 60", folder.path());
        component.freeze().unwrap();
        assert_eq!(component.observe().unwrap(), ComponentState::Frozen);
        component.thaw().unwrap();
        assert_eq!(component.observe().unwrap(), ComponentState::Running);
        component.kill().unwrap();
        assert_eq!(component.observe().unwrap(), ComponentState::Dead);
        component.restart().unwrap();
        assert_eq!(component.observe().unwrap(), ComponentState::Running);
        component.kill().unwrap();
    }
}
