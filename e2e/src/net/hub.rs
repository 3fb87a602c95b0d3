//! The hub's side of the network, in the namespace the fleet was started from.

use anyhow::Context;
use tun_rs::SyncDevice;

use super::addresses::{AddressPlan, Prefix, Slot};
use super::links::{self, Route};
use super::member::MemberNetwork;
use super::tunnel;

/// Makes the hub's TUN device with its addresses and the routes to all members.
pub(super) fn open_relay_device(plan: &AddressPlan) -> anyhow::Result<SyncDevice> {
    let name = device_name(plan.instance());
    let tun = tunnel::open(&name)?;
    let hub = plan.hub();
    links::configure_here(async |links| {
        let device = links::index_of(&name)?;
        links.set_mtu(device, tunnel::MTU).await?;
        links.bring_up(device).await?;
        links.add_address(device, hub.api).await?;
        links.add_address(device, hub.data).await?;
        for (to, source) in plan.hub_routes() {
            links.add_route(Route { to, device, gateway: None, source }).await?;
        }
        Ok(())
    })?;
    Ok(tun)
}

fn device_name(block: u8) -> String {
    format!("atoll{block}")
}

/// The name of the hub's end of a pair of interfaces. It has the block's number, not the fleet's, so that whoever
/// claims the block later knows the name without knowing the fleet.
fn pair_name(slot: Slot) -> String {
    format!("atoll{}-{}", slot.block, slot.place)
}

/// Removes what a fleet that was killed still has on the addresses of this plan.
///
/// Its names are free at once, but the kernel takes a namespace down later, and not before the last process in it
/// ends. Until then the old interfaces stay, with routes to single members that win over the relay's route to them
/// all: packets would reach the old member past every fault.
pub(super) fn remove_leftovers(plan: &AddressPlan) -> anyhow::Result<()> {
    let names = plan.slots().map(pair_name).chain(plan.blocks().map(device_name));
    let left: Vec<_> = names.filter(|name| links::index_of(name).is_ok()).collect();
    if left.is_empty() {
        return Ok(());
    }
    tracing::debug!(?left, "interfaces of a fleet that was killed");
    links::configure_here(async |links| {
        for name in left {
            links.remove(&name).await?;
        }
        Ok(())
    })
}

/// Gives the hub's end of a member's pair its addresses and the routes to that member.
fn configure_pair(plan: &AddressPlan, place: u8) -> anyhow::Result<()> {
    let name = pair_name(plan.slot(place));
    let (hub, member, pods) = (plan.hub(), plan.member(place), plan.pods(place));
    links::configure_here(async |links| {
        let device = links::index_of(&name)?;
        links.bring_up(device).await?;
        // Every pair's end has them: a /32 may be on several interfaces, and routes tell which one a member is behind.
        links.add_address(device, hub.api).await?;
        links.add_address(device, hub.data).await?;
        for (to, gateway, source) in [
            (Prefix::host(member.api), None, hub.api),
            (Prefix::host(member.data), None, hub.data),
            (pods, Some(member.data), hub.data),
        ] {
            links.add_route(Route { to, device, gateway, source }).await?;
        }
        Ok(())
    })?;
    allow_forwarding(&name);
    Ok(())
}

/// Lets members reach each other through the hub, by the switch of this interface alone: the machine's own switch is
/// not the fleet's to touch. Where even that is refused, members reach the hub and nobody else.
fn allow_forwarding(interface: &str) {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/forwarding");
    if let Err(error) = std::fs::write(&path, "1") {
        tracing::debug!(path, %error, "members cannot reach each other");
    }
}

/// The network namespace of the calling thread, to move interfaces into.
fn own_namespace() -> anyhow::Result<std::fs::File> {
    std::fs::File::open("/proc/thread-self/ns/net").context("open the hub's network namespace")
}

/// Joins a member to the hub without a relay between.
pub(super) fn join(member: &mut MemberNetwork, plan: &AddressPlan, place: u8) -> anyhow::Result<()> {
    member.join_hub(pair_name(plan.slot(place)), plan.hub(), own_namespace()?)?;
    configure_pair(plan, place)
}
