//! Networks without root: a user namespace in which this process may make interfaces and routes.

use std::fs::{self, File};

use anyhow::{Context, anyhow};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getgid, getuid};

use super::links;

/// Moves this process into a user namespace where it is root, with a network namespace that has nothing but a loopback
/// interface. The fleet's addresses then answer only inside; [`join_namespaces`] lets other processes in.
///
/// Must come before the process starts its first thread, an async runtime included: the kernel moves no process that
/// has several.
///
/// # Errors
/// When threads run already, or when the system forbids user namespaces.
pub fn enter_user_namespace() -> anyhow::Result<()> {
    let (user, group) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(refused)?;
    // Without this line the kernel lets nobody but root map a group.
    fs::write("/proc/self/setgroups", "deny").context("enter a user namespace: give up setgroups")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).context("enter a user namespace: map the user")?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).context("enter a user namespace: map the group")?;
    links::configure_here(async |links| links.bring_up(links::index_of("lo")?).await)
}

fn refused(error: Errno) -> anyhow::Error {
    let hint = match error {
        Errno::EINVAL => "it has threads already; call this first",
        Errno::EPERM => "the system forbids it (sysctl kernel.unprivileged_userns_clone, or AppArmor's); run as root",
        Errno::ENOSPC | Errno::EUSERS => "the sysctl user.max_user_namespaces is used up; run as root",
        _ => "run as root",
    };
    anyhow!(error).context(format!("move this process into a user namespace: {hint}"))
}

/// Moves this process into the user and network namespace of another one, so that it meets the fleet that runs there.
/// Like [`enter_user_namespace`] it must come before the first thread.
///
/// # Errors
/// When the process is gone, or belongs to somebody else.
pub fn join_namespaces(process: u32) -> anyhow::Result<()> {
    let kinds = [("user", CloneFlags::CLONE_NEWUSER), ("net", CloneFlags::CLONE_NEWNET)];
    // All are opened before the first is joined: inside, the old ones may be out of reach.
    let mut namespaces = Vec::new();
    for (kind, flag) in kinds {
        let path = format!("/proc/{process}/ns/{kind}");
        let theirs = fs::read_link(&path).with_context(|| format!("find the {kind} namespace of process {process}"))?;
        // Joining one's own user namespace is an error in the kernel's eyes.
        if theirs != fs::read_link(format!("/proc/self/ns/{kind}"))? {
            namespaces.push((kind, flag, File::open(&path).with_context(|| format!("open {path}"))?));
        }
    }
    for (kind, flag, file) in namespaces {
        setns(file, flag).with_context(|| format!("join the {kind} namespace of process {process}"))?;
    }
    Ok(())
}
