//! Who the webhook server is: its certificate, and the authority behind it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// How long a made certificate holds. Every start makes a new one, so this is
/// the longest a process may run without a restart.
const VALID_YEARS: i64 = 1;

/// Clocks of API servers may be behind ours by so much.
const SKEW_DAYS: i64 = 1;

/// Why there is no certificate.
#[derive(Debug, Error)]
pub enum Error {
    /// Making one failed.
    #[error("make a certificate for the webhook names {names:?}: {source}")]
    Make {
        /// The names it was to hold for.
        names: Vec<String>,
        /// What the library says.
        source: rcgen::Error,
    },
    /// Certificate and key cannot serve.
    #[error("use the webhook's certificate: {0}")]
    Use(#[from] rustls::Error),
    /// A file of `--webhook-tls` is not there or not what it should be.
    #[error("--webhook-tls: {file}: {problem}")]
    File {
        /// Its path.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The calendar ends before the certificate does.
    #[error("date the webhook's certificate: {0}")]
    Date(#[from] k8s_openapi::jiff::Error),
}

/// A certificate with its key, and the authority that API servers trust.
#[derive(Clone)]
pub struct Identity {
    authority: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A new authority with one certificate for `names` (host names and
    /// addresses, as [`Reach::names`](super::Reach::names) gives them), valid
    /// for a year from `now`. The authority's key is forgotten at once.
    pub fn make(names: &[String], now: Timestamp) -> Result<Self, Error> {
        let (from, until) = validity(now)?;
        let made = chain(names, from, until).map_err(|source| Error::Make { names: names.to_vec(), source })?;
        Self::of(made.authority, vec![made.certificate], made.key)
    }

    /// The one in `folder`: `tls.crt` and `tls.key` of an authority whose
    /// certificate is `ca.crt`, all PEM. Read once.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let file = |name: &str| folder.join(name);
        let wrong = |name: &str, problem: String| Error::File { file: file(name).display().to_string(), problem };
        let authority = fs::read_to_string(file("ca.crt")).map_err(|error| wrong("ca.crt", error.to_string()))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file("tls.crt"))
            .map_err(|error| wrong("tls.crt", error.to_string()))?
            .collect();
        let chain = chain.map_err(|error| wrong("tls.crt", error.to_string()))?;
        let key = PrivateKeyDer::from_pem_file(file("tls.key")).map_err(|error| wrong("tls.key", error.to_string()))?;
        Self::of(authority, chain, key)
    }

    fn of(authority: String, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { authority, config: Arc::new(config) })
    }

    /// The authority as PEM text, for `caBundle`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What a TLS server needs.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

struct Made {
    authority: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn validity(now: Timestamp) -> Result<(Date, Date), Error> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let until = today.checked_add(Span::new().try_years(VALID_YEARS)?)?;
    Ok((today.checked_sub(Span::new().try_days(SKEW_DAYS)?)?, until))
}

fn chain(names: &[String], from: Date, until: Date) -> Result<Made, rcgen::Error> {
    let mut authority = parameters(&[], "Atoll webhook authority", from, until)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut serving = parameters(names, "Atoll webhook", from, until)?;
    serving.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    serving.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = serving.signed_by(&key, &issuer)?;
    Ok(Made {
        authority: authority_certificate.pem(),
        certificate: certificate.der().clone(),
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    })
}

fn parameters(names: &[String], name: &str, from: Date, until: Date) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let midnight =
        |date: Date| rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    parameters.not_before = midnight(from);
    parameters.not_after = midnight(until);
    Ok(parameters)
}
