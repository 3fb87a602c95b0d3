//! Webster's (Sainte-Laguë's) method: seats go one at a time to the party with
//! the largest votes / (2·seats + 1).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Which of two equal parties with equally many seats is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameOrder {
    Ascending,
    Descending,
}

impl NameOrder {
    /// Ascending for an empty uid or an even FNV-1a hash of it, descending for
    /// an odd one (karmada-api 2.12): odd replicas of many templates spread
    /// over the fleet instead of meeting on its first cluster.
    pub fn for_uid(uid: &str) -> Self {
        if uid.is_empty() || fnv1a_32(uid.as_bytes()).is_multiple_of(2) { Self::Ascending } else { Self::Descending }
    }
}

/// 32-bit FNV-1a, with the offset basis and prime of its definition.
fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Seats of each party, in the order of `names` and `votes`. They sum up to `seats`
/// unless there are no votes at all. A party never gets more seats than votes
/// as long as there are as many votes as seats.
pub(crate) fn apportion(names: &[&str], votes: &[i64], seats: i64, ties: NameOrder) -> Vec<i64> {
    let mut given = certain_seats(votes, seats);
    let left = seats - given.iter().sum::<i64>();
    let mut queue: BinaryHeap<_> = (0..votes.len())
        .filter(|index| votes[*index] > 0)
        .map(|index| Claim::new(names[index], index, votes[index], given[index], ties))
        .collect();
    for _ in 0..left {
        let Some(claim) = queue.pop() else { break };
        let index = claim.index;
        given[index] += 1;
        queue.push(Claim::new(claim.name, index, votes[index], given[index], ties));
    }
    given
}

/// Seats that every party has for certain, at most `seats` in all, so that
/// what is given one at a time does not grow with the number of seats (a user
/// may ask for a billion replicas).
///
/// With V votes and n parties, a seat claimed with more than V / 2(seats − n)
/// is among the first `seats` ones: fewer than that are claimed so strongly.
fn certain_seats(votes: &[i64], seats: i64) -> Vec<i64> {
    let parties = i64::try_from(votes.len()).unwrap_or(i64::MAX);
    let total: i128 = votes.iter().map(|votes| i128::from((*votes).max(0))).sum();
    let scale = 2 * i128::from(seats.saturating_sub(parties));
    if scale <= 0 || total == 0 {
        return vec![0; votes.len()];
    }
    let certain = |votes: &i64| {
        let claims = (i128::from((*votes).max(0)) * scale - 1).max(0) / total;
        i64::try_from((claims + 1) / 2).unwrap_or(0)
    };
    votes.iter().map(certain).collect()
}

/// A party's claim to the next seat; the greatest one is served.
struct Claim<'n> {
    strength: f64,
    seats: i64,
    name: &'n str,
    index: usize,
    ties: NameOrder,
}

impl<'n> Claim<'n> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "Karmada compares doubles; votes of clusters lie far below 2^53, where they are exact"
    )]
    fn new(name: &'n str, index: usize, votes: i64, seats: i64, ties: NameOrder) -> Self {
        Self { strength: votes as f64 / (2 * seats + 1) as f64, seats, name, index, ties }
    }
}

impl Ord for Claim<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_name = match self.ties {
            NameOrder::Ascending => other.name.cmp(self.name),
            NameOrder::Descending => self.name.cmp(other.name),
        };
        self.strength.total_cmp(&other.strength).then(other.seats.cmp(&self.seats)).then(by_name)
    }
}

impl PartialOrd for Claim<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Claim<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Claim<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, word for word.
    fn by_definition(names: &[String], votes: &[i64], seats: i64, ties: NameOrder) -> Vec<i64> {
        let mut given = vec![0; votes.len()];
        for _ in 0..seats {
            let next = (0..votes.len())
                .filter(|index| votes[*index] > 0)
                .map(|index| Claim::new(&names[index], index, votes[index], given[index], ties))
                .max();
            if let Some(claim) = next {
                given[claim.index] += 1;
            }
        }
        given
    }

    fn apportioned(votes: &[i64], seats: i64, ties: NameOrder) -> Vec<i64> {
        let names: Vec<_> = (0..votes.len()).map(|index| format!("m{index}")).collect();
        apportion(&names.iter().map(String::as_str).collect::<Vec<_>>(), votes, seats, ties)
    }

    #[test]
    fn textbook_examples_come_out() {
        use NameOrder::Ascending;
        // The example every description of the method carries.
        assert_eq!(apportioned(&[53_000, 24_000, 23_000], 7, Ascending), [3, 2, 2]);
        assert_eq!(apportioned(&[100_000, 80_000, 30_000, 20_000], 8, Ascending), [3, 3, 1, 1]);
        // Weights of a user's list.
        assert_eq!(apportioned(&[2, 1], 9, Ascending), [6, 3]);
        assert_eq!(apportioned(&[1, 1, 1], 0, Ascending), [0, 0, 0]);
        assert_eq!(apportioned(&[3, 0, 1], 4, Ascending), [3, 0, 1]);
    }

    #[test]
    fn the_odd_replica_goes_to_the_first_or_the_last_name() {
        assert_eq!(apportioned(&[1, 1, 1], 4, NameOrder::Ascending), [2, 1, 1]);
        assert_eq!(apportioned(&[1, 1, 1], 4, NameOrder::Descending), [1, 1, 2]);
        assert_eq!(apportioned(&[1, 1], 5, NameOrder::Ascending), [3, 2]);
        assert_eq!(apportioned(&[1, 1], 5, NameOrder::Descending), [2, 3]);
    }

    #[test]
    fn of_equal_claims_the_party_with_fewer_seats_comes_first() {
        // 3/3 = 1/1: the small party has no seat yet.
        assert_eq!(apportioned(&[3, 1], 2, NameOrder::Ascending), [1, 1]);
    }

    #[test]
    fn the_hash_of_the_uid_decides_the_direction() {
        // Published test vectors of FNV-1a.
        assert_eq!(fnv1a_32(b""), 0x811c_9dc5);
        assert_eq!(fnv1a_32(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a_32(b"foobar"), 0xbf9c_f968);
        assert_eq!(fnv1a_32(b"foo"), 0xa9f3_7ed7);
        assert_eq!(NameOrder::for_uid(""), NameOrder::Ascending);
        assert_eq!(NameOrder::for_uid("foobar"), NameOrder::Ascending);
        assert_eq!(NameOrder::for_uid("foo"), NameOrder::Descending);
    }

    #[test]
    fn a_billion_seats_are_given_at_once() {
        let given = apportioned(&[1, 2, 3], 2_000_000_000, NameOrder::Ascending);
        assert_eq!(given.iter().sum::<i64>(), 2_000_000_000);
        assert_eq!(given[2], 1_000_000_000);
    }

    proptest! {
        #[test]
        fn the_head_start_changes_nothing(
            votes in proptest::collection::vec(0_i64..40, 1..9),
            seats in 0_i64..200,
            descending in any::<bool>(),
        ) {
            let ties = if descending { NameOrder::Descending } else { NameOrder::Ascending };
            let names: Vec<_> = (0..votes.len()).map(|index| format!("m{index}")).collect();
            prop_assert_eq!(apportioned(&votes, seats, ties), by_definition(&names, &votes, seats, ties));
        }

        #[test]
        fn nobody_gets_more_seats_than_votes_while_votes_suffice(
            votes in proptest::collection::vec(0_i64..60, 1..9),
            share in 0_i64..=100,
        ) {
            let seats = votes.iter().sum::<i64>() * share / 100;
            let given = apportioned(&votes, seats, NameOrder::Ascending);
            prop_assert_eq!(given.iter().sum::<i64>(), seats);
            prop_assert!(given.iter().zip(&votes).all(|(given, votes)| given <= votes));
        }
    }
}
