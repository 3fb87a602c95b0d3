//! One operator process.
//!
//! In: its program and arguments. Out: a process that said it is ready, its metrics, its log. It writes nothing on
//! any cluster and reads only what every operator shows.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Programs, http, keeper, wait};
use crate::fleet::{Fleet, Layout};

/// The operator is ready in a second; this is for a machine that runs a whole test suite beside it.
const READY_DEADLINE: Duration = Duration::from_mins(1);
/// The operator gives its parts 10 s, twice.
const STOP_DEADLINE: Duration = Duration::from_secs(25);
/// The line of its log that tells where it serves health and metrics.
const SERVING: &str = "serving health and metrics";
/// The line that tells where it answers questions about its inside.
const DEBUGGING: &str = "serving debug endpoints";
/// How much of a log explains a failure.
const TAIL_LINES: usize = 15;
/// Enough for [`TAIL_LINES`] of any length that occurs.
const TAIL_BYTES: i64 = 64 * 1024;

/// An operator that runs, or ran.
///
/// Dropping it kills the process.
pub struct Operator {
    name: String,
    command: Vec<String>,
    keeper: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    running: Mutex<Option<Running>>,
}

/// The process.
struct Running {
    keeper: Child,
    id: u32,
    address: SocketAddr,
    detached: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.detached {
            // A keeper that has ended already has no operator left to kill.
            let _ = tell(&self.keeper, Signal::SIGQUIT);
        }
    }
}

impl Operator {
    /// An operator of the fleet's hub, not yet started. `name` is its log's.
    pub(super) fn new(name: &str, fleet: &Fleet, programs: &Programs, arguments: &[&str]) -> Result<Self> {
        let hub = fleet.hub_kubeconfig().to_string_lossy().into_owned();
        let program = programs.operator.to_string_lossy().into_owned();
        let mut fixed = vec!["run", "--kubeconfig", &hub, "--install-crds", "--log-format", "json"];
        fixed.extend(["--listen", "127.0.0.1:0", "--debug-bind", "127.0.0.1:0"]);
        let command = [program.as_str()].iter().chain(&fixed).chain(arguments).map(ToString::to_string).collect();
        Ok(Self {
            name: name.to_owned(),
            command,
            keeper: programs.fleet.clone(),
            dir: fleet.dir().to_owned(),
            log: Layout::new(fleet.dir())?.logs().join(format!("{name}.log")),
            running: Mutex::new(None),
        })
    }

    /// Starts the process; returns when it says that it is ready.
    pub async fn start(&self) -> Result<()> {
        ensure!(!self.is_running(), "the operator {} runs already", self.name);
        let (running, told) = self.spawn().await?;
        *self.locked() = Some(running);
        let address = self.wait_for_address(told).await?;
        if let Some(running) = self.locked().as_mut() {
            running.address = address;
        }
        let ready = async || self.fetch("/readyz").await.map_err(|error| format!("{error:#}"));
        self.wait("is ready", ready).await.map(drop)
    }

    /// Asks the process to stop, as a machine that shuts down would; returns when it has ended.
    pub async fn stop(&self) -> Result<()> {
        self.end(Signal::SIGTERM).await
    }

    /// Kills the process; returns when it has ended.
    pub async fn kill(&self) -> Result<()> {
        self.end(Signal::SIGQUIT).await
    }

    /// Stops the process and starts it anew with the same arguments.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    /// What it tells a scraper, as text.
    pub async fn metrics(&self) -> Result<String> {
        self.fetch("/metrics").await
    }

    /// Sum of the metric `name` over all series whose labels contain `labels`, such as `cluster="m1"`; 0 when there is none.
    pub async fn metric(&self, name: &str, labels: &str) -> Result<f64> {
        Ok(sum(&self.metrics().await?, name, labels))
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.locked().as_ref().map(|running| running.id)
    }

    /// Where it serves health and metrics, while it runs.
    pub fn address(&self) -> Option<SocketAddr> {
        self.locked().as_ref().map(|running| running.address)
    }

    /// Where it answers questions about its inside: the last place that its log names.
    pub fn debug_address(&self) -> Result<SocketAddr> {
        let log = read_from(&self.log, SeekFrom::Start(0))?;
        find_address(&log, DEBUGGING).with_context(|| format!("{}: no line says {DEBUGGING:?}", self.log.display()))
    }

    /// Whether the process was started and has not ended, be it by itself.
    pub fn is_running(&self) -> bool {
        self.locked().as_mut().is_some_and(|running| matches!(running.keeper.try_wait(), Ok(None)))
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        read_from(&self.log, SeekFrom::End(-TAIL_BYTES)).map_or_else(
            |error| format!("(not readable: {error:#})"),
            |text| {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
            },
        )
    }

    /// Lets the process live as long as the fleet does.
    pub(super) fn detach(&self) {
        if let Some(running) = self.locked().as_mut() {
            running.detached = true;
        }
    }

    /// Starts the process; returns it and where in the log its lines begin.
    async fn spawn(&self) -> Result<(Running, u64)> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening {}", self.log.display()))?;
        let told = log.metadata().with_context(|| format!("looking at {}", self.log.display()))?.len();
        let mut keeper = Command::new(&self.keeper)
            .arg(keeper::COMMAND)
            .arg("--dir")
            .arg(&self.dir)
            .arg("--")
            .args(&self.command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C is for the stage, which ends the operator in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", self.keeper.display()))?;
        let output = keeper.stdout.take().context("the keeper's output was piped")?;
        let line = BufReader::new(output).lines().next_line().await.context("reading the operator's process id")?;
        let Some(id) = line.and_then(|line| line.parse().ok()) else { bail!("{}", self.why_not()) };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok((Running { keeper, id, address, detached: false }, told))
    }

    async fn wait_for_address(&self, told: u64) -> Result<SocketAddr> {
        let find = async || {
            let text = read_from(&self.log, SeekFrom::Start(told)).map_err(|error| format!("{error:#}"))?;
            find_address(&text, SERVING).ok_or_else(|| "no such line in its log".to_owned())
        };
        self.wait("serves health and metrics", find).await
    }

    /// Waits for `probe` as long as there is hope: not for a process that has ended.
    async fn wait<T>(&self, what: &str, probe: impl AsyncFn() -> Result<T, String>) -> Result<T> {
        let what = format!("the operator {} {what}", self.name);
        let found = wait::until(&what, READY_DEADLINE, async || match probe().await {
            Ok(found) => Ok(Some(found)),
            Err(seen) if self.is_running() => Err(seen),
            Err(_) => Ok(None),
        });
        found.await.and_then(|found| found.context("it has ended")).with_context(|| self.why_not())
    }

    fn why_not(&self) -> String {
        let ended = self.locked().as_mut().and_then(|running| running.keeper.try_wait().ok().flatten());
        let ended = ended.map_or_else(String::new, |status| format!(" ({status})"));
        format!("the operator {} did not start{ended}; the end of its log:\n{}", self.name, self.log_tail())
    }

    async fn end(&self, signal: Signal) -> Result<()> {
        let Some(mut running) = self.locked().take() else { return Ok(()) };
        tell(&running.keeper, signal).with_context(|| format!("ending the operator {}", self.name))?;
        match timeout(STOP_DEADLINE, running.keeper.wait()).await {
            Ok(ended) => ended.map(drop).with_context(|| format!("waiting for the operator {}", self.name)),
            Err(_) => bail!("the operator {} did not stop within {} s", self.name, STOP_DEADLINE.as_secs()),
        }
    }

    async fn fetch(&self, path: &str) -> Result<String> {
        let address = self.address().with_context(|| format!("the operator {} does not run", self.name))?;
        http::fetch(address, path).await.with_context(|| format!("asking the operator {}", self.name))
    }

    fn locked(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signals the keeper, unless it has ended: then there is nobody to tell.
fn tell(keeper: &Child, signal: Signal) -> Result<()> {
    match keeper.id().and_then(|id| i32::try_from(id).ok()) {
        Some(id) => kill(Pid::from_raw(id), signal).with_context(|| format!("sending {signal}")),
        None => Ok(()),
    }
}

fn read_from(path: &Path, start: SeekFrom) -> Result<String> {
    let context = || format!("reading {}", path.display());
    let length = i64::try_from(fs::metadata(path).with_context(context)?.len()).unwrap_or(i64::MAX);
    let start = match start {
        SeekFrom::End(back) if length + back < 0 => SeekFrom::Start(0),
        start => start,
    };
    let mut file = File::open(path).with_context(context)?;
    file.seek(start).with_context(context)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).with_context(context)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The address in the last line that says so.
fn find_address(log: &str, says: &str) -> Option<SocketAddr> {
    let lines = log.lines().rev().filter(|line| line.contains(says));
    let mut parsed = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.find_map(|line| line["address"].as_str()?.parse().ok())
}

/// The sum over the series of one metric in the text format of Prometheus.
fn sum(metrics: &str, name: &str, labels: &str) -> f64 {
    let series = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}').filter(|(held, _)| held.contains(labels))?.1,
            None if labels.is_empty() => rest.strip_prefix(' ')?,
            None => return None,
        };
        value.split_whitespace().next()?.parse::<f64>().ok()
    });
    series.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_among_other_lines() {
        let log = "{\"message\":\"CRDs are installed\"}\nnot json: serving health and metrics\n\
                   {\"level\":\"INFO\",\"message\":\"serving health and metrics\",\"address\":\"127.0.0.1:4711\"}\n";
        assert_eq!(find_address(log, SERVING), Some(SocketAddr::from(([127, 0, 0, 1], 4711))));
        assert_eq!(find_address("{\"message\":\"atoll is running\",\"address\":\"127.0.0.1:1\"}\n", SERVING), None);
    }

    #[test]
    fn a_metric_is_summed_over_the_series_that_carry_the_labels() {
        let metrics = "# TYPE writes counter\nwrites_total{cluster=\"m1\",kind=\"a\"} 2\n\
                       writes_total{cluster=\"m2\",kind=\"a\"} 3\nwrites_total_other 9\nup 1\n";
        let near = |value: f64, wanted: f64| (value - wanted).abs() < f64::EPSILON;
        assert!(near(sum(metrics, "writes_total", ""), 5.0));
        assert!(near(sum(metrics, "writes_total", "cluster=\"m1\""), 2.0));
        assert!(near(sum(metrics, "up", ""), 1.0));
        assert!(near(sum(metrics, "down", ""), 0.0));
    }

    #[test]
    fn the_end_of_a_short_log_is_all_of_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\ntwo\n").unwrap();
        assert_eq!(read_from(file.path(), SeekFrom::End(-TAIL_BYTES)).unwrap(), "one\ntwo\n");
    }
}
