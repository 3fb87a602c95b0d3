//! One fact about one plane of one cluster.

use core::net::{IpAddr, SocketAddr};
use std::fmt;
use std::sync::Arc;

use crate::time::Mono;

/// What was asked: the address text of a probe target, such as `10.0.0.7:10250`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(Arc<str>);

impl TargetId {
    /// Takes the text as it is.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TargetId {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Where a data-plane target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A node address, sampled from the member's node list.
    Node,
    /// Named by the user.
    Named,
}

/// How deep into the API a probe went, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// TCP and TLS.
    Connect,
    /// `/readyz`
    Ready,
    /// An authenticated read.
    Serve,
    /// Real use: an apply, bytes of a watch.
    Use,
}

/// Which plane was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    /// The member's API server.
    Api(Level),
    /// A node, a named target or an endpoint.
    Data,
}

/// An answer that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAnswer {
    /// What is wrong, for the reason of a condition.
    pub about: About,
    /// What it says, and what to do about it.
    pub text: String,
}

/// What a bad answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// Our credentials are not accepted.
    Credentials,
    /// The server's certificate is not the expected one.
    Certificate,
    /// Our role does not allow the question.
    Rights,
    /// Anything else: the server itself.
    Server,
}

impl<T: Into<String>> From<T> for BadAnswer {
    /// About the server itself.
    fn from(text: T) -> Self {
        Self { about: About::Server, text: text.into() }
    }
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A good answer.
    Fine,
    /// An answer all the same: an HTTP error, a RST, a refused certificate. It
    /// clears suspicion; the text should not change from probe to probe.
    Wrong(BadAnswer),
    /// Nothing: a timeout, no route.
    Silent(String),
}

impl Outcome {
    /// Whether anything came back at all.
    pub fn answered(&self) -> bool {
        !matches!(self, Self::Silent(_))
    }
}

/// One probe's or one use's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The plane and level.
    pub asked: Asked,
    /// Who was asked.
    pub target: TargetId,
    /// When the question was sent.
    pub sent: Mono,
    /// When the answer came, or the wait for it ended.
    pub at: Mono,
    /// What came back.
    pub outcome: Outcome,
}

/// Why an address is never probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It would answer for the hub itself, and so never be silent.
    #[error("a loopback address is the hub's own: name an address that the member answers")]
    Loopback,
    /// It has a meaning only on the member's own link.
    #[error("a link-local address is not reachable from the hub: name a routed address")]
    LinkLocal,
    /// It names no host.
    #[error("an unspecified, multicast or broadcast address names no single host")]
    NoHost,
    /// It is no address. Names are not resolved: who answers for a name may
    /// change, and a name that does not resolve says nothing of the member.
    #[error("write an IP address and a port, such as 10.0.0.7:443 or [fd00::7]:443")]
    NoAddress,
    /// Enough is asked without it.
    #[error("at most {MOST_NAMED} targets are asked")]
    TooMany,
}

/// So many targets a user may name for one cluster: each is asked every time.
const MOST_NAMED: usize = 16;

/// What a user named, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedTargets {
    /// To be asked, each once, in the order named.
    pub targets: Vec<SocketAddr>,
    /// What was written and cannot be asked.
    pub refused: Vec<(String, Refused)>,
}

impl NamedTargets {
    /// From the text of the annotation [`super::marks::PROBE_TARGETS`].
    pub fn read(text: &str) -> Self {
        let mut named = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match target(entry) {
                Ok(target) if named.targets.contains(&target) => {}
                Ok(target) if named.targets.len() < MOST_NAMED => named.targets.push(target),
                Ok(_) => named.refused.push((entry.to_owned(), Refused::TooMany)),
                Err(why) => named.refused.push((entry.to_owned(), why)),
            }
        }
        named
    }

    /// What to tell the user, if anything was refused.
    pub fn complaint(&self) -> Option<String> {
        let entries: Vec<String> = self.refused.iter().map(|(entry, why)| format!("{entry:?}: {why}")).collect();
        (!entries.is_empty()).then(|| format!("not asked whether they answer: {}", entries.join("; ")))
    }
}

fn target(entry: &str) -> Result<SocketAddr, Refused> {
    let target: SocketAddr = entry.parse().map_err(|_| Refused::NoAddress)?;
    if target.port() == 0 {
        return Err(Refused::NoAddress);
    }
    probeable(target.ip()).map(|()| target)
}

/// Whether `address` can stand for a member (architecture section 6).
pub fn probeable(address: IpAddr) -> Result<(), Refused> {
    let address = address.to_canonical();
    if address.is_loopback() {
        return Err(Refused::Loopback);
    }
    if address.is_unspecified() || address.is_multicast() {
        return Err(Refused::NoHost);
    }
    match address {
        IpAddr::V4(v4) if v4.is_broadcast() => Err(Refused::NoHost),
        IpAddr::V4(v4) if v4.is_link_local() => Err(Refused::LinkLocal),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Err(Refused::LinkLocal),
        IpAddr::V4(_) | IpAddr::V6(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_link_local_addresses_are_never_probed() {
        for (text, expected) in [
            ("127.0.0.1", Err(Refused::Loopback)),
            ("127.8.8.8", Err(Refused::Loopback)),
            ("::1", Err(Refused::Loopback)),
            ("::ffff:127.0.0.1", Err(Refused::Loopback)),
            ("169.254.169.254", Err(Refused::LinkLocal)),
            ("fe80::1", Err(Refused::LinkLocal)),
            ("::ffff:169.254.1.1", Err(Refused::LinkLocal)),
            ("0.0.0.0", Err(Refused::NoHost)),
            ("224.0.0.1", Err(Refused::NoHost)),
            ("255.255.255.255", Err(Refused::NoHost)),
            ("10.0.0.7", Ok(())),
            ("fd00::7", Ok(())),
        ] {
            assert_eq!(probeable(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn named_targets_are_addresses_with_a_port_and_the_rest_is_named_back() {
        let named = NamedTargets::read(" 10.0.0.7:443 ,[fd00::7]:10250,, 10.0.0.7:443");
        let addresses =
            |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        assert_eq!(named.targets, addresses(&["10.0.0.7:443", "[fd00::7]:10250"]));
        assert_eq!(named.complaint(), None);
        for (text, why) in [
            ("gateway.example.com:443", Refused::NoAddress),
            ("10.0.0.7", Refused::NoAddress),
            ("10.0.0.7:0", Refused::NoAddress),
            ("10.0.0.7:99999", Refused::NoAddress),
            ("127.0.0.1:443", Refused::Loopback),
            ("169.254.1.1:443", Refused::LinkLocal),
        ] {
            let named = NamedTargets::read(&format!("{text},10.0.0.8:443"));
            assert_eq!(named.refused, [(text.to_owned(), why)]);
            assert_eq!(named.targets, addresses(&["10.0.0.8:443"]), "the others are asked all the same");
            assert!(named.complaint().is_some_and(|complaint| complaint.contains(text)));
        }
        assert_eq!(NamedTargets::read(""), NamedTargets::default());
    }

    #[test]
    fn no_more_targets_are_asked_than_the_limit() {
        let text: Vec<String> = (1..=MOST_NAMED + 1).map(|host| format!("10.0.0.{host}:443")).collect();
        let named = NamedTargets::read(&text.join(","));
        assert_eq!((named.targets.len(), named.refused.len()), (MOST_NAMED, 1));
    }

    #[test]
    fn an_error_is_an_answer_and_a_timeout_is_not() {
        assert!(Outcome::Wrong("HTTP 500".into()).answered());
        assert!(!Outcome::Silent("timed out".into()).answered());
    }
}
