//! The network without root.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use atoll_e2e::net::{Network, NetworkPlan};
use nix::unistd::geteuid;

use super::Behaviour;

pub const ALL: &[Behaviour] =
    &[("everything_that_needs_no_device_works_without_root", works_without_root), (TOLD, told_about_the_device)];

const DEVICE: &str = "/dev/net/tun";
/// The user nobody, which owns nothing.
const NOBODY: u32 = 65_534;
const TOLD: &str = "who_may_not_open_the_device_is_told_which_it_is_and_what_to_do";
/// How a process is told that it may not have a user namespace.
const FORBIDDEN: &str = "move this process into a user namespace";

/// Why no relay can be tested here, if so.
pub fn relay_missing() -> Option<String> {
    let opened = OpenOptions::new().read(true).write(true).open(DEVICE);
    opened.err().map(|error| format!("open {DEVICE}: {error}"))
}

/// As root: runs this binary again as nobody, all tests of networks where the device is open to all, and otherwise
/// those without a relay. A run that began without root shows the same by its other tests.
fn works_without_root() {
    if is_real_root() {
        let filter = if device_is_open_to_all() { "network::" } else { "without_a_relay" };
        run_as_nobody(filter, "the_hub_reaches_the_control_plane_node_and_pods_of_every_member_without_a_relay");
    }
}

fn told_about_the_device() {
    if relay_missing().is_some() {
        let plan = NetworkPlan { members: vec!["one".to_owned()], faults: true };
        let error = format!("{:#}", Network::start(plan).expect_err("no device"));
        assert!(error.contains(DEVICE) && error.contains("chmod 0666"), "{error}");
    } else if is_real_root() && !device_is_open_to_all() {
        run_as_nobody(TOLD, TOLD);
    }
}

/// Runs the tests that `filter` selects as nobody. All have to pass, the one named among them.
fn run_as_nobody(filter: &str, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("opened to all");
    // The build folder may be closed to others.
    let copy = folder.path().join("e2e");
    std::fs::copy(std::env::current_exe().expect("a path"), &copy).expect("copied");
    let output = Command::new(&copy)
        .args(["--test-threads", "1", filter])
        .env("CI", "true")
        .current_dir("/")
        .gid(NOBODY)
        .uid(NOBODY)
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains(FORBIDDEN) {
        return super::skip(expected, "user namespaces are forbidden here").expect("CI allows user namespaces");
    }
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(expected), "{text}");
}

/// Root of the machine: not mapped by a user namespace, be it ours or somebody else's.
fn is_real_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    geteuid().is_root() && map.split_whitespace().last() == Some("4294967295")
}

fn device_is_open_to_all() -> bool {
    std::fs::metadata(DEVICE).is_ok_and(|device| device.permissions().mode() & 0o006 == 0o006)
}
