//! Single values of the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use atoll_crds::names::CLUSTER_NAME_MAX;
use jiff::SignedDuration;

/// Name of a cluster: a DNS-1123 label of at most [`CLUSTER_NAME_MAX`]
/// characters (karmada-api 1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(String);

impl ClusterName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClusterName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_label = text.bytes().all(inner) && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-');
        if !is_label {
            return Err("a cluster's name has lower-case letters, digits and `-` inside, as in `member-1`".to_owned());
        }
        if text.len() > CLUSTER_NAME_MAX {
            return Err(format!("a cluster's name has at most {CLUSTER_NAME_MAX} characters, this has {}", text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A label to put on the Cluster. The hub has the last word on its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub key: String,
    pub value: String,
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self { key: key.to_owned(), value: value.to_owned() }),
            _ => Err("a label looks like KEY=VALUE".to_owned()),
        }
    }
}

/// An address as a Cluster may have it: scheme and host, neither user nor
/// query nor fragment (karmada-api 1.3).
pub fn parse_endpoint(text: &str) -> Result<http::Uri, String> {
    let endpoint =
        text.parse::<http::Uri>().map_err(|error| format!("{error}; it looks like https://10.0.0.1:6443"))?;
    let is_web = matches!(endpoint.scheme_str(), Some("https" | "http"));
    if !is_web || endpoint.host().is_none_or(str::is_empty) {
        return Err("scheme or host is missing; it looks like https://10.0.0.1:6443".to_owned());
    }
    if endpoint.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("it must not hold a user".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err("it must have neither query nor fragment".to_owned());
    }
    Ok(endpoint)
}

/// `90s`, `2m`, `1h30m`
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "a duration looks like 90s, 2m or 1h30m".to_owned())?;
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("it must be longer than nothing".to_owned()),
    }
}
