//! The two processes around a fleet's namespaces.
//!
//! [`watch`] is the outer one: it holds the folder's lock, starts the supervisor
//! as process 1 of a new PID namespace, waits for it and removes the files. [`enter`]
//! is the first thing the inner one does: it ties its life to the outer one's and moves into
//! its own mount namespace. When either dies, of whatever, the kernel ends every
//! process of the fleet, and with the last one its network and its data go.

use std::env;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, setsid};
use tokio::process::{Child, Command};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::layout::Layout;
use super::spec::FleetSpec;
use super::supervisor::{self, Event};

/// The hidden subcommand that ends in [`enter`].
pub const INNER_COMMAND: &str = "supervise-inside";
/// How long a fleet may take to end by itself before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(15);

/// Guards the fleet `spec` until it has ended. Must be called before the
/// process has any thread: a process that left its PID namespace makes no more.
pub fn watch(spec: &FleetSpec) -> Result<()> {
    let result = guard(spec);
    if let Err(error) = &result {
        // After a failure of the supervisor itself the owner has heard the reason already.
        supervisor::tell(&Event::Failed { reason: format!("{error:#}") });
    }
    result
}

fn guard(spec: &FleetSpec) -> Result<()> {
    let layout = Layout::new(&spec.dir)?;
    layout.claim()?;
    let lock = take_lock(&layout)?;
    layout.clear()?;
    layout.create()?;
    // A session of its own: Ctrl-C in the owner's terminal reaches the owner alone, which then closes the pipe.
    setsid().context("leaving the terminal's session")?;
    unshare(CloneFlags::CLONE_NEWPID).context("making a PID namespace (needs root or user namespaces)")?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let status = runtime.block_on(run_inner(spec));
    if !spec.keep_data {
        layout.remove(status.as_ref().is_ok_and(ExitStatus::success))?;
    }
    drop(lock);
    let status = status?;
    ensure!(status.success(), "the supervisor ended with {status}");
    Ok(())
}

/// Takes the folder for this fleet.
fn take_lock(layout: &Layout) -> Result<File> {
    let lock = File::create(layout.lock()).with_context(|| format!("opening {}", layout.lock().display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let root = layout.root().display();
            bail!("a fleet runs in {root} already; end it with `cargo fleet down --dir {root}`")
        }
        Err(TryLockError::Error(error)) => Err(error).context("locking the fleet's folder"),
    }
}

/// Whether a guard holds the folder.
pub fn is_guarded(layout: &Layout) -> bool {
    let Ok(lock) = File::open(layout.lock()) else { return false };
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

async fn run_inner(spec: &FleetSpec) -> Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut inner = Command::new(env::current_exe().context("finding this program")?)
        .arg(INNER_COMMAND)
        .arg("--spec")
        .arg(serde_json::to_string(spec).context("writing the spec")?)
        .arg("--supervisor")
        .arg(std::process::id().to_string())
        .spawn()
        .context("starting the supervisor")?;
    tokio::select! {
        status = inner.wait() => return status.context("waiting for the supervisor"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    end(&mut inner).await
}

async fn end(inner: &mut Child) -> Result<ExitStatus> {
    if let Some(id) = inner.id().and_then(|id| i32::try_from(id).ok()) {
        kill(Pid::from_raw(id), Signal::SIGTERM).context("ending the supervisor")?;
    }
    if let Ok(status) = timeout(END_DEADLINE, inner.wait()).await {
        return status.context("waiting for the supervisor");
    }
    inner.kill().await.context("killing the supervisor")?;
    inner.wait().await.context("waiting for the killed supervisor")
}

/// Runs the supervisor as process 1. Must be called before the process has any thread.
pub fn enter(spec: &FleetSpec, supervisor: u32) -> Result<()> {
    let layout = Layout::new(&spec.dir)?;
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).context("tying the supervisor to its guard")?;
    // A guard that died before that line gives no signal any more, but holds no lock either.
    ensure!(is_guarded(&layout), "the guard is gone");
    unshare(CloneFlags::CLONE_NEWNS).context("making a mount namespace")?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).context("keeping mounts private")?;
    // Where the kernel refuses (some containers cover parts of /proc), the outer one stays, which
    // lists more processes and is right about `/proc/self` all the same.
    let _ = mount(Some("proc"), "/proc", Some("proc"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, none);
    if !spec.keep_data {
        mount_memory(&layout.data())?;
    }
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")?;
    runtime.block_on(supervisor::run(spec, supervisor))
}

fn mount_memory(folder: &Path) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("mode=0700"))
        .with_context(|| format!("mounting memory on {}", folder.display()))
}
