//! Packets that wait for their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use crate::net::fault::Way;

/// Enough for a bulk transfer at full speed under a delay of some 100 ms; what goes beyond is dropped, as a real
/// cable's queue would do.
const CAPACITY_BYTES: usize = 64 << 20;

/// Ordered by time, then by arrival: equal delays keep the order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    arrival: u64,
    way: Way,
    packet: Vec<u8>,
}

/// What became of a packet given to [`Holding::hold`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It is due before all others.
    First,
    Behind,
    /// There was no room; it is lost.
    Full,
}

#[derive(Default)]
pub(super) struct Holding {
    waiting: BinaryHeap<Reverse<Waiting>>,
    arrivals: u64,
    bytes: usize,
}

impl Holding {
    pub fn hold(&mut self, due: Instant, way: Way, packet: &[u8]) -> Held {
        if self.bytes + packet.len() > CAPACITY_BYTES {
            return Held::Full;
        }
        let first = self.next_due().is_none_or(|next| due < next);
        self.bytes += packet.len();
        self.arrivals += 1;
        self.waiting.push(Reverse(Waiting { due, arrival: self.arrivals, way, packet: packet.to_vec() }));
        if first { Held::First } else { Held::Behind }
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.due)
    }

    pub fn pop_due(&mut self, now: Instant) -> Option<(Way, Vec<u8>)> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(waiting) = self.waiting.pop()?;
        self.bytes -= waiting.packet.len();
        Some((waiting.way, waiting.packet))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::fault::Path;

    const WAY: Way = Way { from: 0, to: 1, path: Path::Data };

    #[test]
    fn packets_leave_by_time_and_in_order_of_arrival_where_times_are_equal() {
        let (mut holding, now) = (Holding::default(), Instant::now());
        let later = now + Duration::from_millis(5);
        assert_eq!(holding.hold(later, WAY, b"second"), Held::First);
        assert_eq!(holding.hold(later, WAY, b"third"), Held::Behind);
        assert_eq!(holding.hold(now, WAY, b"first"), Held::First);
        let mut left = || holding.pop_due(later).map(|(_, packet)| packet);
        assert_eq!(left().as_deref(), Some(&b"first"[..]));
        assert_eq!(left().as_deref(), Some(&b"second"[..]));
        assert_eq!(left().as_deref(), Some(&b"third"[..]));
        assert_eq!(left(), None);
    }

    #[test]
    fn a_packet_stays_until_it_is_due() {
        let (mut holding, now) = (Holding::default(), Instant::now());
        holding.hold(now + Duration::from_millis(5), WAY, b"early");
        assert_eq!(holding.pop_due(now), None);
        assert_eq!(holding.next_due(), Some(now + Duration::from_millis(5)));
    }

    #[test]
    fn a_full_store_takes_nothing_until_something_left() {
        let (mut holding, now) = (Holding::default(), Instant::now());
        let packet = vec![0; CAPACITY_BYTES / 4];
        for _ in 0..4 {
            assert_ne!(holding.hold(now, WAY, &packet), Held::Full);
        }
        assert_eq!(holding.hold(now, WAY, &packet), Held::Full);
        assert!(holding.pop_due(now).is_some());
        assert_ne!(holding.hold(now, WAY, &packet), Held::Full);
    }
}
