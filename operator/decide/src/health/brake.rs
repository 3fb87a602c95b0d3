//! The brake: when too many clusters turn bad at once, the hub doubts its own
//! network instead of them (architecture section 6).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cluster::Grade;
use crate::ids::ClusterName;
use crate::time::{Mono, Wall};

/// Clusters that turn bad within this time turn bad at once.
const TOGETHER: Duration = Duration::from_secs(30);

/// One cluster as the brake sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: ClusterName,
    /// Its grade.
    pub grade: Grade,
    /// When it turned bad, if it is bad: from the first bad verdict to the next
    /// good one; a bad cluster that gets worse does not turn bad again, nor does
    /// one that is found bad again after a restart. By the wall clock, because
    /// it may have turned bad before this process began.
    pub bad_since: Option<Wall>,
    /// Replicas placed there.
    pub replicas: u64,
}

impl Member {
    /// The entry that follows `before` (the same cluster's last one). `judged`
    /// and `stored`: the grade in this process, the grade that is kept between
    /// processes, and since when.
    ///
    /// What was stored counts only for the first entry. It stands for what this
    /// process cannot have seen: clusters that died one by one, long ago, must
    /// not look like one cut of our own network because a restart finds them all
    /// dead at once; and a cut that our restart fell into must still look like one.
    #[must_use]
    pub fn next(
        before: Option<&Self>,
        name: ClusterName,
        judged: (Grade, Wall),
        stored: (Grade, Wall),
        replicas: u64,
    ) -> Self {
        let known = match before {
            Some(before) => before.bad_since,
            None => is_bad(stored.0).then_some(stored.1),
        };
        let (grade, since) = judged;
        let bad_since = match grade {
            Grade::Unknown => known,
            grade if is_bad(grade) => known.or(Some(since)),
            _ => None,
        };
        Self { name, grade, bad_since, replicas }
    }
}

/// Suspicion counts as well: the brake must be on before the first cluster of a
/// cut is judged dark, or its traffic would leave ahead of the others'.
fn is_bad(grade: Grade) -> bool {
    grade >= Grade::Suspect
}

/// The brake over the whole fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brake {
    /// Nothing speaks against this observer. `since`: when the last brake ended.
    Off {
        /// None: there has been none in this process.
        since: Option<Mono>,
    },
    /// Nothing is evicted and routing stays as it was last published.
    On {
        /// When it came on.
        since: Mono,
        /// The clusters that turned bad together.
        clusters: BTreeSet<ClusterName>,
        /// Since when they no longer are too many; it ends a full window later.
        clearing: Option<Mono>,
    },
}

impl Default for Brake {
    fn default() -> Self {
        Self::Off { since: None }
    }
}

impl Brake {
    /// Whether nothing may be evicted.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::On { .. })
    }

    /// Since when this observer trusts its own network, given that it watches
    /// since `started`. Silence heard while it was in doubt counts for nothing.
    pub fn trusted_since(&self, started: Mono) -> Mono {
        match self {
            Self::Off { since } => since.map_or(started, |since| since.max(started)),
            Self::On { since, .. } => (*since).max(started),
        }
    }

    /// One sentence for an event; None when there is nothing to say.
    pub fn why(&self) -> Option<String> {
        let Self::On { clusters, .. } = self else {
            return None;
        };
        let names: Vec<&str> = clusters.iter().map(ClusterName::as_str).collect();
        Some(format!(
            "{} clusters turned bad within {} s ({}): the hub doubts its own network, evicts nothing and leaves \
             routing as it is until they answer or leave the fleet",
            clusters.len(),
            TOGETHER.as_secs(),
            names.join(", "),
        ))
    }

    /// The total transition function.
    ///
    /// Doubt ends when so many of the clusters answer again that the rest would
    /// not have raised it, and that for `full_window`; after that the silence
    /// of the rest is counted anew ([`Brake::trusted_since`]).
    #[must_use]
    pub fn next(self, members: &[Member], full_window: Duration, now: Mono) -> Self {
        let together = too_many_together(members);
        match (self, together) {
            (Self::Off { since }, None) => Self::Off { since },
            (Self::On { since, clusters, .. }, Some(more)) => {
                Self::On { since, clusters: clusters.into_iter().chain(more).collect(), clearing: None }
            }
            (Self::On { since, clusters, clearing }, None) => match clearing {
                Some(cleared) if now.since(cleared) >= full_window => Self::Off { since: Some(now) },
                Some(_) => Self::On { since, clusters, clearing },
                None => Self::On { since, clusters, clearing: Some(now) },
            },
            (Self::Off { .. }, Some(clusters)) => Self::On { since: now, clusters, clearing: None },
        }
    }
}

/// The clusters that turned bad within [`TOGETHER`], if they are at least two
/// and more than half of the clusters, or of the replicas, that were not bad
/// before. A cluster that never answered cannot turn bad and does not count.
fn too_many_together(members: &[Member]) -> Option<BTreeSet<ClusterName>> {
    let seen: Vec<&Member> = members.iter().filter(|member| member.grade != Grade::Unknown).collect();
    let mut starts: Vec<Wall> = seen.iter().filter_map(|member| member.bad_since).collect();
    starts.sort_unstable();
    starts.into_iter().find_map(|start| {
        let before = |member: &Member| member.bad_since.is_some_and(|since| since < start);
        let within =
            |member: &Member| member.bad_since.is_some_and(|since| since >= start && since.since(start) <= TOGETHER);
        let good: Vec<&&Member> = seen.iter().filter(|member| !before(member)).collect();
        let bad: Vec<&&&Member> = good.iter().filter(|member| within(member)).collect();
        let good_replicas: u64 = good.iter().map(|member| member.replicas).sum();
        let bad_replicas: u64 = bad.iter().map(|member| member.replicas).sum();
        let most = bad.len() * 2 > good.len() || bad_replicas.saturating_mul(2) > good_replicas;
        (bad.len() >= 2 && most).then(|| bad.iter().map(|member| member.name.clone()).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(3);

    fn second(second: i64) -> Wall {
        Wall(second * 1000)
    }

    /// (grade, bad since in seconds, replicas) for clusters a, b, c, ...
    fn fleet(members: &[(Grade, i64, u64)]) -> Vec<Member> {
        members
            .iter()
            .zip(["a", "b", "c", "d", "e", "f"])
            .map(|(&(grade, since, replicas), name)| {
                Member::next(None, name.into(), (grade, second(since)), (Grade::Unknown, Wall(0)), replicas)
            })
            .collect()
    }

    fn judged(members: &[(Grade, i64, u64)]) -> bool {
        Brake::default().next(&fleet(members), WINDOW, Mono::from_millis(100_000)).is_on()
    }

    #[test]
    fn more_than_half_and_at_least_two_clusters_put_it_on() {
        use Grade::{Healthy as H, IsolatedFull as X, Suspect as S, Unknown as U};
        for (members, braked, why) in [
            (vec![(X, 50, 1), (H, 0, 1)], false, "one of two is not at least two"),
            (vec![(X, 50, 1), (X, 51, 1), (H, 0, 1)], true, "two of three"),
            (vec![(X, 50, 1), (S, 50, 1), (H, 0, 1)], true, "suspicion counts"),
            (vec![(X, 50, 1), (X, 51, 1)], true, "two of two"),
            (vec![(X, 50, 1), (X, 50, 1), (H, 0, 1), (H, 0, 1)], false, "half is not more than half"),
            (vec![(X, 50, 9), (X, 50, 9), (H, 0, 1), (H, 0, 1)], true, "but most of the replicas"),
            (vec![(X, 50, 99), (H, 0, 1), (H, 0, 1)], false, "one cluster never, whatever runs there"),
            (vec![(X, 10, 1), (X, 41, 1), (H, 0, 1)], false, "more than 30 s apart"),
            (vec![(X, 10, 1), (X, 40, 1), (H, 0, 1)], true, "30 s apart"),
            (vec![(X, 1, 1), (X, 60, 1), (X, 61, 1)], true, "all that were left"),
            (vec![(X, 50, 1), (X, 50, 1), (U, 0, 1), (U, 0, 1), (U, 0, 1)], true, "unseen ones do not count"),
            (vec![(X, 50, 1)], false, "the only cluster"),
            (vec![], false, "no fleet"),
        ] {
            assert_eq!(judged(&members), braked, "{why}");
        }
    }

    #[test]
    fn it_ends_a_full_window_after_the_doubt_and_silence_counts_anew() {
        use Grade::{Healthy as H, IsolatedFull as X};
        let at = |s: u64| Mono::from_millis(s * 1000);
        let bad = fleet(&[(X, 50, 1), (X, 50, 1), (H, 0, 1)]);
        let better = fleet(&[(X, 50, 1), (H, 60, 1), (H, 0, 1)]);
        let brake = Brake::default().next(&bad, WINDOW, at(51)).next(&better, WINDOW, at(60));
        assert!(brake.is_on(), "clearing is not yet cleared");
        assert!(brake.clone().next(&bad, WINDOW, at(61)).next(&better, WINDOW, at(63)).is_on());
        let brake = brake.next(&better, WINDOW, at(63));
        assert!(!brake.is_on());
        assert_eq!(brake.trusted_since(at(1)), at(63));
    }

    #[test]
    fn a_bad_cluster_that_gets_worse_did_not_turn_bad_again() {
        let next = |before: Option<&Member>, grade, at| {
            Member::next(before, "a".into(), (grade, second(at)), (Grade::Healthy, second(0)), 1)
        };
        let first = next(None, Grade::Suspect, 1);
        let worse = next(Some(&first), Grade::IsolatedFull, 2);
        assert_eq!(worse.bad_since, Some(second(1)));
        assert_eq!(next(Some(&worse), Grade::Recovering, 3).bad_since, None);
    }

    /// Whether the brake comes on when a new process finds clusters bad that
    /// were stored as bad since then, and then whatever `later` says.
    fn restarted(stored: &[(&str, i64)], later: &[(&str, Grade)]) -> bool {
        let stored_of = |name: &str| {
            let bad = stored.iter().find(|(bad, _)| *bad == name);
            bad.map_or((Grade::Healthy, second(0)), |(_, since)| (Grade::IsolatedFull, second(*since)))
        };
        let mut brake = Brake::default();
        let mut members: Vec<Member> = Vec::new();
        let looks: [&[(&str, Grade)]; 2] = [&[], later];
        for (round, changed) in (0..).zip(looks) {
            for (phase, found) in [(0, Grade::Unknown), (3, Grade::IsolatedFull)] {
                let now = 10_000 + round * 10 + phase;
                members = ["a", "b", "c", "d"]
                    .iter()
                    .map(|name| {
                        let first = if stored.iter().any(|(bad, _)| bad == name) { found } else { Grade::Healthy };
                        let grade = changed.iter().find(|(one, _)| one == name).map_or(first, |(_, grade)| *grade);
                        let before = members.iter().find(|member| member.name.as_str() == *name);
                        Member::next(before, (*name).into(), (grade, second(now)), stored_of(name), 1)
                    })
                    .collect();
                brake = brake.next(&members, WINDOW, Mono::from_millis(1));
            }
        }
        brake.is_on()
    }

    #[test]
    fn clusters_that_died_long_ago_one_by_one_do_not_turn_bad_together_by_a_restart() {
        let (bad, good) = (Grade::IsolatedFull, Grade::Healthy);
        let dead = [("a", 10), ("b", 500), ("c", 900)];
        assert!(!restarted(&dead, &[]), "found dead within seconds");
        assert!(!restarted(&dead, &[("d", bad)]), "the last good one alone is one");
        assert!(restarted(&[("a", 10), ("b", 500)], &[("c", bad), ("d", bad)]), "both that were left");
        assert!(!restarted(&dead, &[("a", good)]), "one of them is back");
    }

    #[test]
    fn a_restart_in_the_middle_of_a_cut_does_not_lift_the_brake() {
        assert!(restarted(&[("a", 900), ("b", 905), ("c", 910)], &[]));
        assert!(!restarted(&[("a", 900), ("b", 905)], &[]), "half of them never raised it");
    }
}
