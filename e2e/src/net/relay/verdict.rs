//! What happens to one packet. Pure: a rule and a number drawn for the packet give a verdict.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::net::fault::{Path, Rule, Way};

/// One packet of so many is held back where a way reorders.
const REORDER_ONE_IN: u64 = 4;
/// Long enough for packets sent in one go to overtake, short enough to stay below TCP's shortest retransmission (200 ms).
const REORDER_MS: std::ops::RangeInclusive<u64> = 5..=15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Forward,
    Hold(Duration),
    Drop,
    Refuse,
}

/// Decides on one packet. `draw` is the packet's random number, see [`draw`].
pub(super) fn decide(rule: &Rule, draw: u64) -> Verdict {
    // Independent digits of one draw: loss looks at the lowest two, reorder at those above.
    let (lot, rest) = (draw % 100, draw / 100);
    if rule.cut {
        return Verdict::Drop;
    }
    if rule.refuse {
        return Verdict::Refuse;
    }
    if lot < u64::from(rule.loss_percent) {
        return Verdict::Drop;
    }
    let mut hold = rule.delay;
    if rule.reorder && rest.is_multiple_of(REORDER_ONE_IN) {
        let spread = REORDER_MS.end() - REORDER_MS.start() + 1;
        hold += Duration::from_millis(REORDER_MS.start() + rest / REORDER_ONE_IN % spread);
    }
    if hold.is_zero() { Verdict::Forward } else { Verdict::Hold(hold) }
}

/// The random number of the `count`-th packet on a way. The same seed, way and count give the same number, so that a
/// run can be repeated and traffic on one way does not shift the losses of another.
pub(super) fn draw(seed: u64, way: Way, count: u64) -> u64 {
    let mut bytes = [0; 25];
    bytes[..8].copy_from_slice(&(way.from as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&(way.to as u64).to_le_bytes());
    bytes[16] = u8::from(way.path == Path::Api);
    bytes[17..].copy_from_slice(&count.to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Way = Way { from: 0, to: 1, path: Path::Api };

    fn verdicts(rule: &Rule) -> Vec<Verdict> {
        (0..10_000).map(|count| decide(rule, draw(7, WAY, count))).collect()
    }

    #[test]
    fn a_way_without_faults_forwards() {
        assert!(verdicts(&Rule::default()).iter().all(|verdict| *verdict == Verdict::Forward));
    }

    #[test]
    fn cut_wins_over_refuse_and_refuse_over_the_rest() {
        let mut rule = Rule { loss_percent: 100, delay: Duration::from_secs(1), refuse: true, ..Rule::default() };
        assert!(verdicts(&rule).iter().all(|verdict| *verdict == Verdict::Refuse));
        rule.cut = true;
        assert!(verdicts(&rule).iter().all(|verdict| *verdict == Verdict::Drop));
    }

    #[test]
    fn loss_drops_its_share_and_all_at_a_hundred() {
        let lost = |percent| {
            let rule = Rule { loss_percent: percent, ..Rule::default() };
            verdicts(&rule).iter().filter(|verdict| **verdict == Verdict::Drop).count()
        };
        assert_eq!(lost(100), 10_000);
        assert!((2_800..3_200).contains(&lost(30)), "{}", lost(30));
    }

    #[test]
    fn delay_holds_every_packet_equally_long() {
        let rule = Rule { delay: Duration::from_millis(20), ..Rule::default() };
        assert!(verdicts(&rule).iter().all(|verdict| *verdict == Verdict::Hold(Duration::from_millis(20))));
    }

    #[test]
    fn reorder_holds_some_packets_back_and_lets_most_pass() {
        let verdicts = verdicts(&Rule { reorder: true, ..Rule::default() });
        let passed = verdicts.iter().filter(|verdict| **verdict == Verdict::Forward).count();
        assert!((7_200..7_800).contains(&passed), "{passed}");
        let in_range = |hold: &Duration| (5..=15).contains(&hold.as_millis());
        assert!(verdicts.iter().all(|verdict| match verdict {
            Verdict::Forward => true,
            Verdict::Hold(hold) => in_range(hold),
            Verdict::Drop | Verdict::Refuse => false,
        }));
    }

    #[test]
    fn draws_repeat_for_the_same_seed_and_differ_between_ways() {
        let back = Way { from: 1, to: 0, path: Path::Api };
        let data = Way { path: Path::Data, ..WAY };
        assert_eq!(draw(7, WAY, 3), draw(7, WAY, 3));
        for other in [draw(8, WAY, 3), draw(7, back, 3), draw(7, data, 3), draw(7, WAY, 4)] {
            assert_ne!(draw(7, WAY, 3), other);
        }
    }
}
