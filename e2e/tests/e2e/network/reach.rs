//! Who reaches whom, and by which address.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use atoll_e2e::net::{End, Network};

use super::traffic::{Client, DEADLINE, echo_on, echo_on_hub, pod_of};
use super::{Behaviour, BehaviourOfBoth};

pub const BOTH: &[BehaviourOfBoth] = &[
    ("the_hub_reaches_the_control_plane_node_and_pods_of_every_member", hub_reaches_members),
    ("a_member_reaches_the_hub_by_the_address_of_the_path", members_reach_hub),
    ("members_reach_each_other", members_reach_each_other),
    ("bulk_arrives_whole", bulk_arrives_whole),
    ("a_port_nobody_listens_on_refuses", free_port_refuses),
    ("a_process_of_a_member_sees_its_namespace_and_nothing_else", process_is_inside),
    ("a_socket_made_inside_works_in_a_runtime_outside", socket_moves_to_a_runtime),
    ("networks_side_by_side_do_not_share_addresses", side_by_side),
];

pub const PAIRS: &[Behaviour] = &[("a_network_without_a_relay_has_no_faults_to_set", no_faults_without_relay)];

fn hub_reaches_members(faults: bool) {
    let network = super::network(faults);
    for member in network.members() {
        for address in [member.api_address(), member.node_address(), pod_of(member)] {
            let mut client = Client::connect(echo_on(member, address)).expect("reached");
            client.round(b"hello").expect("echoed");
            let api = address == member.api_address();
            assert_eq!(client.seen_as, if api { network.hub_address() } else { network.hub_data_address() });
            assert_eq!(network.end_of(address), Some(End::from(member.name())));
        }
    }
}

fn members_reach_hub(faults: bool) {
    let network = super::network(faults);
    let one = network.member("one").expect("planned");
    let ways = [(network.hub_address(), one.api_address()), (network.hub_data_address(), one.node_address())];
    for (address, seen_as) in ways {
        let server = echo_on_hub(address);
        let mut client = one.run(move || Client::connect(server)).expect("reached");
        client.round(b"hello").expect("echoed");
        assert_eq!(client.seen_as, seen_as);
    }
}

fn members_reach_each_other(faults: bool) {
    let network = super::network(faults);
    let (one, two) = (network.member("one").expect("planned"), network.member("two").expect("planned"));
    for address in [two.api_address(), two.node_address(), pod_of(two)] {
        let server = echo_on(two, address);
        one.run(move || Client::connect(server)).expect("reached").round(b"hello").expect("echoed");
    }
}

fn bulk_arrives_whole(faults: bool) {
    let network = super::network(faults);
    let one = network.member("one").expect("planned");
    let bulk: Vec<u8> = (0..8_000_000_u32).map(|number| number.to_le_bytes()[number as usize % 3]).collect();
    let mut client = Client::connect(echo_on(one, one.api_address())).expect("reached");
    client.round(&bulk).expect("echoed");
}

fn free_port_refuses(faults: bool) {
    let network = super::network(faults);
    let one = network.member("one").expect("planned");
    for address in [one.api_address(), pod_of(one)] {
        let error = Client::connect((address, 1).into()).err().expect("nobody listens");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}

fn process_is_inside(faults: bool) {
    let network = super::network(faults);
    let one = network.member("one").expect("planned");
    let mut cat = Command::new("cat");
    cat.arg("/proc/net/dev").stdout(Stdio::piped());
    let output = one.spawn(cat).expect("started").wait_with_output().expect("ended");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut interfaces: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    // Some kernels put tunnels of their own into every new namespace.
    interfaces.retain(|name| ["lo", "fleet0"].contains(name) || name.starts_with("atoll") || name.starts_with("eth"));
    interfaces.sort_unstable();
    assert_eq!(interfaces, ["fleet0", "lo"]);
}

fn socket_moves_to_a_runtime(faults: bool) {
    let network = super::network(faults);
    let (one, two) = (network.member("one").expect("planned"), network.member("two").expect("planned"));
    let server = echo_on(two, pod_of(two));
    let socket = one.tcp_socket().expect("a socket");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connected = runtime.block_on(async { tokio::time::timeout(DEADLINE, socket.connect(server)).await });
    let local = connected.expect("in time").expect("reached").local_addr().expect("connected");
    assert_eq!(local.ip(), one.node_address());
}

fn side_by_side(faults: bool) {
    let (first, second) = (super::network(faults), super::network(faults));
    for network in [&first, &second] {
        let one = network.member("one").expect("planned");
        Client::connect(echo_on(one, one.api_address())).expect("reached").round(b"hello").expect("echoed");
    }
    assert_ne!(first.hub_address(), second.hub_address());
    assert_eq!(first.end_of(second.hub_address()), None);
    TcpListener::bind((second.hub_address(), 0)).expect("the hub's address is the caller's");
}

fn no_faults_without_relay() {
    let network: Network = super::network(false);
    assert!(network.faults().is_none());
}
