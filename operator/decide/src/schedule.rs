//! Where the copies of a template run: filter, score, spread, divide.
//!
//! Enters: one [`Request`], a view of a placement, the fleet and the previous
//! answer. Leaves: a [`Decision`], or a [`Failure`] that says
//! why nothing fits. Must not: treat a cluster it cannot judge as absent, move
//! what is settled, or change the previous answer on failure: after a failure
//! the caller keeps the placement it has (promise I1).
//!
//! The rules are those of karmada-api 2.12, with its defects D3 and D19 fixed
//! and with the health grades of architecture section 6. The same request has
//! the same answer, and a request that starts from an answer gets it again.

pub(crate) mod candidate;
pub(crate) mod divide;
mod estimate;
pub mod explanation;
mod failure;
mod filter;
pub(crate) mod observer;
mod region;
mod rejection;
mod score;
pub(crate) mod spread;
pub(crate) mod term;

use std::collections::{BTreeMap, BTreeSet};

pub use explanation::{Explanation, explain};
pub use failure::Failure;
pub use rejection::{Reason, Rejection, summarize};

use crate::cluster::{Cluster, Resources};
use crate::ids::{ClusterName, Gvk};
use crate::placement::{Placement, Target};
use crate::webster::NameOrder;
use candidate::Candidate;
use divide::Division;
use observer::{Nobody, Observer};
use spread::Rules;
use term::Term;

/// Everything one scheduling looks at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The template's kind.
    pub gvk: &'a Gvk,
    /// The placement of its policy.
    pub placement: &'a Placement,
    /// The whole fleet, in any order. A previous target that is not in it is
    /// gone for good, so a part of the fleet must never be passed.
    pub clusters: &'a [Cluster],
    /// The answer in force, empty at first.
    pub previous: &'a [Target],
    /// Replicas wanted. None: not a workload.
    pub replicas: Option<i32>,
    /// What one replica requests. None: nothing stated.
    pub requests: Option<&'a Resources>,
    /// Clusters being vacated (`gracefulEvictionTasks`): never candidates.
    pub evicting: &'a BTreeSet<ClusterName>,
    /// Clusters that a new copy would have to leave at once.
    pub untenable: &'a BTreeSet<ClusterName>,
    /// The affinity group of the previous answer.
    pub observed_group: Option<&'a str>,
    /// A reschedule was asked for: start at the first affinity group and
    /// divide anew.
    pub fresh: bool,
    /// Decides the direction of tie-breaks between names, so that not every
    /// template's odd replica lands on the same cluster. May be empty.
    pub template_uid: &'a str,
}

/// Where the copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer, sorted by cluster name.
    pub targets: Vec<Target>,
    /// The affinity group it was found in; None without groups.
    pub group: Option<String>,
}

/// Places one template.
///
/// Affinity groups are tried in order from the observed one on, never
/// backwards unless `fresh` (karmada-api 2.11, D16); when all fail, the first
/// failure is the answer.
pub fn schedule(request: &Request<'_>) -> Result<Decision, Failure> {
    schedule_before(request, &mut Nobody)
}

/// The same, and an observer sees how it comes about.
pub(crate) fn schedule_before<O: Observer>(request: &Request<'_>, observer: &mut O) -> Result<Decision, Failure> {
    let division = Division::of(request);
    let (first, later) = Term::to_try(request, &division);
    schedule_within(request, &division, &first, observer).or_else(|failure| {
        later
            .iter()
            .find_map(|group| schedule_within(request, &division, &Term::of_group(group, &division), observer).ok())
            .ok_or(failure)
    })
}

fn schedule_within<O: Observer>(
    request: &Request<'_>,
    division: &Division<'_>,
    term: &Term<'_>,
    observer: &mut O,
) -> Result<Decision, Failure> {
    let group = term.name.map(str::to_owned);
    observer.attempt(term, division);
    if division.is_empty() && !O::EVERYTHING {
        return Ok(Decision { targets: Vec::new(), group });
    }
    let assigned: BTreeMap<&ClusterName, i64> = request
        .previous
        .iter()
        .map(|target| (&target.cluster, i64::from(target.replicas.unwrap_or(0).max(0))))
        .collect();
    let (mut candidates, rejected) = filter::admit(request, term, &assigned, observer);
    if division.is_empty() {
        observer.ranked(&candidates, false);
        return Ok(Decision { targets: Vec::new(), group });
    }
    if candidates.is_empty() {
        return Err(Failure::NoClusterFit { clusters: request.clusters.len(), rejected });
    }
    let rules = Rules::of(request.placement, division);
    let by_room = division.needs_room() || rules.need_room(division);
    if by_room {
        for candidate in &mut candidates {
            candidate.free = estimate::room(candidate, request.requests);
        }
    }
    candidates.sort_by(Candidate::best_first);
    observer.ranked(&candidates, by_room);
    match place(request, (division, &rules), &candidates, observer) {
        Ok(targets) => Ok(Decision { targets, group }),
        Err(problem) => Err(problem.into_failure(&candidates, rejected)),
    }
}

fn place<O: Observer>(
    request: &Request<'_>,
    (division, rules): (&Division<'_>, &Rules),
    candidates: &[Candidate<'_>],
    observer: &mut O,
) -> Result<Vec<Target>, failure::Problem> {
    if !request.fresh && spread::is_settled(candidates, division, rules) {
        observer.settled();
        return Ok(divide::keep(candidates));
    }
    let selected = spread::select(candidates, division, (rules, request.fresh), observer)?;
    observer.selected(rules, &selected);
    divide::assign(&selected, division, (request.fresh, NameOrder::for_uid(request.template_uid)), observer)
}

#[cfg(test)]
mod tests;
