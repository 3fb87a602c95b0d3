//! Ties a process to the one that started it, so that a killed fleet leaves nobody behind.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

/// Turns this process into `command`, which the kernel kills as soon as the *thread* that started this process ends.
/// For a process started by [`MemberNetwork::spawn`](super::MemberNetwork::spawn) that is the member's network thread:
/// it goes when the network is dropped or its process dies in whatever way.
///
/// The signal can only be asked for by the child itself, hence a step between: start one's own binary with a
/// subcommand that calls this. `parent` is the id of the process that did so; it closes the race against a
/// parent that died before the kernel was asked.
///
/// Returns only when it failed.
pub fn exec_tethered(parent: u32, mut command: Command) -> io::Error {
    if let Err(error) = set_pdeathsig(Signal::SIGKILL) {
        return error.into();
    }
    if i32::try_from(parent).map(Pid::from_raw) != Ok(getppid()) {
        return io::Error::other("start a tethered process: the process that asked for it is gone");
    }
    command.exec()
}
