//! Authorities and what they sign. Pure but for the randomness of keys.

use std::fmt::Write;

use anyhow::{Context, Result};
use k8s_openapi::jiff::{Span, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Authorities hold for ten years: to change one is to change everything it
/// signed, in the hands of every user.
const AUTHORITY_DAYS: i64 = 3650;
/// Everything else holds for a year.
pub const LEAF_DAYS: i64 = 365;
/// It is made anew when two thirds of the year are over, so that four months are
/// left for whoever reads it only at a start.
pub const RENEW_AFTER_DAYS: i64 = 243;
/// Clocks of others may be behind ours by so much.
const SKEW_DAYS: i64 = 1;

/// A certificate, or a public key, and the private key, all PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

/// What a certificate says.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// User, or name of a server.
    pub name: &'a str,
    /// Group of a user.
    pub group: Option<&'a str>,
    /// Names and addresses of a server; none for a client.
    pub names: Vec<String>,
    /// A server that is a client of its peers too.
    pub both: bool,
}

/// Signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pair: Pair,
    id: String,
}

impl Authority {
    /// A new one called `name`.
    pub fn make(name: &str, now: Timestamp) -> Result<Self> {
        let parameters = authority(name, now)?;
        let key = KeyPair::generate().context("making an authority's key")?;
        let certificate = parameters.self_signed(&key).context("signing an authority")?;
        Self::of(name, Pair { certificate: certificate.pem(), key: key.serialize_pem() }, now)
    }

    /// The one called `name` that is there already. What it signs depends on its
    /// name and its key alone.
    pub fn of(name: &str, pair: Pair, now: Timestamp) -> Result<Self> {
        let key = KeyPair::from_pem(&pair.key).with_context(|| format!("reading the key of {name}"))?;
        let parameters = authority(name, now)?;
        let id = parameters.key_identifier(&key).iter().fold(String::new(), |mut id, byte| {
            // Writing to a text cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        });
        Ok(Self { issuer: Issuer::new(parameters, key), pair, id })
    }

    /// Certificate and key.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Which key it signs with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A new key with a certificate for it.
    pub fn issue(&self, subject: &Subject<'_>, now: Timestamp) -> Result<Pair> {
        let named = || format!("making the certificate of {}", subject.name);
        let mut parameters = parameters(subject.name, &subject.names, now, LEAF_DAYS).with_context(named)?;
        if let Some(group) = subject.group {
            parameters.distinguished_name.push(DnType::OrganizationName, group);
        }
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let (server, client) = (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
        parameters.extended_key_usages = match (subject.names.is_empty(), subject.both) {
            (_, true) => vec![server, client],
            (true, false) => vec![client],
            (false, false) => vec![server],
        };
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().with_context(named)?;
        let certificate = parameters.signed_by(&key, &self.issuer).with_context(named)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// A key that signs tokens, with the public one in place of a certificate.
pub fn signing_key() -> Result<Pair> {
    let key = KeyPair::generate().context("making the key of service account tokens")?;
    Ok(Pair { certificate: key.public_key_pem(), key: key.serialize_pem() })
}

/// When what is made now has to be made anew.
pub fn renew_after(now: Timestamp) -> Result<Timestamp> {
    now.checked_add(Span::new().try_hours(RENEW_AFTER_DAYS * 24)?).context("dating a certificate")
}

fn authority(name: &str, now: Timestamp) -> Result<CertificateParams> {
    let mut parameters = parameters(name, &[], now, AUTHORITY_DAYS)?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

fn parameters(name: &str, names: &[String], now: Timestamp, days: i64) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(names).context("reading the names of a certificate")?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let today = now.to_zoned(TimeZone::UTC).date();
    let midnight = |days: i64| {
        let date = today.checked_add(Span::new().try_days(days)?)?;
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        anyhow::Ok(rcgen::date_time_ymd(date.year().into(), month, day))
    };
    parameters.not_before = midnight(-SKEW_DAYS)?;
    parameters.not_after = midnight(days)?;
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_authority_read_back_signs_as_the_one_that_was_made() {
        let made = Authority::make("Atoll hub", now()).unwrap();
        let later = now().checked_add(Span::new().hours(9000)).unwrap();
        let again = Authority::of("Atoll hub", made.pair().clone(), later).unwrap();
        assert_eq!(made.id(), again.id());
        let subject = Subject { name: "atoll", ..Subject::default() };
        assert_ne!(again.issue(&subject, later).unwrap(), made.issue(&subject, later).unwrap(), "each has its own key");
    }

    #[test]
    fn a_name_that_no_certificate_can_carry_is_refused_by_the_subject() {
        let authority = Authority::make("Atoll hub", now()).unwrap();
        let subject = Subject { name: "kube-apiserver", names: vec!["höhe".to_owned()], ..Subject::default() };
        let error = format!("{:#}", authority.issue(&subject, now()).unwrap_err());
        assert!(error.contains("kube-apiserver"), "{error}");
    }

    #[test]
    fn what_is_renewed_has_months_left() {
        let renewal = renew_after(now()).unwrap();
        assert_eq!(renewal.to_string(), "2026-10-30T12:00:00Z");
        const { assert!(LEAF_DAYS - RENEW_AFTER_DAYS > 100) };
    }
}
