//! Which candidates are chosen, as the spread constraints say.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::placement::{Placement, Spread, SpreadField};
use crate::schedule::candidate::Candidate;
use crate::schedule::divide::Division;
use crate::schedule::failure::Problem;
use crate::schedule::observer::Observer;
use crate::schedule::region;

/// Bounds on a number of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub min: usize,
    /// `usize::MAX` without a bound.
    pub max: usize,
}

impl Bounds {
    const NONE: Self = Self { min: 0, max: usize::MAX };

    /// An upper bound of 0 is none (D3), and it never lies below the lower.
    fn of(spread: &Spread) -> Self {
        let number = |groups: u32| usize::try_from(groups).unwrap_or(usize::MAX);
        let min = number(spread.min_groups);
        let max = spread.max_groups.map(number).filter(|max| *max > 0).unwrap_or(usize::MAX);
        Self { min, max: max.max(min) }
    }
}

/// The spread constraints in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub cluster: Option<Bounds>,
    pub region: Option<Bounds>,
    /// Constraints by zone or provider only filter; alone they have no meaning
    /// (karmada-api 2.12).
    other: Option<SpreadField>,
}

impl Rules {
    /// Static weights choose their clusters themselves: no constraint applies.
    pub fn of(placement: &Placement, division: &Division<'_>) -> Self {
        let spread: &[Spread] = if matches!(division, Division::Weighted { .. }) { &[] } else { &placement.spread };
        let bounds = |by| spread.iter().find(|spread| spread.by == by).map(Bounds::of);
        let other =
            spread.iter().map(|spread| spread.by).find(|by| matches!(by, SpreadField::Zone | SpreadField::Provider));
        Self { cluster: bounds(SpreadField::Cluster), region: bounds(SpreadField::Region), other }
    }

    /// The bounds on clusters, stated or not.
    pub fn clusters(&self) -> Bounds {
        self.cluster.unwrap_or(Bounds::NONE)
    }

    /// Whether the room in the clusters takes part in the choice.
    pub fn need_room(&self, division: &Division<'_>) -> bool {
        (self.cluster.is_some() || self.region.is_some()) && division.replicas().is_some()
    }
}

/// Whether the previous answer already is one: it holds exactly the replicas
/// wanted, on clusters that may keep them, within the upper bounds. Where
/// capacity decides nothing then moves, because the room in the clusters
/// changes all the time; the other strategies do not look at the room and come
/// to the same answer by themselves.
pub(super) fn is_settled(candidates: &[Candidate<'_>], division: &Division<'_>, rules: &Rules) -> bool {
    let Division::ByCapacity { replicas, .. } = division else { return false };
    let holders = || candidates.iter().filter(|candidate| candidate.assigned > 0);
    let regions = || holders().map(|candidate| candidate.cluster.region.as_str()).collect::<BTreeSet<_>>().len();
    holders().map(|candidate| candidate.assigned).sum::<i64>() == *replicas
        && rules.region.is_none_or(|bounds| regions() <= bounds.max)
        // One cluster of each region is taken even above the bound on clusters.
        && rules.cluster.is_none_or(|bounds| {
            let floor = if rules.region.is_some() { regions() } else { 0 };
            holders().count() <= bounds.max.max(floor)
        })
}

/// Chooses among `candidates`, which are sorted best first; the choice keeps
/// that order.
pub(super) fn select<'c, 'a, O: Observer>(
    candidates: &'c [Candidate<'a>],
    division: &Division<'_>,
    (rules, fresh): (&Rules, bool),
    observer: &mut O,
) -> Result<Vec<&'c Candidate<'a>>, Problem> {
    match (rules.region, rules.cluster, rules.other) {
        (Some(regions), ..) => region::select(candidates, division, (regions, rules.clusters(), fresh), observer),
        (None, Some(bounds), _) => by_cluster(candidates, division, bounds),
        (None, None, Some(by)) => Err(Problem::UnsupportedSpread(by)),
        (None, None, None) => Ok(candidates.iter().collect()),
    }
}

fn by_cluster<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    division: &Division<'_>,
    bounds: Bounds,
) -> Result<Vec<&'c Candidate<'a>>, Problem> {
    if candidates.len() < bounds.min {
        return Err(Problem::TooFewGroups { by: SpreadField::Cluster, wanted: bounds.min, found: candidates.len() });
    }
    let (chosen, spare) = candidates.split_at(bounds.max.min(candidates.len()));
    let chosen: Vec<_> = chosen.iter().collect();
    match division {
        Division::ByCapacity { replicas, .. } => make_room(chosen, spare.iter().collect(), *replicas),
        Division::Whole(_) | Division::Weighted { .. } => Ok(chosen),
    }
}

/// Exchanges the least of the chosen for the roomiest of the rest until the
/// replicas fit.
fn make_room<'c, 'a>(
    mut chosen: Vec<&'c Candidate<'a>>,
    mut spare: Vec<&'c Candidate<'a>>,
    wanted: i64,
) -> Result<Vec<&'c Candidate<'a>>, Problem> {
    let mut room: i64 = chosen.iter().map(|candidate| candidate.available()).sum();
    for place in (0..chosen.len()).rev() {
        if room >= wanted {
            break;
        }
        let roomiest = (0..spare.len()).max_by_key(|index| (spare[*index].available(), Reverse(*index)));
        let Some(roomiest) = roomiest else { break };
        if spare[roomiest].available() > chosen[place].available() {
            room += spare[roomiest].available() - chosen[place].available();
            std::mem::swap(&mut chosen[place], &mut spare[roomiest]);
        }
    }
    if room < wanted {
        return Err(Problem::TooLittleRoom { wanted, room });
    }
    chosen.sort_by(|one, other| one.best_first(other));
    Ok(chosen)
}
