//! The candidate set of one attempt: an affinity and its overflow tiers.

use crate::affinity::{ClusterAffinity, Unmet};
use crate::cluster::Cluster;
use crate::placement::{Affinities, AffinityGroup};
use crate::schedule::Request;
use crate::schedule::divide::Division;

/// What one attempt may choose from.
pub(crate) struct Term<'a> {
    /// The affinity group's name; None without groups.
    pub name: Option<&'a str>,
    affinity: Option<&'a ClusterAffinity>,
    overflow: &'a [(String, ClusterAffinity)],
}

impl<'a> Term<'a> {
    /// The first attempt and the groups to try after it.
    pub fn to_try(request: &Request<'a>, division: &Division<'_>) -> (Self, &'a [AffinityGroup]) {
        match &request.placement.affinity {
            Affinities::Any => (Self::any(), &[]),
            Affinities::One(affinity) => (Self { affinity: Some(affinity), ..Self::any() }, &[]),
            Affinities::Groups(groups) => {
                let observed = request.observed_group.filter(|_| !request.fresh);
                let start = groups.iter().position(|group| observed == Some(&group.name)).unwrap_or(0);
                match groups[start..].split_first() {
                    Some((first, later)) => (Self::of_group(first, division), later),
                    None => (Self::any(), &[]),
                }
            }
        }
    }

    /// An attempt within a group. Overflow tiers are tiers of capacity: they
    /// mean something only where capacity decides (karmada-api 1.4).
    pub fn of_group(group: &'a AffinityGroup, division: &Division<'_>) -> Self {
        let overflow: &[_] = if division.needs_room() { &group.overflow } else { &[] };
        Self { name: Some(&group.name), affinity: Some(&group.affinity), overflow }
    }

    fn any() -> Self {
        Self { name: None, affinity: None, overflow: &[] }
    }

    /// What keeps the cluster out of the affinity itself, if anything.
    pub fn first_unmet(&self, cluster: &Cluster) -> Option<Unmet<'a>> {
        self.affinity.and_then(|affinity| affinity.first_unmet(cluster))
    }

    /// The tier the cluster belongs to: 0 for the affinity itself, then the
    /// overflow tiers in order. None: not selected.
    pub fn tier_of(&self, cluster: &Cluster) -> Option<usize> {
        if self.affinity.is_none_or(|affinity| affinity.matches(cluster)) {
            return Some(0);
        }
        self.overflow.iter().position(|(_, affinity)| affinity.matches(cluster)).map(|index| index + 1)
    }
}
