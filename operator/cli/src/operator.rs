//! The running operator, asked through its debug listener.
//!
//! Enters: how it is reached. Leaves: one answer. The listener is loopback
//! only: an operator on this machine is asked by its address, one in a cluster
//! through a port-forward to the leader's pod, which needs the right to do that
//! and no other.

mod pod;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::args::Reach;
use crate::connect::{self, Side};
use crate::console::Console;
use crate::failure::On;

/// The whole answer comes within this.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Connecting takes at most this.
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
/// No answer is larger: a bundle of 20,000 templates has some ten megabytes.
const MOST: usize = 256 << 20;

/// What the operator said.
pub struct Answer {
    pub status: http::StatusCode,
    pub body: Bytes,
}

/// Asks for `path`. The error says how the operator can be reached.
pub async fn ask(hub: &Side, reach: &Reach, path: &str, console: Console) -> Result<Answer> {
    let asked = async {
        match &reach.operator {
            Some(url) => {
                let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
                let address = (host, url.port_u16().unwrap_or_default());
                let connect = tokio::time::timeout(CONNECTS_WITHIN, TcpStream::connect(address)).await;
                let stream = connect.context("no answer in time").and_then(|stream| Ok(stream?));
                fetch(stream.with_context(|| format!("connecting to {url}"))?, path).await
            }
            None => forward(hub, reach, path, console).await,
        }
    };
    let answer = tokio::time::timeout(ANSWERS_WITHIN, asked).await;
    let answer = answer.unwrap_or_else(|_| Err(anyhow!("no whole answer within {ANSWERS_WITHIN:?}")));
    answer.with_context(|| format!("the operator cannot be asked{}", advice(reach)))
}

fn advice(reach: &Reach) -> &'static str {
    if reach.operator.is_some() {
        " (--operator names the listener of its flag --debug-bind)"
    } else {
        " (for one outside of a cluster: --operator http://127.0.0.1:PORT, the port of its flag --debug-bind; \
         for one in a cluster other than the hub: --host-kubeconfig)"
    }
}

/// Through the API of the cluster that the operator runs in.
async fn forward(hub: &Side, reach: &Reach, path: &str, console: Console) -> Result<Answer> {
    let host = match &reach.host_kubeconfig {
        Some(file) => Some(connect::host(Some(file), reach.host_context.as_deref()).await?),
        None if reach.host_context.is_some() => Some(connect::host(None, reach.host_context.as_deref()).await?),
        None => None,
    };
    let host = host.as_ref().unwrap_or(hub);
    let pods: Api<Pod> = Api::namespaced(host.client.clone(), &reach.host_namespace);
    let name = pod::leader(hub, host, &pods).await?;
    console.detail(format_args!("{}: forwarding port {} of pod {name}", host.name, reach.host_port));
    let mut forwarded =
        pods.portforward(&name, &[reach.host_port]).await.on(host, format!("forwarding a port of pod {name}"))?;
    let Some(stream) = forwarded.take_stream(reach.host_port) else { bail!("the forwarded port has no stream") };
    fetch(stream, path).await
}

/// One request over a stream that is there. The listener takes a loopback host
/// alone, which is what it has at the other end.
async fn fetch(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, path: &str) -> Result<Answer> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("speaking HTTP to it")?;
    let request = http::Request::get(path).header(http::header::HOST, "localhost");
    let request = request.body(Empty::<Bytes>::new()).context("building the request")?;
    let ask = async {
        let answer = sender.send_request(request).await.context("asking it")?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        let body = body.map_err(|error| anyhow!("reading its answer: {error}"))?;
        Ok(Answer { status, body: body.to_bytes() })
    };
    tokio::pin!(ask);
    tokio::select! {
        answer = &mut ask => answer,
        ended = connection => match ended {
            Ok(()) => ask.await,
            Err(error) => Err(anyhow!("the connection to it broke: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_stream_is_asked_as_localhost_and_its_whole_answer_is_read() {
        let (here, mut there) = tokio::io::duplex(4096);
        let answer = tokio::spawn(fetch(here, "/debug/why?kind=a"));
        let mut asked = vec![0; 1024];
        let length = there.read(&mut asked).await.unwrap();
        let asked = String::from_utf8_lossy(&asked[..length]).to_lowercase();
        assert!(asked.starts_with("get /debug/why?kind=a http/1.1") && asked.contains("host: localhost"), "{asked}");
        there.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        let answer = answer.await.unwrap().unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (404, b"{}".as_slice()));
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_is_an_error() {
        let (here, there) = tokio::io::duplex(4096);
        drop(there);
        assert!(fetch(here, "/").await.is_err());
    }
}
