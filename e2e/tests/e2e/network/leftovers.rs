//! What is left of a network when it is dropped and when its process is killed: nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use atoll_e2e::net::{End, Network, exec_tethered};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::traffic::{Client, SILENCE, echo_on, eventually, is_silence};
use super::{Behaviour, BehaviourOfBoth};

pub const BOTH: &[BehaviourOfBoth] = &[
    ("a_dropped_network_leaves_no_interface_and_no_namespace", dropped),
    ("a_killed_process_leaves_no_interface_no_namespace_and_no_tethered_process", killed),
];

pub const MIXED: &[Behaviour] =
    &[("a_killed_network_whose_processes_live_on_answers_for_nobody_on_its_addresses", outlived_by_a_process)];

/// Tells a copy of this binary to be something else than a test run.
const ROLE: &str = "ATOLL_NETWORK_TEST_ROLE";
const HOLD_RELAY: &str = "hold-relay";
const HOLD_PAIRS: &str = "hold-pairs";
/// Pairs as well, with a process in a member that lives on when the holder is killed.
const HOLD_OUTLIVED: &str = "hold-outlived";
const TETHERED: &str = "tethered:";

/// Plays the role this process was started for, if any.
pub fn role() -> Option<ExitCode> {
    let role = std::env::var(ROLE).ok()?;
    match role.strip_prefix(TETHERED) {
        Some(parent) => eprintln!("{}", exec_tethered(parent.parse().ok()?, sleep())),
        None => hold(&role),
    }
    Some(ExitCode::FAILURE)
}

fn sleep() -> Command {
    let mut sleep = Command::new("sleep");
    sleep.arg("1000");
    sleep
}

/// Holds a network with a process in it until killed, after it printed what exists now.
fn hold(role: &str) {
    let network = super::network(role == HOLD_RELAY);
    let inside = if role == HOLD_OUTLIVED {
        sleep()
    } else {
        let mut tethered = Command::new(own_path());
        tethered.env(ROLE, format!("{TETHERED}{}", std::process::id()));
        tethered
    };
    let mut child = network.members()[0].spawn(inside).expect("started");
    eventually("the process inside sleeps", || command_line(child.id()).contains("sleep"));
    let mut out = std::io::stdout();
    writeln!(out, "{} {}", child.id(), network.hub_address()).expect("printed");
    for namespace in namespaces(&network) {
        writeln!(out, "{}", namespace.display()).expect("printed");
    }
    writeln!(out, "ready").expect("printed");
    // It sleeps until this process is killed, and a tethered one with it.
    child.wait().expect("waited");
}

/// A network that another process holds.
struct Held {
    holder: KillOnDrop,
    hub: Ipv4Addr,
    /// The process in its first member.
    inside: u32,
    namespaces: BTreeSet<PathBuf>,
}

impl Held {
    fn start(role: &str) -> Self {
        let mut holder = Command::new(own_path());
        holder.env(ROLE, role).stdout(Stdio::piped());
        let mut holder = KillOnDrop(holder.spawn().expect("started"));
        let lines = BufReader::new(holder.0.stdout.take().expect("piped")).lines().map(|line| line.expect("read"));
        let said: Vec<_> = lines.take_while(|line| line != "ready").collect();
        let (first, namespaces) = said.split_first().expect("what it holds");
        let (inside, hub) = first.split_once(' ').expect("a process and an address");
        Self {
            holder,
            hub: hub.parse().expect("an address"),
            inside: inside.parse().expect("a process"),
            namespaces: namespaces.iter().map(PathBuf::from).collect(),
        }
    }
}

fn dropped(faults: bool) {
    let network = super::network(faults);
    let (hub, inside) = (network.hub_address(), namespaces(&network));
    assert!(!interfaces_with(hub).is_empty());
    assert_eq!(inside.len(), 2);
    drop(network);
    assert_eq!(interfaces_with(hub), BTreeSet::new());
    eventually("no thread lives in a member's namespace", || inside.is_disjoint(&namespaces_in_use()));
}

fn killed(faults: bool) {
    let held = Held::start(if faults { HOLD_RELAY } else { HOLD_PAIRS });
    let interfaces = interfaces_with(held.hub);
    assert!(!interfaces.is_empty());
    assert!(held.namespaces.is_subset(&namespaces_in_use()), "{:?}", held.namespaces);
    drop(held.holder);
    // By number: another network may have the addresses, and with them the names, at once.
    eventually("the interfaces are gone", || interfaces.is_disjoint(&interfaces_with(held.hub)));
    eventually("the tethered process is gone", || !command_line(held.inside).contains("sleep"));
    eventually("the namespaces are gone", || held.namespaces.is_disjoint(&namespaces_in_use()));
}

fn outlived_by_a_process() {
    let held = Held::start(HOLD_OUTLIVED);
    let _survivor = KillPidOnDrop(held.inside);
    drop(held.holder);
    assert!(command_line(held.inside).contains("sleep"), "it was meant to live on");
    let network = network_at(held.hub);
    let one = network.member("one").expect("planned");
    let server = echo_on(one, one.api_address());
    Client::connect(server).expect("the new member answers").round(b"hello").expect("echoed");
    let faults = network.faults().expect("planned");
    faults.isolate(&End::from("one")).expect("known end");
    let failure = Client::connect_within(server, SILENCE).err().expect("cut").kind();
    assert!(is_silence(failure), "{failure:?}");
}

/// A network with a relay on these addresses, as soon as the tests that run beside this one leave them free.
fn network_at(hub: Ipv4Addr) -> Network {
    let mut found = None;
    eventually("the addresses can be claimed", || {
        // Those before it are held until one has the addresses: the first free ones are given out first.
        let mut earlier = Vec::new();
        while let Some(network) = try_network() {
            if network.hub_address() >= hub {
                found = (network.hub_address() == hub).then_some(network);
                break;
            }
            earlier.push(network);
        }
        found.is_some()
    });
    found.expect("waited for")
}

fn try_network() -> Option<Network> {
    Network::start(super::plan(true)).ok()
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("killed");
    }
}

struct KillPidOnDrop(u32);

impl Drop for KillPidOnDrop {
    fn drop(&mut self) {
        kill(Pid::from_raw(self.0.cast_signed()), Signal::SIGKILL).expect("killed");
    }
}

fn own_path() -> PathBuf {
    std::env::current_exe().expect("a test binary has a path")
}

fn command_line(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// The numbers of the interfaces of this namespace that a fleet with this hub address made.
fn interfaces_with(hub: Ipv4Addr) -> BTreeSet<u32> {
    let numbered = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (address == hub).then(|| if_nametoindex(interface.interface_name.as_str()).ok()).flatten()
    };
    getifaddrs().expect("listed").filter_map(numbered).collect()
}

fn namespaces(network: &Network) -> BTreeSet<PathBuf> {
    let of_thread = || std::fs::read_link("/proc/thread-self/ns/net").expect("a namespace");
    network.members().iter().map(|member| member.run(of_thread)).collect()
}

/// The network namespaces that any thread of any process lives in.
fn namespaces_in_use() -> BTreeSet<PathBuf> {
    let children = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let threads = children(Path::new("/proc")).flat_map(|process| children(&process.join("task")));
    threads.filter_map(|thread| std::fs::read_link(thread.join("ns/net")).ok()).collect()
}
