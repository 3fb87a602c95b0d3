//! One probe of one target: did anything answer?
//!
//! Any answer counts as an answer: an HTTP error, a reset, a refusal. Only
//! silence speaks against a target (architecture section 6). What the answers
//! mean is for `atoll_decide::health`.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use atoll_decide::health::observation::{About, BadAnswer};
use kube::Client;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What to do about a 401.
const UNAUTHORIZED: &str =
    "the token in the Secret of the cluster is not accepted (401): renew it with `kubectl atoll join`";

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As it should be.
    Good,
    /// Something answered, though not as it should: refused, an HTTP error.
    Bad(BadAnswer),
    /// Nothing came within the deadline, or no way there.
    Silence(String),
}

impl Answer {
    /// Whether anything answered.
    pub fn answered(&self) -> bool {
        !matches!(self, Self::Silence(_))
    }
}

/// Connects to `target` and closes again.
pub async fn connect(target: SocketAddr, deadline: Duration) -> Answer {
    match tokio::time::timeout(deadline, TcpStream::connect(target)).await {
        Ok(Ok(_)) => Answer::Good,
        Ok(Err(error)) => of_io(&error),
        Err(_) => Answer::Silence(format!("{target} is silent for {deadline:?}")),
    }
}

/// Connects to `target`, lets it prove that it is `name`, and closes again. A
/// frozen server's kernel still takes connections, so TCP alone is no answer.
pub async fn secure(target: SocketAddr, name: ServerName<'static>, tls: &TlsConnector, deadline: Duration) -> Answer {
    let attempt = async { tls.connect(name, TcpStream::connect(target).await?).await };
    match tokio::time::timeout(deadline, attempt).await {
        Ok(Ok(_)) => Answer::Good,
        Ok(Err(error)) => match of_io(&error) {
            Answer::Bad(why) => match untrusted(&why.text) {
                Answer::Bad(bad) if bad.about == About::Server => Answer::Bad(format!("{target}: {bad}").into()),
                other => other,
            },
            silence => silence,
        },
        Err(_) => Answer::Silence(format!("{target} is silent for {deadline:?}")),
    }
}

/// Asks a path of the API server with our credentials.
pub async fn read(client: &Client, path: &str, deadline: Duration) -> Answer {
    let request = match http::Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Answer::Bad(error.to_string().into()),
    };
    match tokio::time::timeout(deadline, client.request_text(request)).await {
        Ok(Ok(_)) => Answer::Good,
        Ok(Err(error)) => of_client(path, &error),
        Err(_) => Answer::Silence(format!("{path} is silent for {deadline:?}")),
    }
}

fn of_client(path: &str, error: &kube::Error) -> Answer {
    if let kube::Error::Api(status) = error {
        let (about, text) = match status.code {
            401 => (About::Credentials, UNAUTHORIZED.to_owned()),
            403 => (
                About::Rights,
                format!("the token may not read {path} (403): renew its role with `kubectl atoll join`"),
            ),
            code => (About::Server, format!("{path} answered {code}: {}", status.message)),
        };
        return Answer::Bad(BadAnswer { about, text });
    }
    let mut cause: &dyn std::error::Error = error;
    loop {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() != ErrorKind::Other
        {
            return match io.get_ref().filter(|inner| inner.source().is_some()) {
                Some(inner) => untrusted(&inner.to_string()),
                None => of_io(io),
            };
        }
        match cause.source() {
            Some(source) => cause = source,
            // A TLS or HTTP error: somebody spoke, and not what we understand.
            None if error.to_string().contains("timed out") || cause.to_string().contains("deadline") => {
                return Answer::Silence(cause.to_string());
            }
            None => return untrusted(&cause.to_string()),
        }
    }
}

/// A bad answer; a refused certificate with what to do about it.
fn untrusted(cause: &str) -> Answer {
    Answer::Bad(match cause.strip_prefix("invalid peer certificate: ") {
        Some(why) => BadAnswer {
            about: About::Certificate,
            text: format!(
                "the API server's certificate does not fit caBundle and apiEndpoint of the cluster ({why}): correct \
                 the Secret, or join the cluster again"
            ),
        },
        None => cause.into(),
    })
}

fn of_io(error: &std::io::Error) -> Answer {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Answer::Silence(error.to_string())
        }
        // A missing name or address of our own says nothing about the member
        // either, but nobody there spoke.
        _ if error.raw_os_error().is_none() && error.kind() == ErrorKind::AddrNotAvailable => {
            Answer::Silence(error.to_string())
        }
        _ => Answer::Bad(error.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_refused_connection_is_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let answer = connect(address, Duration::from_secs(2)).await;
        assert!(matches!(answer, Answer::Bad(_)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_server_that_takes_a_connection_and_says_nothing_is_silent() {
        // Nobody accepts: the kernel completes the handshake of TCP alone.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let deadline = Duration::from_millis(100);
        assert_eq!(connect(address, deadline).await, Answer::Good);
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let answer = secure(address, name, &TlsConnector::from(Arc::new(tls)), deadline).await;
        assert!(matches!(answer, Answer::Silence(_)), "{answer:?}");
    }

    #[test]
    fn no_route_and_time_outs_are_silence() {
        assert!(!of_io(&ErrorKind::TimedOut.into()).answered());
        assert!(!of_io(&ErrorKind::HostUnreachable.into()).answered());
        assert!(of_io(&ErrorKind::ConnectionReset.into()).answered());
    }
}
