//! What a fleet is asked to be, and what it came to be.
//!
//! [`FleetSpec`] goes from the owner to the supervisor, [`FleetDescription`]
//! comes back; both as JSON.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::layout::Layout;

/// Name of the cluster that is no member.
pub const HUB: &str = "hub";
/// A member's name is part of its node's and its pods' names, which end at 63.
const MAX_NAME: usize = 30;

/// What the owner asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FleetSpec {
    /// Folder of the fleet.
    pub dir: PathBuf,
    /// The control plane's multi-call binary.
    pub control_plane: PathBuf,
    /// Names of the members, valid after [`validate_names`].
    pub members: Vec<String>,
    /// Whether packets between the clusters pass the relay that can spoil them.
    pub faults: bool,
    /// Leaves etcd's files and the logs on disk at the end.
    pub keep_data: bool,
    /// Whether the fleet's user and network namespace are its own, not the machine's.
    pub confined: bool,
}

/// What runs, once it is ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FleetDescription {
    /// Process id of the supervisor, as the owner sees it.
    pub supervisor: u32,
    /// Whether faults can be set.
    pub faults: bool,
    /// Whether the addresses answer only inside the fleet's own user and network namespace.
    pub confined: bool,
    /// The control plane's multi-call binary.
    pub control_plane: PathBuf,
    /// The hub.
    pub hub: ClusterDescription,
    /// The members, in the order asked for.
    pub members: Vec<ClusterDescription>,
}

/// One cluster that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterDescription {
    /// `hub` or the member's name.
    pub name: String,
    /// URL of the API server.
    pub server: String,
    /// Kubeconfig of an administrator.
    pub kubeconfig: PathBuf,
    /// What only members have.
    pub member: Option<MemberDescription>,
}

/// What a member has and a hub has not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberDescription {
    /// Address of the one node.
    pub node_address: Ipv4Addr,
    /// Addresses of pods, as `198.19.0.0/23`.
    pub pod_cidr: String,
    /// Kubeconfig of an administrator that reaches the member whatever is cut: to watch it, never for what is
    /// under test.
    pub observer_kubeconfig: PathBuf,
    /// The kernel's name of the member's network namespace, as `net:[4026532000]`.
    pub network_namespace: String,
}

impl FleetDescription {
    /// Reads what the supervisor in `layout` wrote when it was ready.
    pub fn fetch(layout: &Layout) -> Result<Self> {
        let root = layout.root().display();
        let Ok(text) = std::fs::read_to_string(layout.description()) else {
            bail!("no fleet runs in {root}; start one with `cargo fleet up --dir {root}`");
        };
        serde_json::from_str(&text).with_context(|| format!("understanding {}", layout.description().display()))
    }

    /// The member called `name`.
    pub fn member(&self, name: &str) -> Result<&MemberDescription> {
        self.cluster(name)?.member.as_ref().with_context(|| format!("{name} is no member"))
    }

    /// The cluster called `name`, `hub` included.
    pub fn cluster(&self, name: &str) -> Result<&ClusterDescription> {
        let known = || std::iter::once(&self.hub).chain(&self.members);
        if let Some(found) = known().find(|cluster| cluster.name == name) {
            return Ok(found);
        }
        let names: Vec<&str> = known().map(|cluster| cluster.name.as_str()).collect();
        bail!("the fleet has no cluster {name:?}, it has {}", names.join(", "))
    }
}

/// Names of `count` members when nobody chose any: `m1`, `m2`, ...
pub fn numbered_names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("m{number}")).collect()
}

/// Checks that the names can be those of members: DNS labels, each once, none the hub's.
pub fn validate_names(names: &[String]) -> Result<()> {
    let mut seen = BTreeSet::from([HUB]);
    for name in names {
        let label = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let ends = name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-');
        ensure!(
            label && ends && name.len() <= MAX_NAME,
            "{name:?} cannot name a member: lower case letters, digits and '-', first a letter, at most {MAX_NAME}"
        );
        ensure!(seen.insert(name), "the name {name:?} is taken: members need names of their own, not {HUB:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(names: &[&str]) -> Result<()> {
        validate_names(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn numbered_names_are_valid_names() {
        validate_names(&numbered_names(23)).unwrap();
    }

    #[test]
    fn names_that_kubernetes_or_the_fleet_cannot_carry_are_refused() {
        for names in [&["M1"][..], &["a_b"], &["-a"], &["a-"], &[""], &["1a"], &["hub"], &["a", "a"]] {
            assert!(validate(names).is_err(), "{names:?}");
        }
        assert!(validate(&["a-1", "b"]).is_ok());
    }
}
