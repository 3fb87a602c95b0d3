//! TUN devices: interfaces whose packets a process reads and writes.

use std::fs::OpenOptions;
use std::io::ErrorKind;

use anyhow::{Context, anyhow};
use tun_rs::{DeviceBuilder, SyncDevice};

const DEVICE: &str = "/dev/net/tun";

/// What one packet may hold. Every packet costs the relay two system calls whatever its size, so large ones cut the
/// cost of bulk; yet a list of a few hundred kilobytes still takes enough packets for loss and reorder to show.
pub(super) const MTU: u32 = 16 * 1024;

/// Fails, with what to do about it, when this process may not make TUN devices.
pub(super) fn check_access() -> anyhow::Result<()> {
    let Err(error) = OpenOptions::new().read(true).write(true).open(DEVICE) else { return Ok(()) };
    let fix = match error.kind() {
        ErrorKind::PermissionDenied => "run as root, have root `chmod 0666` it (usual on most distributions)",
        ErrorKind::NotFound => "load the kernel module tun",
        _ => "see whether the kernel has the module tun",
    };
    Err(anyhow!(error).context(format!("open {DEVICE}, which faults need: {fix}, or start the fleet without faults")))
}

/// Makes a TUN device in the calling thread's namespace. It vanishes when the returned handle is dropped, and with the
/// process in any case.
pub(super) fn open(name: &str) -> anyhow::Result<SyncDevice> {
    DeviceBuilder::new().name(name).build_sync().with_context(|| format!("make the TUN device {name}"))
}
