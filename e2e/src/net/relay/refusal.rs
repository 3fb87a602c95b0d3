//! The answer to a packet that a way refuses. Pure: packet in, packet out.

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{
    Icmpv4Type, IpFragOffset, Ipv4Slice, NetSlice, PacketBuilder, SlicedPacket, TcpSlice, TransportSlice,
};

/// Usual on Linux. The fleet has no router that would count it down.
const TIME_TO_LIVE: u8 = 64;
/// An ICMP error quotes the IP header and at least eight bytes of what follows (RFC 792); so many hold any header.
const QUOTED: usize = 128;

/// Builds what the receiver would say if nothing listened there: a TCP reset, or an ICMP error for everything else.
/// `None` where silence is the rule: for resets, for ICMP that is no question, and for what is no whole IPv4 packet.
pub(super) fn refuse(packet: &[u8]) -> Option<Vec<u8>> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else { return None };
    match sliced.transport? {
        TransportSlice::Tcp(tcp) => reset(ip, &tcp),
        TransportSlice::Udp(_) => unreachable(ip, DestUnreachableHeader::Port, packet),
        TransportSlice::Icmpv4(icmp) => match icmp.icmp_type() {
            Icmpv4Type::EchoRequest(_) => unreachable(ip, DestUnreachableHeader::Host, packet),
            _ => None,
        },
        TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_) => None,
    }
}

/// The reset of RFC 9293, section 3.10.7.1: it carries the sequence number the sender waits for, or acknowledges all
/// that came with the segment.
fn reset(ip: &Ipv4Slice<'_>, tcp: &TcpSlice<'_>) -> Option<Vec<u8>> {
    if tcp.rst() {
        return None;
    }
    let sequence = if tcp.ack() { tcp.acknowledgment_number() } else { 0 };
    let answer = answer_to(ip).tcp(tcp.destination_port(), tcp.source_port(), sequence, 0).rst();
    if tcp.ack() {
        return written(answer.size(0), |out| answer.write(out, &[]));
    }
    let length = u32::try_from(tcp.payload().len()).ok()? + u32::from(tcp.syn()) + u32::from(tcp.fin());
    let answer = answer.ack(tcp.sequence_number().wrapping_add(length));
    written(answer.size(0), |out| answer.write(out, &[]))
}

fn unreachable(ip: &Ipv4Slice<'_>, code: DestUnreachableHeader, packet: &[u8]) -> Option<Vec<u8>> {
    if ip.header().fragments_offset() != IpFragOffset::ZERO {
        return None;
    }
    let quoted = &packet[..packet.len().min(QUOTED)];
    let answer = answer_to(ip).icmpv4(Icmpv4Type::DestinationUnreachable(code));
    written(answer.size(quoted.len()), |out| answer.write(out, quoted))
}

/// An IPv4 header from the receiver of a packet to its sender.
fn answer_to(ip: &Ipv4Slice<'_>) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ipv4(ip.header().destination(), ip.header().source(), TIME_TO_LIVE)
}

fn written<E>(size: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(size);
    write(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: [u8; 4] = [198, 18, 0, 1];
    const SERVER: [u8; 4] = [198, 18, 0, 10];

    fn packet(builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>, payload: &[u8]) -> Vec<u8> {
        written(builder.size(payload.len()), |out| builder.write(out, payload)).expect("writes")
    }

    fn client() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        PacketBuilder::ipv4(CLIENT, SERVER, 64)
    }

    /// Parses an answer and checks direction and every checksum in it.
    fn checked(answer: &[u8]) -> SlicedPacket<'_> {
        let sliced = SlicedPacket::from_ip(answer).expect("a whole packet");
        let Some(NetSlice::Ipv4(ip)) = &sliced.net else { panic!("no IPv4: {sliced:?}") };
        let header = ip.header().to_header();
        assert_eq!((header.source, header.destination), (SERVER, CLIENT));
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        match sliced.transport.as_ref().expect("a transport header") {
            TransportSlice::Tcp(tcp) => {
                let sum = tcp.to_header().calc_checksum_ipv4(&header, tcp.payload()).expect("fits");
                assert_eq!(tcp.checksum(), sum);
            }
            TransportSlice::Icmpv4(icmp) => assert_eq!(icmp.checksum(), icmp.icmp_type().calc_checksum(icmp.payload())),
            other => panic!("unexpected answer {other:?}"),
        }
        sliced
    }

    fn tcp<'a>(sliced: &'a SlicedPacket<'_>) -> &'a TcpSlice<'a> {
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("no TCP: {sliced:?}") };
        tcp
    }

    #[test]
    fn a_first_segment_is_answered_with_a_reset_that_acknowledges_it() {
        let answer = refuse(&packet(client().tcp(40_000, 6443, 1_000, 64_000).syn(), &[])).expect("an answer");
        let sliced = checked(&answer);
        let reset = tcp(&sliced);
        assert!(reset.rst() && reset.ack() && !reset.syn());
        assert_eq!((reset.source_port(), reset.destination_port()), (6443, 40_000));
        assert_eq!((reset.sequence_number(), reset.acknowledgment_number()), (0, 1_001));
    }

    #[test]
    fn a_segment_of_an_open_connection_is_answered_with_the_sequence_it_waits_for() {
        let answer = refuse(&packet(client().tcp(40_000, 6443, 1_000, 64_000).ack(77), b"hello")).expect("an answer");
        let sliced = checked(&answer);
        let reset = tcp(&sliced);
        assert!(reset.rst() && !reset.ack());
        assert_eq!(reset.sequence_number(), 77);
    }

    #[test]
    fn a_reset_is_never_answered() {
        assert_eq!(refuse(&packet(client().tcp(40_000, 6443, 1_000, 0).rst(), &[])), None);
    }

    #[test]
    fn a_datagram_is_answered_with_port_unreachable_that_quotes_it() {
        let builder = client().udp(5_000, 53);
        let sent = written(builder.size(4), |out| builder.write(out, b"ping")).expect("writes");
        let answer = refuse(&sent).expect("an answer");
        let sliced = checked(&answer);
        let Some(TransportSlice::Icmpv4(icmp)) = sliced.transport else { panic!("no ICMP: {sliced:?}") };
        assert_eq!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port));
        assert_eq!(icmp.payload(), sent);
    }

    #[test]
    fn an_icmp_error_is_never_answered() {
        let builder = client().icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port));
        let sent = written(builder.size(8), |out| builder.write(out, &[0; 8])).expect("writes");
        assert_eq!(refuse(&sent), None);
    }

    #[test]
    fn garbage_is_never_answered() {
        for garbage in [&[][..], &[0x45], &[0x60; 40], &[0x45; 40]] {
            assert_eq!(refuse(garbage), None);
        }
    }
}
