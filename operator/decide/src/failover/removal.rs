//! When the copy on a target that a decision dropped may be deleted.
//!
//! For every decision that is no move: a policy was narrowed, a schedule chose
//! otherwise. A deleted template is not this module's: there everything goes.

use std::fmt;

use crate::failover::{Copy, Health, Source, first_not_healthy};
use crate::ids::ClusterName;
use crate::invariants;

/// The recorded decision that dropped the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The user's placement no longer admits the cluster.
    Narrowed,
    /// The schedule chose other clusters under the same placement.
    Rescheduled,
}

/// What is known at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Why it was dropped.
    pub cause: Cause,
    /// Replicas are divided: what ran here must run on the remaining ones.
    pub divided: bool,
    /// Every remaining target with its copy's health now. Objects without a
    /// health of their own, such as a `ConfigMap`, are Healthy once applied.
    pub remaining: &'a [Copy<'a>],
    /// Whether the dropped copy's cluster can be spoken to.
    pub source: Source,
}

/// Why it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allowed {
    /// All remaining copies are Healthy.
    Replaced,
    /// The user gave up this copy, whole copies remain and one is Healthy.
    GivenUp,
}

/// Why it stays for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It would be the last one (D17).
    NothingRemains,
    /// Its cluster does not answer.
    SourceSilent,
    /// Its cluster answers, and what runs there has not been compared yet.
    SourceNotCompared,
    /// This remaining copy is not Healthy.
    NotHealthy(ClusterName, Health),
}

/// What becomes of the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It may be deleted now.
    Delete(Allowed),
    /// It stays; look again when something changes.
    Keep(Keep),
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete(Allowed::Replaced) => f.write_str("it goes: all remaining copies are healthy"),
            Self::Delete(Allowed::GivenUp) => f.write_str("it goes: the placement gave it up"),
            Self::Keep(Keep::NothingRemains) => f.write_str("it stays: it would be the last copy"),
            Self::Keep(Keep::SourceSilent) => f.write_str("it stays: its cluster does not answer"),
            Self::Keep(Keep::SourceNotCompared) => {
                f.write_str("it stays: its cluster answers, and what runs there is not compared yet")
            }
            Self::Keep(Keep::NotHealthy(cluster, health)) => {
                write!(f, "it stays: the copy on {cluster} is {health:?}")
            }
        }
    }
}

/// Decides over one dropped copy.
///
/// Each whole copy of a Duplicated workload stands for itself, so a user who
/// takes one cluster out of the placement needs no replacement for it, only
/// that a good copy remains (I1).
pub fn removal(scene: Scene<'_>) -> Removal {
    let decided = judge(scene);
    debug_assert_eq!(invariants::i1_removal(scene, &decided), Ok(()));
    decided
}

fn judge(scene: Scene<'_>) -> Removal {
    if scene.remaining.is_empty() {
        return Removal::Keep(Keep::NothingRemains);
    }
    match scene.source {
        Source::Silent => return Removal::Keep(Keep::SourceSilent),
        Source::NotCompared => return Removal::Keep(Keep::SourceNotCompared),
        Source::Known => {}
    }
    let Some((cluster, health)) = first_not_healthy(scene.remaining) else {
        return Removal::Delete(Allowed::Replaced);
    };
    let one_is_good = scene.remaining.iter().any(|(_, health)| *health == Health::Healthy);
    if scene.cause == Cause::Narrowed && !scene.divided && one_is_good {
        return Removal::Delete(Allowed::GivenUp);
    }
    Removal::Keep(Keep::NotHealthy(cluster, health))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Health::{Healthy as H, Unhealthy as U, Unknown as Q};

    fn decided(cause: Cause, divided: bool, source: Source, healths: &[Health]) -> Removal {
        let names: Vec<ClusterName> = ["a", "b", "c"].map(ClusterName::from).to_vec();
        let remaining: Vec<Copy<'_>> = names.iter().zip(healths.iter().copied()).collect();
        removal(Scene { cause, divided, remaining: &remaining, source })
    }

    #[test]
    fn a_dropped_copy_goes_when_all_remaining_ones_are_healthy() {
        for cause in [Cause::Narrowed, Cause::Rescheduled] {
            assert_eq!(decided(cause, true, Source::Known, &[H, H]), Removal::Delete(Allowed::Replaced));
        }
    }

    #[test]
    fn unknown_is_not_healthy() {
        let keep = Removal::Keep(Keep::NotHealthy("b".into(), Q));
        assert_eq!(decided(Cause::Rescheduled, false, Source::Known, &[H, Q]), keep);
        assert_eq!(decided(Cause::Narrowed, true, Source::Known, &[H, Q]), keep);
        assert_eq!(
            decided(Cause::Narrowed, false, Source::Known, &[Q]),
            Removal::Keep(Keep::NotHealthy("a".into(), Q))
        );
    }

    #[test]
    fn a_whole_copy_the_user_gave_up_needs_one_good_copy_elsewhere() {
        assert_eq!(decided(Cause::Narrowed, false, Source::Known, &[U, H]), Removal::Delete(Allowed::GivenUp));
        assert_eq!(
            decided(Cause::Narrowed, false, Source::Known, &[U, U]),
            Removal::Keep(Keep::NotHealthy("a".into(), U))
        );
        assert_eq!(
            decided(Cause::Rescheduled, false, Source::Known, &[U, H]),
            Removal::Keep(Keep::NotHealthy("a".into(), U))
        );
    }

    #[test]
    fn the_last_copy_stays() {
        assert_eq!(decided(Cause::Narrowed, false, Source::Known, &[]), Removal::Keep(Keep::NothingRemains));
    }

    #[test]
    fn a_cluster_that_cannot_be_spoken_to_keeps_its_copy() {
        assert_eq!(decided(Cause::Narrowed, false, Source::Silent, &[H]), Removal::Keep(Keep::SourceSilent));
        assert_eq!(decided(Cause::Narrowed, false, Source::NotCompared, &[H]), Removal::Keep(Keep::SourceNotCompared));
    }
}
