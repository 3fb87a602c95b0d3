//! Why a template was not placed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::placement::SpreadField;
use crate::schedule::candidate::Candidate;
use crate::schedule::rejection::{Rejection, summarize};

/// No placement was found; the one in force stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Failure {
    /// Every cluster was refused.
    NoClusterFit {
        /// Size of the fleet.
        clusters: usize,
        /// One entry for each cluster.
        rejected: Vec<Rejection>,
    },
    /// The clusters that fit do not form enough groups for a spread constraint.
    TooFewGroups {
        /// What the constraint groups by.
        by: SpreadField,
        /// Its lower bound.
        wanted: usize,
        /// How many there are, or can be had within the upper bounds.
        found: usize,
        /// The clusters that do not fit.
        rejected: Vec<Rejection>,
    },
    /// A spread constraint stands alone that works only next to another.
    UnsupportedSpread {
        /// What it groups by.
        by: SpreadField,
    },
    /// The clusters that fit have too little room.
    Unschedulable {
        /// Replicas wanted.
        wanted: i64,
        /// Replicas the candidates, within the spread constraints, can hold.
        room: i64,
        /// How many clusters fit.
        fitting: usize,
        /// How many of these have not reported their capacity; they count as
        /// full.
        unmeasured: usize,
        /// The clusters that do not fit.
        rejected: Vec<Rejection>,
    },
}

impl Failure {
    /// The reason of condition `Scheduled=False` (karmada-api 3.5).
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoClusterFit { .. } => "NoClusterFit",
            Self::TooFewGroups { .. } | Self::UnsupportedSpread { .. } | Self::Unschedulable { .. } => "Unschedulable",
        }
    }

    /// The clusters that were refused.
    pub fn rejected(&self) -> &[Rejection] {
        match self {
            Self::NoClusterFit { rejected, .. }
            | Self::TooFewGroups { rejected, .. }
            | Self::Unschedulable { rejected, .. } => rejected,
            Self::UnsupportedSpread { .. } => &[],
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClusterFit { clusters: 0, .. } => f.write_str("no cluster has joined yet"),
            Self::NoClusterFit { clusters, rejected } => {
                write!(f, "0 of {} fit: {}", counted(*clusters, "cluster"), summarize(rejected))
            }
            Self::TooFewGroups { by, wanted, found, rejected } => {
                let wanted = counted(*wanted, by.noun());
                write!(f, "the spread constraint wants at least {wanted}, the fitting clusters offer {found}")?;
                write_rejected(f, rejected)
            }
            Self::UnsupportedSpread { by } => {
                let noun = by.noun();
                write!(f, "a spread constraint by {noun} needs one by cluster or region next to it")
            }
            Self::Unschedulable { wanted, room, fitting, unmeasured, rejected } => {
                let have = if *fitting == 1 { "has" } else { "have" };
                let fitting = counted(*fitting, "fitting cluster");
                write!(f, "{wanted} replicas are wanted, {fitting} {have} room for {room}")?;
                if *unmeasured > 0 {
                    let have = if *unmeasured == 1 { "has" } else { "have" };
                    write!(f, " ({unmeasured} {have} not reported capacity yet)")?;
                }
                write_rejected(f, rejected)
            }
        }
    }
}

fn write_rejected(f: &mut fmt::Formatter<'_>, rejected: &[Rejection]) -> fmt::Result {
    if rejected.is_empty() { Ok(()) } else { write!(f, "; of the others {}", summarize(rejected)) }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What a step after the filters ran into; becomes a [`Failure`] together with
/// what the filters found.
#[derive(Debug)]
pub(super) enum Problem {
    TooFewGroups { by: SpreadField, wanted: usize, found: usize },
    UnsupportedSpread(SpreadField),
    TooLittleRoom { wanted: i64, room: i64 },
}

impl Problem {
    pub fn into_failure(self, candidates: &[Candidate<'_>], rejected: Vec<Rejection>) -> Failure {
        match self {
            Self::TooFewGroups { by, wanted, found } => Failure::TooFewGroups { by, wanted, found, rejected },
            Self::UnsupportedSpread(by) => Failure::UnsupportedSpread { by },
            Self::TooLittleRoom { wanted, room } => Failure::Unschedulable {
                wanted,
                room,
                fitting: candidates.len(),
                unmeasured: candidates.iter().filter(|candidate| candidate.cluster.capacity.is_none()).count(),
                rejected,
            },
        }
    }
}
