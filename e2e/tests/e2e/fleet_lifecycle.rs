//! How fleets begin and end: whatever ends one, nothing of it is left.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_uint;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::{Fleet, FleetDescription, Layout, Progress, control_plane};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use libtest_mimic::Trial;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{eventually, eventually_true, is_ci, trial};

/// The user nobody, which owns nothing.
const NOBODY: u32 = 65_534;
/// How a process is told that it may not have a user namespace.
const FORBIDDEN: &str = "move this process into a user namespace";
const WITHOUT_ROOT: &str = "without_root_a_fleet_is_entered_by_exec_and_leaves_nothing";

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_fleet_starts_and_leaves_nothing_when_it_is_shut_down", starts_and_stops),
        trial("a_panic_of_the_owner_leaves_nothing_of_its_fleet", panics),
        trial("an_owner_that_is_killed_leaves_nothing_of_its_fleet", owner_killed),
        trial("a_supervisor_that_is_killed_leaves_no_process_and_its_folder_is_used_again", supervisor_killed),
        trial("a_folder_holds_one_fleet_at_a_time", one_per_folder),
        trial(WITHOUT_ROOT, without_root),
        trial("wrong_arguments_get_an_answer_that_helps", wrong_arguments),
        trial("a_folder_without_a_fleet_is_said_to_have_none", no_fleet),
    ]
}

async fn starts_and_stops() -> Result<()> {
    let fleet = Fleet::builder().start().await?;
    let remains = Remains::of(fleet.description())?;
    ensure!(remains.processes().len() >= 9, "guard, supervisor, hub and member: {:?}", remains.processes());
    ensure!(!remains.interfaces.is_empty() && !remains.interfaces_are_gone() && remains.namespace_is_used());
    let member: Api<Node> = Api::all(fleet.member_client("m1").await?);
    ensure!(member.get("m1-control-plane").await?.status.is_some());
    let hub: Api<Node> = Api::all(fleet.hub_client().await?);
    ensure!(hub.list(&kube::api::ListParams::default()).await?.items.is_empty(), "a hub has no nodes");
    fleet.shutdown().await?;
    // Shutting down waits for all of it, but for the kernel's own work on namespaces.
    ensure!(remains.processes().is_empty(), "left: {:?}", remains.processes());
    ensure!(!remains.folder.exists());
    remains.wait_until_gone().await
}

async fn panics() -> Result<()> {
    let fleet = Fleet::builder().faults(false).start().await?;
    let remains = Remains::of(fleet.description())?;
    let owner = tokio::spawn(async move {
        let _fleet = fleet;
        // A panic in all but its noise.
        std::panic::resume_unwind(Box::new("of the owner"));
    });
    ensure!(owner.await.is_err_and(|error| error.is_panic()));
    remains.wait_until_gone().await
}

async fn owner_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("fleet");
    let owner = fleet_command(&["up", "--members", "1", "--foreground", "--dir"])
        .arg(&dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut owner = KillOnDrop(owner);
    let layout = Layout::new(&dir)?;
    let fleet = eventually("the fleet is up", || async { FleetDescription::fetch(&layout) }).await?;
    let remains = Remains::of(&fleet)?;
    ensure!(!remains.processes().is_empty());
    owner.0.kill()?;
    owner.0.wait()?;
    remains.wait_until_gone().await
}

async fn supervisor_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("fleet");
    let fleet = Fleet::builder().dir(&dir).start().await?;
    let remains = Remains::of(fleet.description())?;
    kill(Pid::from_raw(i32::try_from(fleet.description().supervisor)?), Signal::SIGKILL)?;
    eventually_true("every process has ended", || remains.processes().is_empty()).await?;
    eventually_true("the namespace is gone", || !remains.namespace_is_used()).await?;
    drop(fleet);
    ensure!(dir.exists(), "nobody was left to remove the files");
    let again = Fleet::builder().dir(&dir).start().await?;
    let remains = Remains::of(again.description())?;
    again.member_client("m1").await?.apiserver_version().await?;
    again.shutdown().await?;
    remains.wait_until_gone().await
}

async fn one_per_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("fleet");
    let fleet = Fleet::builder().dir(&dir).start().await?;
    let second = Fleet::builder().dir(&dir).start().await.err().context("two fleets in one folder")?;
    let message = format!("{second:#}");
    ensure!(message.contains("runs in") && message.contains("fleet down --dir"), "{message}");
    fleet.hub_client().await?.apiserver_version().await.context("the first one is unharmed")?;
    let down = run(fleet_command(&["down", "--dir"]).arg(&dir))?;
    ensure!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    ensure!(!dir.exists());
    Ok(())
}

/// As root: runs the program as nobody. A run that began without root shows the same by all other tests.
async fn without_root() -> Result<()> {
    if fs::read_to_string("/proc/self/uid_map")?.split_whitespace().nth(2) == Some("1") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
    // The folders of the build and of its cache may be closed to others.
    let program = folder.path().join("fleet");
    fs::copy(env!("CARGO_BIN_EXE_fleet"), &program)?;
    let built = control_plane::ensure_built(Progress::Silent)?;
    let cached = folder.path().join("control-plane").join(built.parent().and_then(Path::file_name).context("a key")?);
    fs::create_dir_all(&cached)?;
    fs::copy(&built, cached.join("control-plane"))?;
    let dir = folder.path().join("fleet-of-nobody");
    let as_nobody = |arguments: &[&str], rest: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).arg("--dir").arg(&dir).args(rest).env_remove("ATOLL_FLEET_DIR");
        command.env("ATOLL_CACHE", folder.path()).env("HOME", folder.path()).current_dir("/");
        let output = run(command.uid(NOBODY).gid(NOBODY))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(said)
    };
    match as_nobody(&["up", "--members", "1", "--no-faults"], &[]) {
        Err(error) if format!("{error:#}").contains(FORBIDDEN) && !is_ci() => {
            println!("skipped: {WITHOUT_ROOT}: user namespaces are forbidden here");
            return Ok(());
        }
        started => started?,
    };
    let mut remains = Remains::of(&FleetDescription::fetch(&Layout::new(&dir)?)?)?;
    // Its addresses belong to a network of its own; here they may be another fleet's.
    remains.interfaces.clear();
    let nodes = as_nobody(&["kubectl", "--cluster", "m1"], &["--", "get", "nodes", "--output", "name"]);
    let hub = as_nobody(&["exec"], &["--", "cat", "/proc/net/fib_trie"]);
    let member = as_nobody(&["exec", "--member", "m1"], &["--", "readlink", "/proc/self/ns/net"]);
    as_nobody(&["down"], &[])?;
    ensure!(nodes?.trim() == "node/m1-control-plane");
    ensure!(hub?.contains(&remains.hub.to_string()), "the hub's address is one of the network that was entered");
    ensure!(member?.trim() == remains.namespace);
    remains.wait_until_gone().await
}

async fn wrong_arguments() -> Result<()> {
    for (arguments, expected) in [
        (&["up", "--dir", "/nonexistent/x", "--members", "0"][..], "0 is not in 1..=50"),
        (&["up", "--dir", "/nonexistent/x", "--member-names", "hub"], "the name \"hub\" is taken"),
        (&["up", "--dir", "/nonexistent/x", "--member-names", "A_1"], "cannot name a member"),
        (&["up"], "--dir <DIR>"),
        (&["fault", "cut", "--dir", "x"], "--member <NAME>"),
        (&["fault", "freeze", "--dir", "x", "--member", "m1", "--component", "kube"], "[possible values: etcd"),
        (&["away"], "unrecognized subcommand"),
    ] {
        let output = run(&mut fleet_command(arguments))?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && message.contains(expected), "{arguments:?}: {message}");
    }
    Ok(())
}

async fn no_fleet() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for arguments in [
        &["down", "--dir"][..],
        &["status", "--dir"],
        &["kubectl", "--dir"],
        &["fault", "heal", "--dir"],
        &["fault", "thaw", "--member", "m1", "--dir"],
    ] {
        let output = run(fleet_command(arguments).arg(folder.path()))?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && message.contains("no fleet runs in"), "{arguments:?}: {message}");
    }
    Ok(())
}

fn fleet_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleet"));
    command.args(arguments).env_remove("ATOLL_FLEET_DIR");
    command
}

fn run(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail only for a process that is gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where to look for what a fleet might leave behind.
struct Remains {
    folder: PathBuf,
    hub: Ipv4Addr,
    /// Names with their numbers: the next fleet may get the same names and addresses, numbers come once.
    interfaces: BTreeMap<String, c_uint>,
    namespace: String,
}

impl Remains {
    fn of(fleet: &FleetDescription) -> Result<Self> {
        let folder = fleet.hub.kubeconfig.parent().context("a kubeconfig lies in a folder")?.to_owned();
        let address = fleet.hub.server.trim_start_matches("https://").split(':').next().context("an address")?;
        let namespace = fleet.members.first().and_then(|member| member.member.as_ref());
        let namespace = namespace.context("the fleet has a member")?.network_namespace.clone();
        let hub = address.parse()?;
        Ok(Self { folder, hub, interfaces: find_interfaces(hub)?, namespace })
    }

    async fn wait_until_gone(&self) -> Result<()> {
        eventually_true("every process has ended", || self.processes().is_empty()).await?;
        eventually_true("every interface is gone", || self.interfaces_are_gone()).await?;
        eventually_true("the namespace is gone", || !self.namespace_is_used()).await?;
        eventually_true("the folder is gone", || !self.folder.exists()).await
    }

    /// Every process of a fleet has a path below the fleet's folder among its arguments.
    fn processes(&self) -> BTreeSet<String> {
        let folder = self.folder.to_string_lossy();
        let own = std::process::id().to_string();
        list(Path::new("/proc"))
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| name != own.as_str()))
            .filter_map(|path| fs::read(path.join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(folder.as_ref()) && !line.contains(" up "))
            .collect()
    }

    fn interfaces_are_gone(&self) -> bool {
        self.interfaces.iter().all(|(name, index)| if_nametoindex(name.as_str()) != Ok(*index))
    }

    fn namespace_is_used(&self) -> bool {
        let lives_there = |task: &PathBuf| {
            fs::read_link(task.join("ns/net")).is_ok_and(|link| link.as_os_str() == self.namespace.as_str())
        };
        list(Path::new("/proc")).iter().flat_map(|process| list(&process.join("task"))).any(|task| lives_there(&task))
    }
}

/// The interfaces of this process' network that have the address.
fn find_interfaces(address: Ipv4Addr) -> Result<BTreeMap<String, c_uint>> {
    let mut interfaces = BTreeMap::new();
    for found in getifaddrs()? {
        if found.address.and_then(|own| Some(own.as_sockaddr_in()?.ip())) == Some(address) {
            let index = if_nametoindex(found.interface_name.as_str())?;
            interfaces.insert(found.interface_name, index);
        }
    }
    Ok(interfaces)
}

/// What can be listed of a folder that changes meanwhile.
fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
