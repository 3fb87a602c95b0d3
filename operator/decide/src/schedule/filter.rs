//! Which clusters are candidates.
//!
//! A filter is one file under `filter/` and one line in [`FILTERS`].

mod affinity;
mod api;
mod deletion;
mod eviction;
mod health;
mod taint;
mod tenable;
mod topology;

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::ids::ClusterName;
use crate::schedule::Request;
use crate::schedule::candidate::{Candidate, Growth};
use crate::schedule::observer::Observer;
use crate::schedule::rejection::{Reason, Rejection};
use crate::schedule::score;
use crate::schedule::term::Term;

/// All filters. The first that refuses gives the reason, so the order decides
/// what users read: from what they wrote to what happens to them.
const FILTERS: &[Filter] = &[
    deletion::FILTER,
    affinity::FILTER,
    eviction::FILTER,
    topology::FILTER,
    api::FILTER,
    taint::FILTER,
    health::FILTER,
    tenable::FILTER,
];

/// One rule that a candidate must pass.
struct Filter {
    /// As explanations name it.
    name: &'static str,
    /// Refuses with a reason.
    check: fn(&Request<'_>, &Term<'_>, &Cluster) -> Result<(), Reason>,
    /// What a refusal means for a cluster that is a target already.
    targets: Targets,
}

/// What happens to present targets that a filter refuses (karmada-api 2.12).
enum Targets {
    /// They go like every other.
    Leave,
    /// They stay; more replicas only when no other cluster has room.
    Stay,
    /// They stay with what they have.
    Freeze,
}

/// Splits the fleet into candidates and rejections. `assigned` holds the
/// replicas of the previous targets.
pub(super) fn admit<'a, O: Observer>(
    request: &Request<'a>,
    term: &Term<'_>,
    assigned: &BTreeMap<&ClusterName, i64>,
    observer: &mut O,
) -> (Vec<Candidate<'a>>, Vec<Rejection>) {
    let mut candidates = Vec::with_capacity(request.clusters.len());
    let mut rejected = Vec::new();
    for cluster in request.clusters {
        let assigned = assigned.get(&cluster.name).copied();
        match examine(request, (term, cluster), assigned, observer) {
            Ok(candidate) => candidates.push(candidate),
            Err(reason) => rejected.push(Rejection { cluster: cluster.name.clone(), reason }),
        }
    }
    (candidates, rejected)
}

fn examine<'a, O: Observer>(
    request: &Request<'_>,
    (term, cluster): (&Term<'_>, &'a Cluster),
    assigned: Option<i64>,
    observer: &mut O,
) -> Result<Candidate<'a>, Reason> {
    let is_target = assigned.is_some();
    let avoided = score::is_avoided(cluster, &request.placement.tolerations);
    let mut growth = if avoided { Growth::LastResort } else { Growth::Welcome };
    let mut refused = None;
    observer.examining(cluster);
    for filter in FILTERS {
        let Err(reason) = (filter.check)(request, term, cluster) else { continue };
        let kept = match filter.targets {
            Targets::Stay if is_target => Some(Growth::LastResort),
            Targets::Freeze if is_target => Some(Growth::Refused),
            _ => None,
        };
        observer.refused(filter.name, &reason, kept, term.first_unmet(cluster));
        match kept {
            Some(kept) => growth = growth.max(kept),
            None if O::EVERYTHING => refused = refused.or(Some(reason)),
            None => return Err(reason),
        }
    }
    if let Some(reason) = refused {
        return Err(reason);
    }
    Ok(Candidate {
        cluster,
        tier: term.tier_of(cluster).unwrap_or(0),
        score: score::of(is_target, avoided),
        free: 0,
        assigned: assigned.unwrap_or(0),
        is_target,
        growth,
    })
}
