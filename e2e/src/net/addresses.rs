//! Who has which address: the one place that knows the fleet's ranges.
//!
//! In: how many members a fleet has. Out: the addresses of its ends, and for any address the end and the path it
//! belongs to. All of it is arithmetic; only [`claim`] touches the machine, to reserve blocks against other fleets.
//!
//! The ranges lie in 198.18.0.0/15, which RFC 2544 sets aside for bench networks, so that they meet nothing real.
//!
//! | Range | Use |
//! |---|---|
//! | 198.18.0.0/17 | API path: hub `198.18.<block>.1`, members from `198.18.<block>.10` on |
//! | 198.18.128.0/17 | data path: hub `198.18.<128 + block>.1`, nodes from `198.18.<128 + block>.10` on |
//! | 198.19.0.0/16 | pods, data path as well: one /23 for each member |

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use anyhow::{Context, bail};

use super::fault::Path;

/// Addresses of control planes, and of the hub when it speaks to them.
pub const API_RANGE: Prefix = Prefix { address: Ipv4Addr::new(198, 18, 0, 0), length: 17 };
/// Addresses of nodes, and of the hub when it speaks to nodes or pods.
pub const NODE_RANGE: Prefix = Prefix { address: Ipv4Addr::new(198, 18, 128, 0), length: 17 };
/// Pod networks of all members.
pub const POD_RANGE: Prefix = Prefix { address: Ipv4Addr::new(198, 19, 0, 0), length: 16 };

/// 510 pods fit: a stand-in node takes 500.
const POD_PREFIX: u8 = 23;
const MEMBERS_PER_BLOCK: u8 = 8;
/// What [`POD_RANGE`] has room for: 16 blocks of 8 networks of 512 addresses.
const BLOCKS: u8 = 16;
const BLOCK_POD_PREFIX: u8 = 20;
const FIRST_NODE_BLOCK: u8 = 128;
const HUB_HOST: u8 = 1;
const FIRST_MEMBER_HOST: u8 = 10;

/// The ends of a fleet as its network counts them: [`HUB`], then the members in the order of the plan.
pub type EndIndex = usize;
/// The hub's place among the ends.
pub const HUB: EndIndex = 0;

/// An IPv4 network: its first address and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub address: Ipv4Addr,
    pub length: u8,
}

impl Prefix {
    /// The network of one address.
    pub(super) const fn host(address: Ipv4Addr) -> Self {
        Self { address, length: 32 }
    }

    pub fn contains(self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
        address.to_bits() & mask == self.address.to_bits() & mask
    }
}

/// The two addresses by which an end is known, one for each path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    pub api: Ipv4Addr,
    pub data: Ipv4Addr,
}

/// A member's place within its block: what its addresses are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub block: u8,
    pub place: u8,
}

/// The addresses of one fleet: a run of blocks, each with room for eight members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPlan {
    blocks: Range<u8>,
    members: u8,
}

impl AddressPlan {
    /// The run of blocks that starts at `first`, or `None` where it would leave the ranges.
    fn at(first: u8, members: u8) -> Option<Self> {
        let end = first.checked_add(members.div_ceil(MEMBERS_PER_BLOCK).max(1))?;
        (end <= BLOCKS).then_some(Self { blocks: first..end, members })
    }

    /// The number that tells this fleet's interfaces from those of others.
    pub fn instance(&self) -> u8 {
        self.blocks.start
    }

    pub fn hub(&self) -> Pair {
        pair(self.blocks.start, HUB_HOST)
    }

    /// The addresses of the control plane (`api`) and of the node (`data`) of the member with this place in the plan.
    pub fn member(&self, place: u8) -> Pair {
        let slot = self.slot(place);
        pair(slot.block, FIRST_MEMBER_HOST + slot.place)
    }

    pub(super) fn blocks(&self) -> Range<u8> {
        self.blocks.clone()
    }

    /// Where the member with this place in the plan sits.
    pub(super) fn slot(&self, place: u8) -> Slot {
        Slot { block: self.blocks.start + place / MEMBERS_PER_BLOCK, place: place % MEMBERS_PER_BLOCK }
    }

    /// Every seat of the plan's blocks, whether this plan has a member there or not.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.blocks().flat_map(|block| (0..MEMBERS_PER_BLOCK).map(move |place| Slot { block, place }))
    }

    pub fn pods(&self, place: u8) -> Prefix {
        let slot = u32::from(self.blocks.start * MEMBERS_PER_BLOCK + place);
        let offset = slot << (32 - u32::from(POD_PREFIX));
        Prefix { address: Ipv4Addr::from_bits(POD_RANGE.address.to_bits() + offset), length: POD_PREFIX }
    }

    /// The networks in which the hub finds the fleet, each with the hub's own address to use there.
    pub fn hub_routes(&self) -> impl Iterator<Item = (Prefix, Ipv4Addr)> {
        let hub = self.hub();
        self.blocks.clone().flat_map(move |block| {
            let third = block << (BLOCK_POD_PREFIX - 16);
            [
                (Prefix { address: Ipv4Addr::new(198, 18, block, 0), length: 24 }, hub.api),
                (Prefix { address: Ipv4Addr::new(198, 18, FIRST_NODE_BLOCK + block, 0), length: 24 }, hub.data),
                (Prefix { address: Ipv4Addr::new(198, 19, third, 0), length: BLOCK_POD_PREFIX }, hub.data),
            ]
        })
    }

    /// The end an address belongs to, or `None` where it is nobody's.
    pub fn locate(&self, address: Ipv4Addr) -> Option<EndIndex> {
        let [_, _, third, host] = address.octets();
        let member = |place: u8| (place < self.members).then_some(EndIndex::from(place) + 1);
        if POD_RANGE.contains(address) {
            let slot = (address.to_bits() - POD_RANGE.address.to_bits()) >> (32 - u32::from(POD_PREFIX));
            return member(u8::try_from(slot).ok()?.checked_sub(self.blocks.start * MEMBERS_PER_BLOCK)?);
        }
        if !API_RANGE.contains(address) && !NODE_RANGE.contains(address) {
            return None;
        }
        let block = (third % FIRST_NODE_BLOCK).checked_sub(self.blocks.start)?;
        if host == HUB_HOST && block == 0 {
            return Some(HUB);
        }
        let host = host.checked_sub(FIRST_MEMBER_HOST).filter(|host| *host < MEMBERS_PER_BLOCK)?;
        member(block.checked_mul(MEMBERS_PER_BLOCK)? + host)
    }
}

fn pair(block: u8, host: u8) -> Pair {
    Pair { api: Ipv4Addr::new(198, 18, block, host), data: Ipv4Addr::new(198, 18, FIRST_NODE_BLOCK + block, host) }
}

/// The path a packet between two ends takes: API as soon as one side is a control plane's address.
pub(super) fn path_of(source: Ipv4Addr, destination: Ipv4Addr) -> Path {
    if API_RANGE.contains(source) || API_RANGE.contains(destination) { Path::Api } else { Path::Data }
}

/// Blocks reserved for one fleet. They are free again when it is dropped or the process dies.
#[derive(Debug)]
pub(super) struct Claim {
    pub plan: AddressPlan,
    /// Bound names in the abstract namespace, which the kernel keeps for each network namespace apart: exactly the
    /// scope in which two fleets could meet, and nothing of it outlives the process.
    _names: Vec<UnixListener>,
}

/// Reserves addresses for a fleet of `members` members, the first run of blocks that no other fleet on this machine
/// has.
///
/// # Errors
/// Says so when the fleet is larger than the ranges or when too many fleets run already.
pub(super) fn claim(members: usize) -> anyhow::Result<Claim> {
    let limit = BLOCKS * MEMBERS_PER_BLOCK;
    let members = u8::try_from(members).ok().filter(|members| *members <= limit);
    let members = members.with_context(|| format!("plan the network: a fleet has at most {limit} members"))?;
    for plan in (0..BLOCKS).filter_map(|first| AddressPlan::at(first, members)) {
        if let Some(names) = reserve(plan.blocks.clone())? {
            return Ok(Claim { plan, _names: names });
        }
    }
    bail!("claim addresses for {members} members: other fleets on this machine hold them; stop one of them")
}

fn reserve(blocks: Range<u8>) -> anyhow::Result<Option<Vec<UnixListener>>> {
    let mut names = Vec::new();
    for block in blocks {
        let name = SocketAddr::from_abstract_name(format!("atoll-fleet-addresses-{block}"))?;
        match UnixListener::bind_addr(&name) {
            Ok(listener) => names.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Ok(None),
            Err(error) => return Err(error).context("claim addresses for the fleet: bind a name"),
        }
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_plan_is_located_at_the_end_it_was_given_to() {
        let plan = AddressPlan::at(3, 20).expect("fits");
        assert_eq!(plan.locate(plan.hub().api), Some(HUB));
        assert_eq!(plan.locate(plan.hub().data), Some(HUB));
        for place in 0..20 {
            let first_pod = plan.pods(place).address.to_bits();
            let pods = [first_pod + 1, first_pod + 510].map(Ipv4Addr::from_bits);
            for address in [plan.member(place).api, plan.member(place).data, pods[0], pods[1]] {
                assert_eq!(plan.locate(address), Some(usize::from(place) + 1), "{address}");
                assert!(plan.hub_routes().any(|(network, _)| network.contains(address)), "{address}");
            }
        }
    }

    #[test]
    fn addresses_of_nobody_and_of_other_fleets_are_located_nowhere() {
        let plan = AddressPlan::at(3, 2).expect("fits");
        let other = AddressPlan::at(4, 2).expect("fits");
        let strangers = [other.hub().api, other.member(0).api, other.member(1).data, other.pods(0).address];
        for address in strangers.into_iter().chain([plan.member(2).api, plan.pods(2).address, Ipv4Addr::LOCALHOST]) {
            assert_eq!(plan.locate(address), None, "{address}");
        }
    }

    #[test]
    fn a_control_planes_address_makes_the_path_api_and_all_else_is_data() {
        let plan = AddressPlan::at(0, 2).expect("fits");
        let (hub, one, two) = (plan.hub(), plan.member(0), plan.member(1));
        assert_eq!(path_of(hub.api, one.api), Path::Api);
        assert_eq!(path_of(plan.pods(0).address, two.api), Path::Api);
        assert_eq!(path_of(hub.data, one.data), Path::Data);
        assert_eq!(path_of(one.data, plan.pods(1).address), Path::Data);
    }

    #[test]
    fn the_last_block_ends_with_the_range_and_no_plan_goes_past_it() {
        let plan = AddressPlan::at(15, 8).expect("fits");
        assert_eq!(plan.pods(7).address, Ipv4Addr::new(198, 19, 254, 0));
        assert_eq!(AddressPlan::at(15, 9), None);
    }

    #[test]
    fn two_fleets_never_hold_the_same_addresses_and_a_dropped_one_gives_them_back() {
        let first = claim(9).expect("free blocks");
        let second = claim(3).expect("free blocks");
        let overlap = first.plan.blocks.clone().any(|block| second.plan.blocks.contains(&block));
        assert!(!overlap, "{first:?} {second:?}");
        let held = first.plan.blocks.clone();
        assert!(reserve(held.clone()).expect("bind").is_none());
        drop(first);
        assert!(reserve(held).expect("bind").is_some());
    }
}
