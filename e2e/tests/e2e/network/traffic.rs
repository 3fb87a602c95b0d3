//! Connections and datagrams for the tests, all of them with deadlines.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use atoll_e2e::net::{MemberNetwork, Network};

/// No healthy packet takes this long here; a test that waits for it in vain fails.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// How long silence has to last to count as silence.
pub const SILENCE: Duration = Duration::from_millis(400);

/// The first host of a member's pod network.
pub fn pod_of(member: &MemberNetwork) -> Ipv4Addr {
    let (network, _) = member.pod_cidr();
    Ipv4Addr::from_bits(network.to_bits() + 7)
}

/// An echo server on a member's address. It first sends one line: the address it sees its client at.
pub fn echo_on(member: &MemberNetwork, address: Ipv4Addr) -> SocketAddr {
    serve(member.run(move || TcpListener::bind((address, 0))))
}

/// [`echo_on`] for the hub.
pub fn echo_on_hub(address: Ipv4Addr) -> SocketAddr {
    serve(TcpListener::bind((address, 0)))
}

fn serve(listener: std::io::Result<TcpListener>) -> SocketAddr {
    let listener = listener.expect("the address can be bound");
    let address = listener.local_addr().expect("bound");
    // Ends with the test process; its sockets die with the namespace's interfaces.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || stream.and_then(echo));
        }
    });
    address
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    writeln!(stream, "{}", stream.peer_addr()?.ip())?;
    let mut reader = stream.try_clone()?;
    std::io::copy(&mut reader, &mut stream).map(drop)
}

/// A connection to an echo server.
pub struct Client {
    stream: TcpStream,
    pub seen_as: Ipv4Addr,
}

impl Client {
    pub fn connect(server: SocketAddr) -> std::io::Result<Self> {
        Self::connect_within(server, DEADLINE)
    }

    pub fn connect_within(server: SocketAddr, limit: Duration) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&server, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_nodelay(true)?;
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            line.extend(byte);
        }
        let seen_as = String::from_utf8_lossy(&line).trim().parse().map_err(std::io::Error::other)?;
        Ok(Self { stream, seen_as })
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn receive(&mut self, length: usize, limit: Duration) -> std::io::Result<Vec<u8>> {
        self.stream.set_read_timeout(Some(limit))?;
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Sends and expects the same back.
    pub fn round(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut sender = self.stream.try_clone()?;
        std::thread::scope(|scope| {
            let sent = scope.spawn(move || sender.write_all(bytes));
            let received = self.receive(bytes.len(), DEADLINE)?;
            sent.join().expect("the sender ends")?;
            if received == bytes { Ok(()) } else { Err(std::io::Error::other("the echo differs")) }
        })
    }
}

pub fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// Sockets for datagrams on the data path: the hub's, and the node's of member `one`.
pub fn datagram_pair(network: &Network) -> (UdpSocket, UdpSocket) {
    let one = network.member("one").expect("planned");
    let node = one.node_address();
    let on_node = one.run(move || UdpSocket::bind((node, 0))).expect("bound");
    let on_hub = UdpSocket::bind((network.hub_data_address(), 0)).expect("bound");
    on_hub.connect(on_node.local_addr().expect("bound")).expect("routed");
    on_node.connect(on_hub.local_addr().expect("bound")).expect("routed");
    (on_hub, on_node)
}

/// Sends numbered datagrams and returns the numbers that arrived, in the order they did.
pub fn numbers_through(from: &UdpSocket, to: &UdpSocket, count: u16) -> Vec<u16> {
    to.set_read_timeout(Some(SILENCE)).expect("a timeout");
    let mut arrived = Vec::new();
    let mut buffer = [0; 2];
    for number in 0..count {
        from.send(&number.to_be_bytes()).expect("sent");
    }
    while to.recv(&mut buffer).is_ok() {
        arrived.push(u16::from_be_bytes(buffer));
    }
    arrived
}

/// Watches until something is true.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "never came true: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
