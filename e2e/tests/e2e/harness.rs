//! What every test on a fleet starts from: the fleet they share, the runtime, and the wait for what must become true.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use atoll_e2e::fleet::{Fleet, Progress, control_plane};
use atoll_e2e::net::enter_user_namespace;
use atoll_e2e::stage::Programs;
use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell, RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// A whole test run shares the machine with builds; what takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);
/// No behaviour takes longer; what does hangs.
pub const AT_MOST: Duration = Duration::from_mins(5);
/// How often a behaviour's clock is looked at.
const GLANCE: Duration = Duration::from_millis(500);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads can be started"));
static FLEET: RwLock<Option<Fleet>> = RwLock::const_new(None);
/// Held while the shared fleet starts, so that it starts once.
static STARTING: Mutex<()> = Mutex::const_new(());
static NAMESPACE_MISSING: OnceLock<Option<String>> = OnceLock::new();
static BUILT: OnceCell<()> = OnceCell::const_new();

tokio::task_local! {
    /// When the behaviour that runs is taken to hang; never, while it waits for its turn.
    static END: Cell<Option<Instant>>;
}

/// Gives this process the rights to make networks. Must come before its first thread.
pub fn prepare() {
    let entered = if nix::unistd::geteuid().is_root() { Ok(()) } else { enter_user_namespace() };
    let missing = entered.err().map(|error| format!("{error:#}"));
    if let Some(missing) = NAMESPACE_MISSING.get_or_init(|| missing) {
        eprintln!("no user namespace, tests on fleets will fail: {missing}");
    }
}

/// Why this process may not make networks, if so.
pub fn namespace_missing() -> Option<&'static str> {
    NAMESPACE_MISSING.get()?.as_deref()
}

/// Ends the fleets of the run.
pub fn finish() {
    RUNTIME.block_on(async {
        if let Some(fleet) = FLEET.write().await.take() {
            fleet.shutdown().await.expect("the shared fleet ends");
        }
        crate::scene::finish().await.expect("the stage that tests share ends");
        crate::own_stage::finish().await.expect("the stage of tests that spoil it ends");
    });
}

/// A test named by its module and a sentence. Without Go it is skipped by name, in CI it fails.
pub fn trial<F>(name: &'static str, behaviour: fn() -> F) -> Trial
where
    F: Future<Output = Result<()>> + 'static,
{
    // The future's type is called `e2e::MODULE::FUNCTION::{{closure}}`.
    let module = std::any::type_name::<F>().split("::").nth(1).unwrap_or_default();
    Trial::test(format!("{module}::{name}"), move || {
        if !control_plane::is_available() && !is_ci() {
            println!("skipped: {name}: Go is not installed");
            return Ok(());
        }
        let ended = RUNTIME.block_on(async {
            build().await?;
            END.scope(Cell::new(Some(Instant::now() + AT_MOST)), bounded(behaviour())).await
        });
        ended.map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Whether what is missing on this machine is a failure.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Builds what all behaviours need, once and before any clock runs: a new machine takes longer for it than a behaviour
/// may.
async fn build() -> Result<()> {
    let build = async || {
        let control_plane = spawn_blocking(|| control_plane::ensure_built(Progress::for_stderr()));
        control_plane.await.context("building the control plane")??;
        Programs::ensure_built(Progress::Silent).await.map(drop)
    };
    BUILT.get_or_try_init(build).await.copied()
}

async fn bounded(behaviour: impl Future<Output = Result<()>>) -> Result<()> {
    let mut behaviour = pin!(behaviour);
    loop {
        tokio::select! {
            ended = &mut behaviour => return ended,
            () = sleep(GLANCE) => {}
        }
        let hangs = END.with(Cell::get).is_some_and(|end| end <= Instant::now());
        ensure!(!hangs, "it did not end within {AT_MOST:?}");
    }
}

/// Waits for a behaviour's turn on what it shares with others. Its own time begins after that.
pub async fn off_the_clock<T>(turn: impl Future<Output = T>) -> T {
    END.with(|end| end.set(None));
    let taken = turn.await;
    END.with(|end| end.set(Some(Instant::now() + AT_MOST)));
    taken
}

/// The fleet that tests share: members m1, m2, m3, with faults. Keep to namespaces of your own in it.
pub async fn shared() -> Result<RwLockReadGuard<'static, Fleet>> {
    let fleet = off_the_clock(async {
        start_shared().await?;
        anyhow::Ok(FLEET.read().await)
    });
    RwLockReadGuard::try_map(fleet.await?, Option::as_ref).ok().context("the shared fleet has ended")
}

/// The same fleet with nobody else in it, for tests that spoil it; they mend it before they return.
pub async fn exclusive() -> Result<RwLockMappedWriteGuard<'static, Fleet>> {
    let fleet = off_the_clock(async {
        start_shared().await?;
        anyhow::Ok(FLEET.write().await)
    });
    RwLockWriteGuard::try_map(fleet.await?, Option::as_mut).ok().context("the shared fleet has ended")
}

async fn start_shared() -> Result<()> {
    let _starting = STARTING.lock().await;
    if FLEET.read().await.is_none() {
        let fleet = Fleet::builder().members(["m1", "m2", "m3"]).start().await?;
        *FLEET.write().await = Some(fleet);
    }
    Ok(())
}

/// Waits until `attempt` succeeds; fails with its last words when it never does.
pub async fn eventually<T, F>(what: &str, attempt: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("{what}: not within {PATIENCE:?}")));
            }
            Err(_) => sleep(POLL).await,
        }
    }
}

/// [`eventually`] for what is plainly true or false.
pub async fn eventually_true(what: &str, condition: impl Fn() -> bool) -> Result<()> {
    eventually(what, || async {
        if condition() {
            return Ok(());
        }
        bail!("it is not so yet")
    })
    .await
}
