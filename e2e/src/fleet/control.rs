//! The requests a running fleet takes, over a Unix socket in its folder.
//!
//! One JSON document a line, each answered by one line. The socket carries no
//! secrets and takes no untrusted input: who may open it may kill the fleet anyway.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::component::{ComponentKind, ComponentState};
use super::layout::Layout;
use crate::net::{ActiveFault, End, Path as NetworkPath};

/// The longest a request takes is the restart of an API server.
const ANSWER_DEADLINE: Duration = Duration::from_secs(150);

/// What a fleet can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// How is every process?
    Status,
    /// Change one process.
    Component {
        /// `hub` or a member's name.
        cluster: String,
        /// Which process.
        component: ComponentKind,
        /// What to do to it.
        action: ComponentAction,
    },
    /// Which faults are there?
    Faults,
    /// Change what happens to packets, in this order.
    Network {
        /// What to change.
        actions: Vec<NetworkAction>,
    },
    /// End the fleet.
    Stop,
}

/// A change of what happens to packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkAction {
    /// Spoil packets one way.
    Set(ActiveFault),
    /// Spoil nothing any more one way.
    Heal(Way),
    /// Spoil nothing at all.
    HealAll,
}

/// One direction of one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Who sends.
    pub from: End,
    /// Who is sent to.
    pub to: End,
    /// Between which addresses.
    pub path: NetworkPath,
}

/// What can be done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentAction {
    /// Stop signal: a black hole, connections open and nothing answers.
    Freeze,
    /// The end of a freeze.
    Thaw,
    /// End it: connections are refused.
    Kill,
    /// End it if need be and start it again; done when an API server is ready.
    Restart,
}

/// State of every process of every cluster.
pub type Status = BTreeMap<String, BTreeMap<ComponentKind, ComponentState>>;

/// What a fleet answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The answer to [`Request::Status`].
    Status {
        /// By cluster, then by process.
        clusters: Status,
    },
    /// The answer to [`Request::Faults`].
    Faults {
        /// What is in force.
        active: Vec<ActiveFault>,
    },
    /// It could not be done.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Sends one request to the fleet in `layout` and returns its answer.
/// A refusal comes back as an error with the fleet's own words.
pub async fn request(layout: &Layout, request: &Request) -> Result<Answer> {
    let stream = connect(layout).await?;
    match timeout(ANSWER_DEADLINE, exchange(stream, request)).await {
        Err(_) => bail!("the fleet in {} did not answer within {ANSWER_DEADLINE:?}", layout.root().display()),
        Ok(Ok(Answer::Failed { reason })) => Err(anyhow!(reason)),
        Ok(answer) => answer,
    }
}

async fn connect(layout: &Layout) -> Result<UnixStream> {
    match UnixStream::connect(layout.control_socket()).await {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            let root = layout.root().display();
            bail!("no fleet runs in {root}; start one with `cargo fleet up --dir {root}`")
        }
        stream => stream.with_context(|| format!("connecting to {}", layout.control_socket().display())),
    }
}

async fn exchange(stream: UnixStream, request: &Request) -> Result<Answer> {
    let mut stream = BufReader::new(stream);
    stream.write_all(&line_of(request)?).await.context("sending the request")?;
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.context("reading the answer")?;
    anyhow::ensure!(read > 0, "the fleet ended before it answered");
    serde_json::from_str(&line).with_context(|| format!("understanding the answer {line:?}"))
}

/// One message as a line.
pub fn line_of(message: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message).context("writing a message")?;
    line.push(b'\n');
    Ok(line)
}
