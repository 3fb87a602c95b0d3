//! Which targets of a binding are to be vacated, and which wait or are held.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::cluster::{Cluster, Grade};
use crate::failover::Source;
use crate::failover::task::PurgeMode;
use crate::health::marks::{ISOLATED, is_marked_isolated};
use crate::health::{Brake, Verdict, verdict};
use crate::ids::ClusterName;
use crate::placement::{Placement, Target};
use crate::taint::{Effect, Taint, Toleration};
use crate::time::{Mono, Wall};

/// Where failover is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Off {
    /// For the whole operator.
    Operator,
    /// By the binding's policy.
    Policy,
    /// By an annotation of the template.
    Template,
}

/// Whether the workload may run twice for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Twice {
    /// It may, or its owner said so by annotation.
    Allowed,
    /// It must not, and why (a `StatefulSet`, a `ReadWriteOnce` volume, ...).
    Forbidden(String),
}

/// A target's cluster, as this decision needs it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The verdict over it.
    pub verdict: &'a Verdict,
    /// When this process first saw each of its `NoExecute` taints, by key. A
    /// taint without an entry was seen just now.
    pub taints_seen: &'a BTreeMap<String, Mono>,
    /// Whether it can be spoken to.
    pub source: Source,
}

/// Everything about one binding that decides over its evictions.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The binding's placement.
    pub placement: &'a Placement,
    /// `spec.clusters`
    pub targets: &'a [Target],
    /// The clusters by name. A target whose cluster is missing here is unknown
    /// and stays.
    pub places: &'a BTreeMap<ClusterName, Place<'a>>,
    /// The brake over the fleet.
    pub brake: &'a Brake,
    /// None: failover is on.
    pub off: Option<Off>,
    /// Whether it may run twice.
    pub twice: &'a Twice,
    /// The policy's `failover.cluster.purgeMode`.
    pub purge: PurgeMode,
    /// The setting `failover-after`, for placements that say nothing of isolation.
    pub after: Duration,
}

/// Both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Compared with what is stored.
    pub wall: Wall,
    /// Compared with what was seen.
    pub mono: Mono,
}

/// A target that is to be vacated now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The cluster.
    pub cluster: ClusterName,
    /// The taint that is not tolerated any more.
    pub taint: String,
    /// A person or a policy of theirs set the taint; an Event should name it.
    pub by_hand: bool,
    /// How the old copy goes.
    pub purge: PurgeMode,
    /// For the task's message.
    pub message: String,
}

/// Why a target on a tainted cluster stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Failover is switched off there.
    Off(Off),
    /// The brake is on.
    Brake(String),
    /// Its isolation is not sure enough, or it is on its way back.
    NotArmed(verdict::Arming),
    /// The mark outlived the isolation: the cluster answers again.
    Returning,
    /// It must not run twice, and nothing says that the old copy has stopped.
    Unfenced(String),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off(Off::Operator) => f.write_str("failover is switched off for the operator"),
            Self::Off(Off::Policy) => f.write_str("failover is switched off by its policy"),
            Self::Off(Off::Template) => f.write_str("failover is switched off on the template"),
            Self::Brake(why) => f.write_str(why),
            Self::NotArmed(_) => f.write_str("the isolation of its cluster is not sure enough"),
            Self::Returning => f.write_str("its cluster answers again"),
            Self::Unfenced(why) => write!(
                f,
                "it must not run twice ({why}) and nothing proves that the old copy has stopped; set condition \
                 Fenced=True on the Cluster, or the annotation atoll.dev/allow-unfenced-move=true on the template"
            ),
        }
    }
}

/// What becomes of one target on a cluster with `NoExecute` taints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Vacate it now.
    Due(Due),
    /// Tolerated until then, if the taint stays.
    Waiting {
        /// The cluster.
        cluster: ClusterName,
        /// When to look again.
        until: Mono,
    },
    /// Not tolerated, and yet it stays.
    Held {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        why: Held,
    },
}

/// Decides over every target. Targets on clusters without a `NoExecute` taint,
/// or with tolerated ones only, give nothing.
pub fn evictions(view: View<'_>, now: Now) -> Vec<Eviction> {
    view.targets
        .iter()
        .filter_map(|target| view.places.get(&target.cluster))
        .filter_map(|place| evict(view, place, now))
        .collect()
}

fn evict(view: View<'_>, place: &Place<'_>, now: Now) -> Option<Eviction> {
    let cluster = place.cluster.name.clone();
    // The taint whose toleration ends first, among those whose cause permits
    // an eviction: a held one must not hide one that acts as written.
    let (mut first, mut held) = (None::<(Duration, &Taint)>, None);
    for taint in place.cluster.taints.iter().filter(|taint| taint.effect == Effect::NoExecute) {
        let Some(left) = time_left(view, place, taint, now) else { continue };
        match hold(view, place, taint) {
            Some(why) => held = held.or(Some(why)),
            None if first.is_none_or(|(least, _)| left < least) => first = Some((left, taint)),
            None => {}
        }
    }
    Some(match (first, held) {
        (Some((left, _)), _) if !left.is_zero() => Eviction::Waiting { cluster, until: now.mono + left },
        (Some((_, taint)), _) => Eviction::Due(Due {
            by_hand: !is_ours(place.cluster, taint),
            purge: view.purge,
            message: format!("cluster {cluster} carries {}:NoExecute: {}", taint.key, place.verdict.reason),
            taint: taint.key.clone(),
            cluster,
        }),
        (None, Some(why)) => Eviction::Held { cluster, why },
        (None, None) => return None,
    })
}

/// How long `taint` is still tolerated; None: for ever.
fn time_left(view: View<'_>, place: &Place<'_>, taint: &Taint, now: Now) -> Option<Duration> {
    let tolerated = match tolerance(view, taint) {
        Tolerance::Forever => return None,
        Tolerance::For(duration) => duration,
    };
    let seen = place.taints_seen.get(&taint.key).map_or(Duration::ZERO, |seen| now.mono.since(*seen));
    // A wall clock that jumped ahead must not use a toleration up, nor may the
    // age of a process that has just started.
    let elapsed = taint.added.map_or(seen, |added| now.wall.since(added).min(seen));
    Some(tolerated.saturating_sub(elapsed))
}

enum Tolerance {
    Forever,
    For(Duration),
}

/// The first toleration that matches counts (karmada-api 2.8).
fn tolerance(view: View<'_>, taint: &Taint) -> Tolerance {
    let stated = view.placement.tolerations.iter().find(|toleration| toleration.tolerates(taint));
    match stated {
        Some(Toleration { seconds: None, .. }) => Tolerance::Forever,
        Some(Toleration { seconds: Some(seconds), .. }) => {
            Tolerance::For(Duration::from_secs(u64::try_from(*seconds).unwrap_or(0)))
        }
        None if taint.key == ISOLATED => Tolerance::For(view.after),
        None => Tolerance::For(Duration::ZERO),
    }
}

fn is_ours(cluster: &Cluster, taint: &Taint) -> bool {
    taint.key == ISOLATED && is_marked_isolated(cluster)
}

fn hold(view: View<'_>, place: &Place<'_>, taint: &Taint) -> Option<Held> {
    if let Some(off) = view.off {
        return Some(Held::Off(off));
    }
    // What a person wrote acts as written; the verdict's own taint answers to
    // the brake and to what this process has seen itself.
    if is_ours(place.cluster, taint) {
        if let Some(why) = view.brake.why() {
            return Some(Held::Brake(why));
        }
        if matches!(place.verdict.grade, Grade::Healthy | Grade::Degraded | Grade::Recovering) {
            return Some(Held::Returning);
        }
        if !place.verdict.is_armed() {
            return Some(Held::NotArmed(place.verdict.arming.clone()));
        }
    }
    match view.twice {
        // Directly removes the old copy first, which a cluster that can be
        // spoken to lets us see.
        Twice::Forbidden(_) if view.purge == PurgeMode::Directly && place.source == Source::Known => None,
        Twice::Forbidden(why) if !place.cluster.fenced => Some(Held::Unfenced(why.clone())),
        Twice::Forbidden(_) | Twice::Allowed => None,
    }
}

#[cfg(test)]
mod tests;
