//! The connections to one member: its own clients, its own deadlines, shared
//! with no other member (promise I3).
//!
//! Two clients: one for work, one for probes, so that a probe never waits
//! behind a pool full of stuck requests.

use std::sync::Arc;
use std::time::Duration;

use kube::client::ConfigExt;
use kube::config::AuthInfo;
use kube::{Client, Config};
use tokio_rustls::TlsConnector;

/// Connecting takes at most this.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// Where and how a member is reached: the Cluster object and its Secret, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `spec.apiEndpoint`
    pub url: String,
    /// `caBundle` of the Secret, PEM.
    pub ca_bundle: Option<Vec<u8>>,
    /// `token` of the Secret.
    pub token: String,
    /// `spec.insecureSkipTLSVerification`
    pub insecure: bool,
    /// `spec.proxyURL`
    pub proxy: Option<String>,
}

/// Why no client could be made. Each names the field to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `spec.apiEndpoint` is no URL.
    #[error("spec.apiEndpoint {url:?} is no URL: {cause}; it should look like https://10.0.0.1:6443")]
    Url {
        /// What stands there.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// `spec.proxyURL` is no URL.
    #[error("spec.proxyURL {url:?} is no URL: {cause}")]
    Proxy {
        /// What stands there.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The CA bundle is no PEM certificate.
    #[error("caBundle in the Secret of the cluster holds no PEM certificate")]
    CaBundle,
    /// The client library refuses.
    #[error("no client can be made from the Cluster and its Secret: {0}")]
    Client(String),
}

/// The clients of one member.
#[derive(Clone)]
pub struct Connection {
    /// For applies, watches and reads.
    pub work: Client,
    /// For probes only.
    pub probe: Client,
    /// TLS as the clients speak it, for the probe that only connects.
    pub tls: TlsConnector,
}

impl Connection {
    /// Makes both clients; nothing is sent yet.
    pub fn open(endpoint: &Endpoint) -> Result<Self, Error> {
        let client = || Client::try_from(config(endpoint)?).map_err(|error| Error::Client(error.to_string()));
        let tls = config(endpoint)?.rustls_client_config().map_err(|error| Error::Client(error.to_string()))?;
        Ok(Self { work: client()?, probe: client()?, tls: TlsConnector::from(Arc::new(tls)) })
    }
}

fn config(endpoint: &Endpoint) -> Result<Config, Error> {
    let url = endpoint
        .url
        .parse::<http::Uri>()
        .map_err(|cause| Error::Url { url: endpoint.url.clone(), cause: cause.to_string() })?;
    if url.host().is_none() || url.scheme().is_none() {
        let cause = "scheme or host is missing".to_owned();
        return Err(Error::Url { url: endpoint.url.clone(), cause });
    }
    let mut config = Config::new(url);
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.accept_invalid_certs = endpoint.insecure;
    config.disable_compression = true;
    // A hidden retry would wait inside our deadline and turn "come back later" into silence; the lane does it, and tells
    // the budget.
    config.default_retry = false;
    config.auth_info = AuthInfo { token: Some(endpoint.token.clone().into()), ..AuthInfo::default() };
    config.root_cert = endpoint.ca_bundle.as_deref().map(certificates).transpose()?;
    config.proxy_url = endpoint
        .proxy
        .as_ref()
        .map(|url| {
            url.parse()
                .map_err(|cause: http::uri::InvalidUri| Error::Proxy { url: url.clone(), cause: cause.to_string() })
        })
        .transpose()?;
    Ok(config)
}

/// The certificates of a PEM bundle, as DER.
pub fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::CaBundle)?;
    if certificates.is_empty() { Err(Error::CaBundle) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            url: "https://192.0.2.1:6443".into(),
            ca_bundle: None,
            token: "t".into(),
            insecure: false,
            proxy: None,
        }
    }

    #[test]
    fn an_endpoint_without_a_scheme_is_refused_by_name() {
        let error = config(&Endpoint { url: "192.0.2.1:6443".into(), ..endpoint() }).unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{error}");
    }

    #[test]
    fn a_ca_bundle_that_is_no_pem_is_refused_by_name() {
        let error = config(&Endpoint { ca_bundle: Some(b"garbage".to_vec()), ..endpoint() }).unwrap_err();
        assert_eq!(error, Error::CaBundle);
    }
}
