//! The network of a fleet: one hub, and each member in a network namespace of its own.
//!
//! In: the members' names and whether faults are wanted. Out: addresses, a way to start processes in a member's
//! namespace, and the handle that cuts cables. This module starts no control plane and knows no Kubernetes.
//!
//! ```text
//!   hub's namespace                    relay thread                     member's namespace
//!   198.18.b.1, 198.18.(128+b).1   TUN ─ verdict by way ─ TUN   198.18.b.10 (API), 198.18.(128+b).10 (node), pods /23
//! ```
//!
//! A fleet without faults has no relay: a pair of interfaces joins each member to the hub. Either way the same
//! addresses answer, and nothing of it is stored anywhere: interfaces go with their handles, namespaces with their
//! threads, so a killed process leaves none behind once the kernel and the processes in its namespaces are done.

mod addresses;
mod fault;
mod hub;
mod links;
mod member;
mod namespace;
mod relay;
mod tether;
mod tunnel;
mod user_namespace;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::ensure;

pub use self::fault::{ActiveFault, End, Fault, Faults, Path, UnknownEnd};
pub use self::member::MemberNetwork;
pub use self::tether::exec_tethered;
pub use self::user_namespace::{enter_user_namespace, join_namespaces};

use self::addresses::{Claim, HUB};
use self::relay::Relay;

/// What network to build.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// Unique names; `hub` is taken.
    pub members: Vec<String>,
    /// Whether a relay stands between the ends, so that faults can be set.
    pub faults: bool,
}

/// A running network. Dropping it removes every interface and namespace; processes that still run in a namespace lose
/// their network.
#[derive(Debug)]
pub struct Network {
    // Dropped in this order: packets stop, then the members go, then others may have the addresses.
    relay: Option<Relay>,
    members: Vec<MemberNetwork>,
    faults: Option<Faults>,
    claim: Claim,
}

impl Network {
    /// Builds the network. The hub's end is in the calling thread's namespace: as root usually the machine's own,
    /// otherwise the one of [`enter_user_namespace`].
    ///
    /// # Errors
    /// Names what could not be made, and what the caller can do about it.
    pub fn start(plan: NetworkPlan) -> anyhow::Result<Self> {
        validate(&plan.members)?;
        if plan.faults {
            tunnel::check_access()?;
        }
        let claim = addresses::claim(plan.members.len())?;
        hub::remove_leftovers(&claim.plan)?;
        let members: anyhow::Result<Vec<_>> =
            plan.members.iter().zip(0..).map(|(name, place)| MemberNetwork::start(name, &claim.plan, place)).collect();
        let mut network = Self { relay: None, members: members?, faults: None, claim };
        if plan.faults {
            network.join_by_relay(plan.members)?;
        } else {
            network.join_by_pairs()?;
        }
        Ok(network)
    }

    fn join_by_relay(&mut self, names: Vec<String>) -> anyhow::Result<()> {
        let mut devices = vec![hub::open_relay_device(&self.claim.plan)?];
        for member in &self.members {
            devices.push(member.join_relay()?);
        }
        let faults = Faults::new(names);
        self.relay = Some(Relay::start(self.claim.plan.clone(), devices, faults.clone())?);
        self.faults = Some(faults);
        Ok(())
    }

    fn join_by_pairs(&mut self) -> anyhow::Result<()> {
        self.members.iter_mut().zip(0..).try_for_each(|(member, place)| hub::join(member, &self.claim.plan, place))
    }

    /// Where the hub's control plane listens.
    pub fn hub_address(&self) -> Ipv4Addr {
        self.claim.plan.hub().api
    }

    /// The hub's address on the data path: what nodes and pods see when the hub speaks to them.
    pub fn hub_data_address(&self) -> Ipv4Addr {
        self.claim.plan.hub().data
    }

    pub fn member(&self, name: &str) -> Option<&MemberNetwork> {
        self.members.iter().find(|member| member.name() == name)
    }

    pub fn members(&self) -> &[MemberNetwork] {
        &self.members
    }

    /// The handle for faults, where the plan asked for them.
    pub fn faults(&self) -> Option<&Faults> {
        self.faults.as_ref()
    }

    /// The end an address belongs to, whether a control plane's, a node's or a pod's.
    pub fn end_of(&self, address: Ipv4Addr) -> Option<End> {
        match self.claim.plan.locate(address)? {
            HUB => Some(End::Hub),
            member => Some(End::Member(self.members.get(member - 1)?.name().to_owned())),
        }
    }
}

fn validate(members: &[String]) -> anyhow::Result<()> {
    let mut seen = BTreeSet::from(["", "hub"]);
    for name in members {
        ensure!(seen.insert(name), "plan the network: member name {name:?} is empty, taken, or given twice");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_and_its_fault_handle_can_be_shared_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Network>();
        shared::<Faults>();
    }

    #[test]
    fn a_plan_needs_names_that_tell_its_ends_apart() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        validate(&names(&["one", "two"])).expect("unique names");
        for wrong in [&["one", "one"][..], &["hub"], &[""]] {
            validate(&names(wrong)).expect_err("not unique");
        }
    }
}
