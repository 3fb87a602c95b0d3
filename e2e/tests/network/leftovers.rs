//! What is left of a network when it is dropped and when its process is killed: nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use atoll_e2e::net::{Network, exec_tethered};
use nix::ifaddrs::getifaddrs;

use crate::BehaviourOfBoth;
use crate::traffic::eventually;

pub const BOTH: &[BehaviourOfBoth] = &[
    ("a_dropped_network_leaves_no_interface_and_no_namespace", dropped),
    ("a_killed_process_leaves_no_interface_no_namespace_and_no_tethered_process", killed),
];

/// Tells a copy of this binary to be something else than a test run.
const ROLE: &str = "ATOLL_NETWORK_TEST_ROLE";
const HOLD_RELAY: &str = "hold-relay";
const HOLD_PAIRS: &str = "hold-pairs";
const TETHERED: &str = "tethered:";

/// Plays the role this process was started for, if any.
pub fn role() -> Option<ExitCode> {
    let role = std::env::var(ROLE).ok()?;
    match role.strip_prefix(TETHERED) {
        Some(parent) => {
            let mut sleep = Command::new("sleep");
            sleep.arg("1000");
            let error = exec_tethered(parent.parse().ok()?, sleep);
            eprintln!("{error}");
        }
        None => hold(role == HOLD_RELAY),
    }
    Some(ExitCode::FAILURE)
}

/// Holds a network with a tethered process in it until killed, after it printed what exists now.
fn hold(faults: bool) {
    let network = crate::network(faults);
    let mut tethered = Command::new(own_path());
    tethered.env(ROLE, format!("{TETHERED}{}", std::process::id()));
    let mut child = network.members()[0].spawn(tethered).expect("started");
    eventually("the tethered process sleeps", || command_line(child.id()).contains("sleep"));
    let mut out = std::io::stdout();
    writeln!(out, "{} {}", child.id(), network.hub_address()).expect("printed");
    for namespace in namespaces(&network) {
        writeln!(out, "{}", namespace.display()).expect("printed");
    }
    writeln!(out, "ready").expect("printed");
    // It sleeps until this process is killed, and it with it.
    child.wait().expect("waited");
}

fn dropped(faults: bool) {
    let network = crate::network(faults);
    let (hub, inside) = (network.hub_address(), namespaces(&network));
    assert!(!interfaces_with(hub).is_empty());
    assert_eq!(inside.len(), 2);
    drop(network);
    assert_eq!(interfaces_with(hub), BTreeSet::new());
    eventually("no thread lives in a member's namespace", || inside.is_disjoint(&namespaces_in_use()));
}

fn killed(faults: bool) {
    let mut holder = Command::new(own_path());
    holder.env(ROLE, if faults { HOLD_RELAY } else { HOLD_PAIRS }).stdout(Stdio::piped());
    let mut holder = KillOnDrop(holder.spawn().expect("started"));
    let lines = BufReader::new(holder.0.stdout.take().expect("piped")).lines().map(|line| line.expect("read"));
    let said: Vec<_> = lines.take_while(|line| line != "ready").collect();
    let (first, inside) = said.split_first().expect("what it holds");
    let (tethered, hub) = first.split_once(' ').expect("a process and an address");
    let (tethered, hub) = (tethered.parse().expect("a process"), hub.parse().expect("an address"));
    let inside: BTreeSet<_> = inside.iter().map(PathBuf::from).collect();
    assert!(!interfaces_with(hub).is_empty());
    assert!(inside.is_subset(&namespaces_in_use()), "{inside:?}");
    drop(holder);
    eventually("the interfaces are gone", || interfaces_with(hub).is_empty());
    eventually("the tethered process is gone", || !command_line(tethered).contains("sleep"));
    eventually("the namespaces are gone", || inside.is_disjoint(&namespaces_in_use()));
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("killed");
    }
}

fn own_path() -> PathBuf {
    std::env::current_exe().expect("a test binary has a path")
}

fn command_line(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// The interfaces of this namespace that a fleet with this hub address made. Addresses tell fleets apart.
fn interfaces_with(hub: std::net::Ipv4Addr) -> BTreeSet<String> {
    let named = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (address == hub).then_some(interface.interface_name)
    };
    getifaddrs().expect("listed").filter_map(named).collect()
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
