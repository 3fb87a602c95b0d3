//! What faults do to real connections.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use atoll_e2e::net::{End, Fault, Faults, MemberNetwork, Network, Path};

use super::Behaviour;
use super::traffic::{Client, DEADLINE, SILENCE, datagram_pair, echo_on, is_silence, numbers_through, pod_of};

pub const ALL: &[Behaviour] = &[
    ("a_cut_api_path_is_silent_while_the_data_path_works", cut_api_only),
    ("a_cut_data_path_is_silent_while_the_api_path_works", cut_data_only),
    ("healing_restores_an_open_connection", heal_restores),
    ("a_cut_one_way_lets_the_other_way_through", cut_one_way),
    ("an_isolated_member_is_reached_by_nobody_and_others_are", isolated_member),
    ("a_refusing_way_refuses_new_connections_and_resets_open_ones_at_once", refuse_connections),
    ("a_refusing_way_tells_the_sender_of_a_datagram", refuse_datagrams),
    ("a_delay_makes_every_answer_late_by_it", delay),
    ("a_cut_stops_packets_that_a_delay_holds_back", cut_stops_delayed),
    ("loss_takes_its_share_of_datagrams", loss_of_datagrams),
    ("a_connection_survives_loss", connection_survives_loss),
    ("reordered_datagrams_all_arrive_and_not_in_order", reordered_datagrams),
    ("a_connection_survives_reordering", connection_survives_reordering),
];

struct Scene {
    network: Network,
    hub: End,
    one: End,
}

impl Scene {
    fn new() -> Self {
        Self { network: super::network(true), hub: End::Hub, one: End::from("one") }
    }

    fn faults(&self) -> &Faults {
        self.network.faults().expect("planned with faults")
    }

    fn member(&self, name: &str) -> &MemberNetwork {
        self.network.member(name).expect("planned")
    }

    /// Echo servers on the API and on the data path of member `one`.
    fn servers(&self) -> (SocketAddr, SocketAddr) {
        let one = self.member("one");
        (echo_on(one, one.api_address()), echo_on(one, pod_of(one)))
    }

    fn both(&self, path: Path, fault: Fault) {
        self.faults().set_both(&self.hub, &self.one, path, fault).expect("known ends");
    }
}

fn connect_fails(server: SocketAddr) -> ErrorKind {
    Client::connect_within(server, SILENCE).err().expect("the way is bad").kind()
}

fn cut_api_only() {
    let scene = Scene::new();
    let (api, data) = scene.servers();
    scene.both(Path::Api, Fault::Cut);
    let failure = connect_fails(api);
    assert!(is_silence(failure), "{failure:?}");
    Client::connect(data).expect("reached").round(b"alive").expect("echoed");
    scene.faults().heal_all();
    Client::connect(api).expect("reached").round(b"back").expect("echoed");
}

fn cut_data_only() {
    let scene = Scene::new();
    let (api, data) = scene.servers();
    scene.both(Path::Data, Fault::Cut);
    assert!(is_silence(connect_fails(data)));
    Client::connect(api).expect("reached").round(b"alive").expect("echoed");
}

fn heal_restores() {
    let scene = Scene::new();
    let (api, _) = scene.servers();
    let mut client = Client::connect(api).expect("reached");
    scene.faults().cut_both(&scene.hub, &scene.one).expect("known ends");
    client.send(b"held").expect("buffered");
    let silent = client.receive(4, SILENCE).expect_err("cut");
    assert!(is_silence(silent.kind()), "{silent}");
    scene.faults().heal_both(&scene.hub, &scene.one).expect("known ends");
    assert_eq!(client.receive(4, DEADLINE).expect("sent again by TCP"), b"held");
    client.round(b"and on").expect("echoed");
}

fn cut_one_way() {
    let scene = Scene::new();
    let (on_hub, on_node) = datagram_pair(&scene.network);
    scene.faults().set(&scene.one, &scene.hub, Path::Data, Fault::Cut).expect("known ends");
    assert_eq!(numbers_through(&on_node, &on_hub, 5), Vec::<u16>::new());
    assert_eq!(numbers_through(&on_hub, &on_node, 5), [0, 1, 2, 3, 4]);
}

fn isolated_member() {
    let scene = Scene::new();
    let (api, data) = scene.servers();
    scene.faults().isolate(&scene.one).expect("known end");
    let failure = connect_fails(api);
    assert!(is_silence(failure), "{failure:?}");
    let from_two = scene.member("two").run(move || connect_fails(data));
    assert!(is_silence(from_two));
    let two = scene.member("two");
    Client::connect(echo_on(two, two.api_address())).expect("reached").round(b"alive").expect("echoed");
}

fn refuse_connections() {
    let scene = Scene::new();
    let (api, data) = scene.servers();
    let mut open = Client::connect(api).expect("reached");
    scene.both(Path::Api, Fault::Refuse);
    let start = Instant::now();
    assert_eq!(connect_fails(api), ErrorKind::ConnectionRefused);
    // The reset may already be there: the late acknowledgement of the server's first line is refused as well.
    let error = open.send(b"anyone?").and_then(|()| open.receive(1, DEADLINE)).expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    Client::connect(data).expect("the data path is another").round(b"alive").expect("echoed");
}

fn refuse_datagrams() {
    let scene = Scene::new();
    let (on_hub, _on_node) = datagram_pair(&scene.network);
    scene.both(Path::Data, Fault::Refuse);
    on_hub.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    on_hub.send(b"anyone?").expect("sent");
    assert_eq!(on_hub.recv(&mut [0; 8]).expect_err("refused").kind(), ErrorKind::ConnectionRefused);
}

fn delay() {
    const MS: u32 = 60;
    let scene = Scene::new();
    let (api, _) = scene.servers();
    let mut client = Client::connect(api).expect("reached");
    scene.both(Path::Api, Fault::Delay { ms: MS });
    for _ in 0..3 {
        let start = Instant::now();
        client.round(b"slow").expect("echoed");
        // Held once on each way.
        assert!(start.elapsed() >= Duration::from_millis(2 * u64::from(MS)), "{:?}", start.elapsed());
    }
    scene.faults().heal_all();
    let bulk = vec![7; 1_000_000];
    client.round(&bulk).expect("echoed");
}

fn cut_stops_delayed() {
    let scene = Scene::new();
    let (on_hub, on_node) = datagram_pair(&scene.network);
    let set = |fault| scene.faults().set(&scene.hub, &scene.one, Path::Data, fault).expect("known ends");
    set(Fault::Delay { ms: 2_000 });
    let two = scene.member("two");
    let elsewhere = echo_on(two, two.node_address());
    on_hub.send(b"late").expect("sent");
    // The relay reads what the hub sends in order: once this connection stands, it holds the datagram.
    Client::connect(elsewhere).expect("reached");
    set(Fault::Cut);
    on_node.set_read_timeout(Some(Duration::from_millis(2_500))).expect("a timeout");
    assert!(is_silence(on_node.recv(&mut [0; 8]).expect_err("cut").kind()));
}

fn loss_of_datagrams() {
    let scene = Scene::new();
    let (on_hub, on_node) = datagram_pair(&scene.network);
    let lossy = |percent| {
        scene.both(Path::Data, Fault::Loss { percent });
        let mut arrived = 0;
        // In small bursts: a burst larger than the receiver's buffer would lose packets by itself.
        for _ in 0..4 {
            arrived += numbers_through(&on_hub, &on_node, 50).len();
        }
        arrived
    };
    let third = lossy(30);
    assert!((110..170).contains(&third), "{third} of 200 arrived");
    assert_eq!(lossy(100), 0);
}

fn connection_survives_loss() {
    let scene = Scene::new();
    let (api, _) = scene.servers();
    let mut client = Client::connect(api).expect("reached");
    scene.both(Path::Api, Fault::Loss { percent: 10 });
    client.round(&vec![3; 500_000]).expect("echoed");
}

fn reordered_datagrams() {
    let scene = Scene::new();
    let (on_hub, on_node): (UdpSocket, UdpSocket) = datagram_pair(&scene.network);
    scene.both(Path::Data, Fault::Reorder);
    let mut arrived = numbers_through(&on_hub, &on_node, 60);
    assert!(!arrived.is_sorted(), "{arrived:?}");
    arrived.sort_unstable();
    assert_eq!(arrived, (0..60).collect::<Vec<_>>());
}

fn connection_survives_reordering() {
    let scene = Scene::new();
    let (api, _) = scene.servers();
    let mut client = Client::connect(api).expect("reached");
    scene.both(Path::Api, Fault::Reorder);
    let bulk: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    client.round(&bulk).expect("echoed");
}
