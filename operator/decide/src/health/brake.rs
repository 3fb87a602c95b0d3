//! The brake: when too many clusters turn bad at once, the hub doubts its own
//! network instead of them (architecture section 6).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cluster::Grade;
use crate::ids::ClusterName;
use crate::time::Mono;

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
    /// good one; a bad cluster that gets worse does not turn bad again.
    pub bad_since: Option<Mono>,
    /// Replicas placed there.
    pub replicas: u64,
}

impl Member {
    /// The entry that follows `before` (the same cluster's last one). `since`:
    /// when it got that grade.
    #[must_use]
    pub fn next(before: Option<&Self>, name: ClusterName, grade: Grade, since: Mono, replicas: u64) -> Self {
        let bad_since = is_bad(grade).then(|| before.and_then(|before| before.bad_since).unwrap_or(since));
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
    /// A person said that these clusters are really gone: they alone no longer
    /// hold the brake.
    Overruled {
        /// When.
        since: Mono,
        /// Which.
        clusters: BTreeSet<ClusterName>,
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
            Self::On { since, .. } | Self::Overruled { since, .. } => (*since).max(started),
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
             routing as it is until they answer or a person overrules it with {}",
            clusters.len(),
            TOGETHER.as_secs(),
            names.join(", "),
            self.token().unwrap_or_default(),
        ))
    }

    /// What a person repeats to overrule this brake. It names the clusters, so
    /// it is worth nothing once others have joined them.
    pub fn token(&self) -> Option<String> {
        let Self::On { clusters, .. } = self else {
            return None;
        };
        let names: Vec<&str> = clusters.iter().map(ClusterName::as_str).collect();
        Some(format!("{:08x}", xxhash_rust::xxh3::xxh3_64(names.join(",").as_bytes()) >> 32))
    }

    /// A person repeats the token: the clusters it names are really gone.
    /// Anything else changes nothing.
    #[must_use]
    pub fn overruled(self, token: &str, now: Mono) -> Self {
        match self {
            Self::On { ref clusters, .. } if self.token().as_deref() == Some(token) => {
                Self::Overruled { since: now, clusters: clusters.clone() }
            }
            Self::On { .. } | Self::Off { .. } | Self::Overruled { .. } => self,
        }
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
            (Self::Overruled { since, clusters }, Some(bad)) if bad.is_subset(&clusters) => {
                Self::Overruled { since, clusters }
            }
            (Self::Off { .. } | Self::Overruled { .. }, Some(clusters)) => {
                Self::On { since: now, clusters, clearing: None }
            }
            (Self::Overruled { since, .. }, None) => Self::Off { since: Some(since) },
        }
    }
}

/// The clusters that turned bad within [`TOGETHER`], if they are at least two
/// and more than half of the clusters, or of the replicas, that were not bad
/// before. A cluster that never answered cannot turn bad and does not count.
fn too_many_together(members: &[Member]) -> Option<BTreeSet<ClusterName>> {
    let seen: Vec<&Member> = members.iter().filter(|member| member.grade != Grade::Unknown).collect();
    let mut starts: Vec<Mono> = seen.iter().filter_map(|member| member.bad_since).collect();
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

    /// (grade, bad since in seconds, replicas) for clusters a, b, c, ...
    fn fleet(members: &[(Grade, u64, u64)]) -> Vec<Member> {
        members
            .iter()
            .zip(["a", "b", "c", "d", "e", "f"])
            .map(|(&(grade, since, replicas), name)| {
                Member::next(None, name.into(), grade, Mono::from_millis(since * 1000), replicas)
            })
            .collect()
    }

    fn judged(members: &[(Grade, u64, u64)]) -> bool {
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
        let second = |s: u64| Mono::from_millis(s * 1000);
        let bad = fleet(&[(X, 50, 1), (X, 50, 1), (H, 0, 1)]);
        let better = fleet(&[(X, 50, 1), (H, 60, 1), (H, 0, 1)]);
        let brake = Brake::default().next(&bad, WINDOW, second(51)).next(&better, WINDOW, second(60));
        assert!(brake.is_on(), "clearing is not yet cleared");
        assert!(brake.clone().next(&bad, WINDOW, second(61)).next(&better, WINDOW, second(63)).is_on());
        let brake = brake.next(&better, WINDOW, second(63));
        assert!(!brake.is_on());
        assert_eq!(brake.trusted_since(second(1)), second(63));
    }

    #[test]
    fn a_person_overrules_it_for_the_clusters_named_and_no_others() {
        use Grade::{Healthy as H, IsolatedFull as X};
        let two = fleet(&[(X, 50, 1), (X, 50, 1), (H, 0, 1)]);
        let three = fleet(&[(X, 50, 1), (X, 50, 1), (X, 55, 1)]);
        let now = Mono::from_millis(60_000);
        let on = Brake::default().next(&two, WINDOW, now);
        let token = on.token().unwrap();
        assert!(on.clone().overruled("wrong", now).is_on());
        let overruled = on.overruled(&token, now);
        assert!(!overruled.is_on());
        assert!(!overruled.clone().next(&two, WINDOW, now).is_on());
        assert!(overruled.next(&three, WINDOW, now).is_on());
    }

    #[test]
    fn a_bad_cluster_that_gets_worse_did_not_turn_bad_again() {
        let first = Member::next(None, "a".into(), Grade::Suspect, Mono::from_millis(1000), 1);
        let worse = Member::next(Some(&first), "a".into(), Grade::IsolatedFull, Mono::from_millis(2000), 1);
        assert_eq!(worse.bad_since, Some(Mono::from_millis(1000)));
        let back = Member::next(Some(&worse), "a".into(), Grade::Recovering, Mono::from_millis(3000), 1);
        assert_eq!(back.bad_since, None);
    }
}
