//! The process that owns a fleet: network, processes, kubelets.
//!
//! It is process 1 of a PID namespace of its own and keeps the fleet's data in a
//! mount namespace of its own, so the kernel ends and frees everything with it,
//! whatever kills it. In: the spec, then requests on the control socket. Out:
//! [`Event`]s as JSON lines on standard output. It ends when its owner's pipe
//! (standard input) closes, on a stop request, and on SIGTERM or SIGINT.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::control::{Answer, Request, line_of};
use super::layout::Layout;
use super::running::RunningFleet;
use super::spec::{FleetDescription, FleetSpec};

/// What the supervisor tells whoever started it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Something is done.
    Progress {
        /// What.
        step: String,
    },
    /// The fleet is of use.
    Ready(FleetDescription),
    /// The fleet could not be started; nothing of it runs.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Runs the fleet until it is told to end. `supervisor` is the process id of
/// the guard, which is the one that counts outside of the namespace.
pub async fn run(spec: &FleetSpec, supervisor: u32) -> Result<()> {
    let stop = Arc::new(Notify::new());
    let ended = wait_for_end(Arc::clone(&stop))?;
    tokio::select! {
        result = serve(spec, supervisor, &stop) => result,
        () = ended => Ok(()),
    }
}

async fn serve(spec: &FleetSpec, supervisor: u32, stop: &Arc<Notify>) -> Result<()> {
    let layout = Layout::new(&spec.dir)?;
    let listener = UnixListener::bind(layout.control_socket())
        .with_context(|| format!("listening on {}", layout.control_socket().display()))?;
    let fleet = match RunningFleet::start(spec, |step| tell(&Event::Progress { step })).await {
        Ok(fleet) => Arc::new(fleet),
        Err(error) => {
            tell(&Event::Failed { reason: format!("{error:#}") });
            return Err(error);
        }
    };
    let description = fleet.describe(spec, supervisor);
    write_kubectl(&layout, &description)?;
    let text = serde_json::to_string_pretty(&description).context("writing the fleet's description")?;
    fs::write(layout.description(), text).context("writing the fleet's description")?;
    tell(&Event::Ready(description));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("taking a request")?;
        while connections.try_join_next().is_some() {}
        connections.spawn(answer_requests(Arc::clone(&fleet), stream, Arc::clone(stop)));
    }
}

/// Completes when the owner is gone or somebody asks for the end.
fn wait_for_end(stop: Arc<Notify>) -> Result<impl Future<Output = ()> + use<>> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let input = std::io::stdin().as_fd().try_clone_to_owned().context("taking the owner's pipe")?;
    let owner = pipe::Receiver::from_owned_fd(input).context("listening to the owner's pipe (standard input)")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stop.notified() => {}
            () = wait_for_owner(owner) => {}
        }
    })
}

/// The pipe closes when the last holder, the owner, is gone. An owner that leaves on purpose
/// says so by a byte first; one that was killed while the fleet started never did.
async fn wait_for_owner(mut pipe: pipe::Receiver) {
    if pipe.read_u8().await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Tells the owner; one who is not listening any more has heard all it wanted.
pub fn tell(event: &Event) {
    if let Ok(line) = line_of(event) {
        let mut output = std::io::stdout();
        let _ = output.write_all(&line).and_then(|()| output.flush());
    }
}

/// Answers what comes on one connection until the other side closes it.
async fn answer_requests(fleet: Arc<RunningFleet>, stream: UnixStream, stop: Arc<Notify>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let request = serde_json::from_str::<Request>(&line).context("understanding the request");
        let stops = matches!(request, Ok(Request::Stop));
        let answer = match request {
            Ok(request) => fleet.answer(request).await,
            Err(error) => Err(error),
        };
        let answer = answer.unwrap_or_else(|error| Answer::Failed { reason: format!("{error:#}") });
        let Ok(text) = line_of(&answer) else { return };
        let sent = stream.write_all(&text).await;
        if stops {
            stop.notify_one();
        }
        if sent.is_err() {
            return;
        }
        line.clear();
    }
}

/// A kubectl of the very version the clusters have. Its own `--kubeconfig` or
/// `KUBECONFIG` choose the cluster; without, it is the hub.
fn write_kubectl(layout: &Layout, description: &FleetDescription) -> Result<()> {
    let fleet = std::env::current_exe().context("finding this program")?;
    let enter = if description.confined {
        format!("'{}' exec --dir '{}' -- ", fleet.display(), layout.root().display())
    } else {
        String::new()
    };
    let script = format!(
        "#!/bin/sh\nKUBECONFIG=\"${{KUBECONFIG:-{}}}\"\nexport KUBECONFIG\nexec {enter}'{}' kubectl \"$@\"\n",
        description.hub.kubeconfig.display(),
        description.control_plane.display()
    );
    let path = layout.kubectl();
    fs::write(&path, script)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("writing {}", path.display()))
}
