//! The choice of regions, and of clusters in them.
//!
//! Regions form the smallest sets that satisfy the constraints; the set with
//! the best sum of scores wins (karmada-api 2.12).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::placement::SpreadField;
use crate::schedule::candidate::Candidate;
use crate::schedule::divide::Division;
use crate::schedule::failure::Problem;
use crate::schedule::observer::Observer;
use crate::schedule::spread::Bounds;

/// What one replica-holding cluster, or one replica of the aim, is worth
/// against the mean score of clusters (Karmada's number).
const FIT_WEIGHT: i64 = 1000;

/// So many steps the search for a set of regions may take. Fleets of a few
/// dozen regions stay far below; beyond, the best set found so far is good.
const SEARCH_STEPS: usize = 20_000;

struct Region<'a> {
    name: &'a str,
    /// Positions in the list of candidates, best first.
    members: Vec<usize>,
    score: i64,
    /// The previous answer has a target here.
    is_used: bool,
}

/// Chooses among `candidates`, sorted best first. Where the regions in use
/// still satisfy the constraints and hold the replicas, they stay unless
/// `fresh`: a better score elsewhere is no reason to move.
pub(super) fn select<'c, 'a, O: Observer>(
    candidates: &'c [Candidate<'a>],
    division: &Division<'_>,
    (regions, clusters, fresh): (Bounds, Bounds, bool),
    observer: &mut O,
) -> Result<Vec<&'c Candidate<'a>>, Problem> {
    let all = group(candidates, division, regions, clusters);
    for region in &all {
        observer.region(region.name, region.score, region.is_used);
    }
    let regions = Bounds { min: regions.min.max(1), max: regions.max };
    check_feasible(&all, regions, clusters)?;
    if !fresh {
        let used: Vec<_> = all.iter().filter(|region| region.is_used).collect();
        if is_feasible(&used, regions, clusters) {
            let kept = pick_clusters(candidates, &used, clusters);
            if holds(&kept, division) {
                return Ok(kept);
            }
        }
    }
    let best = best_set(&all, regions, clusters);
    Ok(pick_clusters(candidates, &best, clusters))
}

fn holds(chosen: &[&Candidate<'_>], division: &Division<'_>) -> bool {
    let Division::ByCapacity { replicas, .. } = division else { return true };
    chosen.iter().map(|candidate| candidate.available()).sum::<i64>() >= *replicas
}

fn group<'a>(
    candidates: &[Candidate<'a>],
    division: &Division<'_>,
    regions: Bounds,
    clusters: Bounds,
) -> Vec<Region<'a>> {
    let mut by_name: BTreeMap<&'a str, Vec<usize>> = BTreeMap::new();
    for (position, candidate) in candidates.iter().enumerate() {
        let cluster = candidate.cluster;
        by_name.entry(&cluster.region).or_default().push(position);
    }
    let mut all: Vec<_> = by_name
        .into_iter()
        .map(|(name, members)| {
            let score = score(candidates, &members, division, regions, clusters);
            let is_used = members.iter().any(|member| candidates[*member].is_target);
            Region { name, members, score, is_used }
        })
        .collect();
    // The order of discovery, which decides between equal sets.
    all.sort_by_key(|region| (region.members.len(), Reverse(region.score), region.name));
    all
}

fn score(
    candidates: &[Candidate<'_>],
    members: &[usize],
    division: &Division<'_>,
    regions: Bounds,
    clusters: Bounds,
) -> i64 {
    let members = members.iter().map(|member| &candidates[*member]);
    match division {
        Division::ByCapacity { replicas, .. } => {
            let target = replicas.saturating_add(count(regions.min.max(1)) - 1) / count(regions.min.max(1));
            score_of_sum(members, target, clusters.min.max(regions.min))
        }
        Division::Whole(_) | Division::Weighted { .. } => {
            let replicas = division.replicas().unwrap_or(0);
            let (mut fit, mut scores) = (0, 0);
            for member in members.filter(|member| member.available() >= replicas) {
                fit += 1;
                scores += member.score;
            }
            if fit == 0 { 0 } else { fit * FIT_WEIGHT + scores / fit }
        }
    }
}

/// A region's worth when replicas are divided: whether it can hold its share.
fn score_of_sum<'c>(members: impl Iterator<Item = &'c Candidate<'c>>, target: i64, least: usize) -> i64 {
    let (mut walked, mut room, mut scores) = (0_usize, 0_i64, 0_i64);
    for member in members {
        walked += 1;
        room += member.available();
        scores += member.score;
        if walked >= least && room >= target {
            break;
        }
    }
    room.min(target).saturating_mul(FIT_WEIGHT).saturating_add(scores / count(walked.max(1)))
}

fn count(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn size(regions: &[&Region<'_>]) -> usize {
    regions.iter().map(|region| region.members.len()).sum()
}

fn is_feasible(set: &[&Region<'_>], regions: Bounds, clusters: Bounds) -> bool {
    (regions.min..=regions.max).contains(&set.len()) && size(set) >= clusters.min
}

/// The regions with the most clusters, as few as satisfy the constraints or as
/// many as are allowed: if these do not satisfy them, no set does.
fn largest<'r, 'a>(all: &'r [Region<'a>], regions: Bounds, clusters: Bounds) -> Vec<&'r Region<'a>> {
    let mut set = Vec::new();
    for region in all.iter().rev().take(regions.max) {
        set.push(region);
        if is_feasible(&set, regions, clusters) {
            break;
        }
    }
    set
}

fn check_feasible(all: &[Region<'_>], regions: Bounds, clusters: Bounds) -> Result<(), Problem> {
    if all.len() < regions.min {
        return Err(Problem::TooFewGroups { by: SpreadField::Region, wanted: regions.min, found: all.len() });
    }
    let found = size(&largest(all, regions, clusters));
    if found < clusters.min {
        return Err(Problem::TooFewGroups { by: SpreadField::Cluster, wanted: clusters.min, found });
    }
    Ok(())
}

/// The feasible set with the largest sum of scores, then the most clusters,
/// then the earliest found; or its shortest feasible beginning, the best
/// regions first, because the rest of it is not needed.
fn best_set<'r, 'a>(all: &'r [Region<'a>], regions: Bounds, clusters: Bounds) -> Vec<&'r Region<'a>> {
    let mut search = Search { all, regions, clusters, path: Vec::new(), found: Vec::new(), steps: 0 };
    search.explore(0);
    let mut found = search.found;
    if found.is_empty() {
        found.push(largest(all, regions, clusters));
    }
    for set in &mut found {
        set.sort_by_key(|region| (Reverse(region.score), region.name));
    }
    let worth = |set: &[&Region<'_>]| (set.iter().map(|region| region.score).sum::<i64>(), size(set));
    let best = (0..found.len()).max_by_key(|index| (worth(&found[*index]), Reverse(*index))).unwrap_or(0);
    let names = |set: &[&Region<'a>]| set.iter().map(|region| region.name).collect::<Vec<_>>();
    let whole = names(&found[best]);
    let shortest = (0..found.len())
        .filter(|index| whole.starts_with(&names(&found[*index])))
        .min_by_key(|index| (found[*index].len(), *index != best));
    found.swap_remove(shortest.unwrap_or(best))
}

/// A depth-first walk; a branch ends where it becomes feasible.
struct Search<'r, 'a> {
    all: &'r [Region<'a>],
    regions: Bounds,
    clusters: Bounds,
    path: Vec<&'r Region<'a>>,
    found: Vec<Vec<&'r Region<'a>>>,
    steps: usize,
}

impl Search<'_, '_> {
    fn explore(&mut self, from: usize) {
        self.steps += 1;
        if is_feasible(&self.path, self.regions, self.clusters) {
            self.found.push(self.path.clone());
            return;
        }
        for next in from..self.all.len() {
            let missing = self.regions.min.saturating_sub(self.path.len());
            if self.steps >= SEARCH_STEPS || self.path.len() == self.regions.max || self.all.len() - next < missing {
                return;
            }
            self.path.push(&self.all[next]);
            self.explore(next + 1);
            self.path.pop();
        }
    }
}

/// The best cluster of each region, then the best of all that remain, up to
/// the bound on clusters.
fn pick_clusters<'c, 'a>(
    candidates: &'c [Candidate<'a>],
    set: &[&Region<'_>],
    clusters: Bounds,
) -> Vec<&'c Candidate<'a>> {
    let mut chosen: Vec<usize> = set.iter().filter_map(|region| region.members.first().copied()).collect();
    let mut rest: Vec<usize> = set.iter().flat_map(|region| region.members.iter().skip(1).copied()).collect();
    rest.sort_unstable();
    rest.truncate(clusters.max.saturating_sub(chosen.len()));
    chosen.append(&mut rest);
    chosen.sort_unstable();
    chosen.into_iter().map(|position| &candidates[position]).collect()
}
