//! Addresses of pods.
//!
//! Pure. In: the pod network and who wants an address. Out: one address for each pod, the same for as long as the pod
//! lives. It must not know whether an address works; binding it tells.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use anyhow::ensure;

/// The uid of a pod: what an address belongs to, since a name may be used again by the next pod.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct PodUid(pub String);

/// The addresses of one node's pod network.
#[derive(Debug)]
pub struct AddressPool {
    first: u32,
    last: u32,
    /// Where the search for a free address goes on: an address just given back rests for a whole round, so that a
    /// client with a stale answer does not reach a stranger.
    next: u32,
    owners: HashMap<PodUid, u32>,
    taken: HashSet<u32>,
}

impl AddressPool {
    /// All addresses of `network`/`prefix` but the network's own, the first host (a gateway's by custom) and the
    /// broadcast address. Networks smaller than a /30 have none left and are refused.
    pub fn new((network, prefix): (Ipv4Addr, u8)) -> anyhow::Result<Self> {
        ensure!(prefix <= 30, "the pod network {network}/{prefix} is too small: it has to be a /30 or larger");
        let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        let base = network.to_bits() & !hosts;
        let (first, last) = (base + 2, base + hosts - 1);
        Ok(Self { first, last, next: first, owners: HashMap::new(), taken: HashSet::new() })
    }

    /// The address of `pod`: the one it has, or a free one. `None`: all are taken.
    pub fn claim(&mut self, pod: &PodUid) -> Option<Ipv4Addr> {
        if let Some(&held) = self.owners.get(pod) {
            return Some(Ipv4Addr::from_bits(held));
        }
        let free =
            (self.next..=self.last).chain(self.first..self.next).find(|address| !self.taken.contains(address))?;
        self.next = if free == self.last { self.first } else { free + 1 };
        self.take(pod, free);
        Some(Ipv4Addr::from_bits(free))
    }

    /// Gives `pod` the address that an earlier run of the kubelet gave it. An address of another network, or one that
    /// another pod has, is not given; the pod then gets a new one when it asks.
    pub fn reserve(&mut self, pod: &PodUid, address: Ipv4Addr) -> bool {
        let address = address.to_bits();
        let held = self.owners.get(pod).copied();
        if held.is_some() || !(self.first..=self.last).contains(&address) || self.taken.contains(&address) {
            return held == Some(address);
        }
        self.take(pod, address);
        true
    }

    /// Takes the address of `pod` back, if it has one.
    pub fn release(&mut self, pod: &PodUid) {
        if let Some(address) = self.owners.remove(pod) {
            self.taken.remove(&address);
        }
    }

    fn take(&mut self, pod: &PodUid, address: u32) {
        self.owners.insert(pod.clone(), address);
        self.taken.insert(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(prefix: u8) -> AddressPool {
        AddressPool::new((Ipv4Addr::new(10, 1, 2, 0), prefix)).unwrap()
    }

    fn uid(name: &str) -> PodUid {
        PodUid(name.to_owned())
    }

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 1, 2, last)
    }

    #[test]
    fn network_gateway_and_broadcast_addresses_are_never_given() {
        let mut pool = pool(29);
        let given: Vec<_> = (0..6).map(|pod| pool.claim(&uid(&pod.to_string()))).collect();
        let expected = [2, 3, 4, 5, 6].map(|last| Some(address(last)));
        assert_eq!(given[..5], expected);
        assert_eq!(given[5], None);
    }

    #[test]
    fn a_pod_keeps_its_address() {
        let mut pool = pool(24);
        let first = pool.claim(&uid("a"));
        pool.claim(&uid("b"));
        assert_eq!(pool.claim(&uid("a")), first);
    }

    #[test]
    fn a_released_address_is_given_again_only_after_all_others() {
        let mut pool = pool(29);
        pool.claim(&uid("a"));
        pool.release(&uid("a"));
        let given: Vec<_> = (0..5).filter_map(|pod| pool.claim(&uid(&pod.to_string()))).collect();
        assert_eq!(given, [3, 4, 5, 6, 2].map(address));
    }

    #[test]
    fn a_reserved_address_belongs_to_its_pod_alone() {
        let mut pool = pool(29);
        assert!(pool.reserve(&uid("old"), address(2)));
        assert!(pool.reserve(&uid("old"), address(2)));
        assert!(!pool.reserve(&uid("thief"), address(2)));
        assert_eq!(pool.claim(&uid("new")), Some(address(3)));
        assert_eq!(pool.claim(&uid("old")), Some(address(2)));
    }

    #[test]
    fn addresses_outside_of_the_network_are_not_reserved() {
        let mut pool = pool(29);
        for last in [0, 1, 7, 200] {
            assert!(!pool.reserve(&uid("old"), address(last)));
        }
    }

    #[test]
    fn a_network_in_the_middle_of_its_range_starts_at_its_own_base() {
        let mut pool = AddressPool::new((Ipv4Addr::new(198, 19, 5, 77), 23)).unwrap();
        assert_eq!(pool.claim(&uid("a")), Some(Ipv4Addr::new(198, 19, 4, 2)));
    }

    #[test]
    fn a_network_of_two_addresses_is_refused() {
        assert!(AddressPool::new((Ipv4Addr::new(10, 0, 0, 0), 31)).is_err());
    }

    #[test]
    fn a_pod_network_of_a_fleet_holds_all_pods_of_a_node() {
        let mut pool = pool(23);
        assert!((0..500).all(|pod| pool.claim(&uid(&pod.to_string())).is_some()));
    }
}
