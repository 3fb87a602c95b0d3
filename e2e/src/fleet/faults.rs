//! Faults of a fleet's network, as its owner sets them.
//!
//! In: names of ends (`hub` or a member's). Out: requests to the supervisor; each
//! call returns when the next packet meets the new state.

use anyhow::{Result, bail};

use super::Fleet;
use super::control::{Answer, NetworkAction, Request, Way};
use super::spec::{FleetDescription, HUB};
use crate::net::{ActiveFault, End, Fault, Path};

/// The faults of one fleet.
pub struct FleetFaults<'a> {
    fleet: &'a Fleet,
}

impl<'a> FleetFaults<'a> {
    pub(super) fn new(fleet: &'a Fleet) -> Self {
        Self { fleet }
    }

    /// Spoils packets from `from` to `to` on one path.
    pub async fn set(&self, from: &str, to: &str, path: Path, fault: Fault) -> Result<()> {
        let active = ActiveFault { from: from.into(), to: to.into(), path, fault };
        self.apply(vec![NetworkAction::Set(active)]).await
    }

    /// Spoils packets between two ends on one path, in both directions.
    pub async fn set_both(&self, one: &str, other: &str, path: Path, fault: Fault) -> Result<()> {
        self.apply(set_all(&both_ways(one, other, &[path]), fault)).await
    }

    /// Pulls the cable of `name`: nothing reaches it and nothing leaves it.
    pub async fn isolate(&self, name: &str) -> Result<()> {
        self.apply(set_all(&ways(self.fleet.description(), name, None, &Path::ALL)?, Fault::Cut)).await
    }

    /// Mends every way from and to `name`.
    pub async fn reconnect(&self, name: &str) -> Result<()> {
        let ways = ways(self.fleet.description(), name, None, &Path::ALL)?;
        self.apply(ways.into_iter().map(NetworkAction::Heal).collect()).await
    }

    /// Mends one direction of one path.
    pub async fn heal(&self, from: &str, to: &str, path: Path) -> Result<()> {
        self.apply(vec![NetworkAction::Heal(Way { from: from.into(), to: to.into(), path })]).await
    }

    /// Mends both directions of one path.
    pub async fn heal_both(&self, one: &str, other: &str, path: Path) -> Result<()> {
        self.apply(both_ways(one, other, &[path]).into_iter().map(NetworkAction::Heal).collect()).await
    }

    /// Mends everything.
    pub async fn heal_all(&self) -> Result<()> {
        self.apply(vec![NetworkAction::HealAll]).await
    }

    /// What is in force.
    pub async fn list(&self) -> Result<Vec<ActiveFault>> {
        match self.fleet.request(&Request::Faults).await? {
            Answer::Faults { active } => Ok(active),
            other => bail!("the fleet answered a question for its faults with {other:?}"),
        }
    }

    async fn apply(&self, actions: Vec<NetworkAction>) -> Result<()> {
        self.fleet.request(&Request::Network { actions }).await.map(drop)
    }
}

/// All ways between the cluster `name` and `peer`, or everybody else where nobody is named, in both directions.
pub fn ways(fleet: &FleetDescription, name: &str, peer: Option<&str>, paths: &[Path]) -> Result<Vec<Way>> {
    fleet.cluster(name)?;
    if let Some(peer) = peer {
        fleet.cluster(peer)?;
        return Ok(both_ways(name, peer, paths));
    }
    let members = fleet.members.iter().map(|member| member.name.as_str());
    let others = std::iter::once(HUB).chain(members).filter(|other| *other != name);
    Ok(others.flat_map(|other| both_ways(name, other, paths)).collect())
}

fn both_ways(one: &str, other: &str, paths: &[Path]) -> Vec<Way> {
    let way = |from: &str, to: &str, path| Way { from: End::from(from), to: End::from(to), path };
    paths.iter().flat_map(|&path| [way(one, other, path), way(other, one, path)]).collect()
}

fn set_all(ways: &[Way], fault: Fault) -> Vec<NetworkAction> {
    let set = |way: &Way| ActiveFault { from: way.from.clone(), to: way.to.clone(), path: way.path, fault };
    ways.iter().map(|way| NetworkAction::Set(set(way))).collect()
}
