//! What a [`Fleet`] is made from.

use std::env;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::task::spawn_blocking;

use super::control_plane;
use super::layout::Layout;
use super::progress::{Progress, Step};
use super::spec::{FleetDescription, FleetSpec, numbered_names, validate_names};
use super::supervisor::Event;
use super::{Fleet, Supervisor};

/// The hidden subcommand that runs [`super::guard::watch`].
pub const GUARD_COMMAND: &str = "supervise";
/// Overrides where the fleet's program is looked for.
const PROGRAM_VARIABLE: &str = "ATOLL_FLEET_BIN";

/// Settings of a fleet to be.
#[derive(Clone, Debug)]
pub struct FleetBuilder {
    pub(crate) members: Vec<String>,
    faults: bool,
    dir: Option<PathBuf>,
    keep_data: bool,
    pub(crate) progress: Progress,
}

impl Default for FleetBuilder {
    fn default() -> Self {
        Self { members: numbered_names(1), faults: true, dir: None, keep_data: false, progress: Progress::Silent }
    }
}

impl FleetBuilder {
    /// Names of the members.
    #[must_use]
    pub fn members<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.members = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether packets pass the relay that can spoil them. Benches go without.
    #[must_use]
    pub fn faults(mut self, faults: bool) -> Self {
        self.faults = faults;
        self
    }

    /// Folder of the fleet; by default one that goes with it.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    /// Leaves etcd's files and the logs when the fleet ends.
    #[must_use]
    pub fn keep_data(mut self, keep: bool) -> Self {
        self.keep_data = keep;
        self
    }

    /// Where to show what takes time.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Starts everything and returns when hub and members are of use.
    pub async fn start(self) -> Result<Fleet> {
        validate_names(&self.members)?;
        if let Some(dir) = &self.dir {
            // Before minutes are spent on builds.
            Layout::new(dir)?.check_is_free()?;
        }
        let progress = self.progress;
        let control_plane = spawn_blocking(move || control_plane::ensure_built(progress))
            .await
            .context("building the control plane")??;
        let program = spawn_blocking(find_program).await.context("looking for the fleet's program")??;
        let (folder, dir) = self.folder()?;
        let spec = FleetSpec {
            dir,
            control_plane,
            members: self.members,
            faults: self.faults,
            keep_data: self.keep_data,
            confined: is_confined()?,
        };
        let layout = Layout::new(&spec.dir)?;
        let step = progress.start(&format!("starting a hub and {} members", spec.members.len()));
        let (supervisor, events) = spawn_guard(&program, &spec, &layout)?;
        let description = wait_until_ready(events, &step, &layout).await?;
        step.finish("fleet is up");
        Ok(Fleet { layout, description, supervisor, folder })
    }

    fn folder(&self) -> Result<(Option<TempDir>, PathBuf)> {
        if let Some(dir) = &self.dir {
            return Ok((None, dir.clone()));
        }
        let folder = tempfile::Builder::new().prefix("atoll-fleet-").tempdir().context("making the fleet's folder")?;
        let dir = folder.path().to_owned();
        Ok((Some(folder), dir))
    }
}

fn spawn_guard(program: &Path, spec: &FleetSpec, layout: &Layout) -> Result<(Supervisor, ChildStdout)> {
    layout.claim()?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(layout.supervisor_log())
        .with_context(|| format!("opening {}", layout.supervisor_log().display()))?;
    let mut child = Command::new(program)
        .arg(GUARD_COMMAND)
        .arg("--spec")
        .arg(serde_json::to_string(spec).context("writing the spec")?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let pipe = child.stdin.take();
    let events = child.stdout.take().context("the supervisor's output was piped")?;
    let events = ChildStdout::from_std(events).context("reading the supervisor's output")?;
    Ok((Supervisor { child, pipe, detached: false }, events))
}

async fn wait_until_ready(events: ChildStdout, step: &Step, layout: &Layout) -> Result<FleetDescription> {
    let mut lines = BufReader::new(events).lines();
    while let Some(line) = lines.next_line().await.context("listening to the supervisor")? {
        match serde_json::from_str(&line).with_context(|| format!("understanding the supervisor's {line:?}"))? {
            Event::Progress { step: text } => step.update(&text),
            Event::Ready(description) => return Ok(description),
            Event::Failed { reason } => bail!("the fleet did not start: {reason}"),
        }
    }
    let log = std::fs::read_to_string(layout.supervisor_log()).unwrap_or_default();
    bail!("the fleet did not start: {}", control_plane::last_lines(&log, 12))
}

/// Whether this process is root only by a user namespace of its own: then nobody outside meets the fleet's addresses.
fn is_confined() -> Result<bool> {
    let map = std::fs::read_to_string("/proc/self/uid_map").context("reading this process' user namespace")?;
    Ok(map.split_whitespace().nth(2) == Some("1"))
}

/// The program this library belongs to: named by the environment, this very process, or beside it (cargo
/// puts a package's programs one folder above its tests); built by cargo when it is nowhere.
fn find_program() -> Result<PathBuf> {
    if let Some(named) = env::var_os(PROGRAM_VARIABLE) {
        return Ok(named.into());
    }
    let this = env::current_exe().context("finding this program")?;
    let name = "fleet";
    if this.file_stem().is_some_and(|stem| stem == name) {
        return Ok(this);
    }
    let found = this.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.map_or_else(|| build_program(&this), Ok)
}

fn build_program(this: &Path) -> Result<PathBuf> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "atoll-e2e", "--bin", "fleet"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("building the fleet's program with cargo")?;
    ensure!(
        output.status.success(),
        "building the fleet's program failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let built = this.ancestors().map(|folder| folder.join("debug/fleet")).find(|path| path.is_file());
    built.with_context(|| format!("cargo built the fleet's program, but not near {}", this.display()))
}
