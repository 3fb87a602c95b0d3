//! The decision which policy a template belongs to.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::matching::policy::{Claim, Policy, PolicyRef, Scope, Template};
use crate::matching::selector::MatchLevel;

/// What to do about a template's claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimDecision {
    /// The recorded claim stands.
    Keep(Claim),
    /// Record this claim.
    Claim {
        /// The new claim.
        claim: Claim,
        /// Why it is made.
        why: ClaimReason,
    },
    /// Remove the recorded claim; no other policy takes over.
    Release {
        /// The policy that lost the template.
        from: PolicyRef,
        /// Why it lost it.
        why: Lost,
    },
    /// Not claimed, and no policy matches.
    Unmatched,
}

/// Why a claim is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimReason {
    /// The template had no claim.
    BestMatch,
    /// The earlier policy lost the template and this one is the best match now.
    Replaces {
        /// The earlier policy.
        from: PolicyRef,
        /// Why it lost the template.
        why: Lost,
    },
    /// `preemption: Always` takes it from a policy that would have kept it.
    Preempts(PolicyRef),
}

/// Why a policy lost a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lost {
    /// There is no such policy, or another one under its name.
    PolicyGone,
    /// The policy is being deleted.
    PolicyDeleting,
    /// Its selectors do not match the template any more.
    NoLongerMatches,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PolicyGone => "does not exist any more",
            Self::PolicyDeleting => "is being deleted",
            Self::NoLongerMatches => "does not select it any more",
        })
    }
}

impl fmt::Display for ClaimDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep(claim) => write!(f, "stays with {}", claim.policy),
            Self::Claim { claim, why: ClaimReason::BestMatch } => {
                write!(f, "claimed by {}, the best match", claim.policy)
            }
            Self::Claim { claim, why: ClaimReason::Replaces { from, why } } => {
                write!(f, "claimed by {} because {from} {why}", claim.policy)
            }
            Self::Claim { claim, why: ClaimReason::Preempts(from) } => {
                write!(f, "claimed by {}, which preempts {from}", claim.policy)
            }
            Self::Release { from, why } => write!(f, "released because {from} {why}; no other policy selects it"),
            Self::Unmatched => f.write_str("no policy selects it"),
        }
    }
}

/// `holder` is the existing policy of the recorded claim's name; `candidates`
/// are all policies that might match.
pub(super) fn decide<'p>(
    template: &Template<'_>,
    holder: Option<&'p Policy>,
    candidates: impl Iterator<Item = &'p Policy>,
) -> ClaimDecision {
    let matching = candidates
        .filter(|policy| !policy.deleting)
        .filter_map(|policy| policy.matches(template).map(|level| (policy, level)));
    let Some(recorded) = template.claimed_by else {
        return match best(matching) {
            Some(policy) => ClaimDecision::Claim { claim: claim_of(policy), why: ClaimReason::BestMatch },
            None => ClaimDecision::Unmatched,
        };
    };
    match stands(template, recorded, holder) {
        Ok(holder) => match best(matching.filter(|(policy, level)| preempt(policy, *level, holder).is_ok())) {
            Some(policy) => {
                ClaimDecision::Claim { claim: claim_of(policy), why: ClaimReason::Preempts(holder.reference.clone()) }
            }
            None => ClaimDecision::Keep(recorded.clone()),
        },
        Err(why) => {
            let from = recorded.policy.clone();
            match best(matching) {
                Some(policy) => {
                    ClaimDecision::Claim { claim: claim_of(policy), why: ClaimReason::Replaces { from, why } }
                }
                None => ClaimDecision::Release { from, why },
            }
        }
    }
}

pub(super) fn stands<'p>(
    template: &Template<'_>,
    recorded: &Claim,
    holder: Option<&'p Policy>,
) -> Result<&'p Policy, Lost> {
    let holder = holder.filter(|policy| policy.id == recorded.id).ok_or(Lost::PolicyGone)?;
    if holder.deleting {
        return Err(Lost::PolicyDeleting);
    }
    holder.matches(template).map(|_| holder).ok_or(Lost::NoLongerMatches)
}

/// Why a matching policy leaves the template with its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPreemption {
    /// `preemption` is not Always.
    Never,
    /// It matches by less than the name.
    NotByName,
    /// A cluster-wide policy takes nothing from a namespaced one.
    WiderScope,
    /// Its priority is not higher.
    Priority,
}

impl fmt::Display for NoPreemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "the claim stands and its preemption is Never",
            Self::NotByName => "the claim stands and only a selector by name preempts",
            Self::WiderScope => "the claim stands and a cluster-wide policy takes nothing from a namespaced one",
            Self::Priority => "the claim stands and its priority is not higher than the holder's",
        })
    }
}

/// Only a named selector preempts (karmada-api 1.4 wants a name in every
/// selector of an `Always` policy). A namespaced policy takes from any
/// cluster-wide one; otherwise only a strictly higher priority takes, and a
/// cluster-wide policy never takes from a namespaced one.
pub(super) fn preempt(policy: &Policy, level: MatchLevel, holder: &Policy) -> Result<(), NoPreemption> {
    if !policy.preempts {
        return Err(NoPreemption::Never);
    }
    if level < MatchLevel::Name {
        return Err(NoPreemption::NotByName);
    }
    match (&policy.reference.scope, &holder.reference.scope) {
        (Scope::Namespaced(_), Scope::Cluster) => Ok(()),
        (Scope::Cluster, Scope::Namespaced(_)) => Err(NoPreemption::WiderScope),
        _ if policy.priority > holder.priority => Ok(()),
        _ => Err(NoPreemption::Priority),
    }
}

/// What decides between matching policies; the greatest wins, and the first
/// field that differs says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank<'p> {
    namespaced: bool,
    priority: i32,
    level: MatchLevel,
    name: Reverse<&'p PolicyRef>,
}

impl<'p> Rank<'p> {
    pub fn of(policy: &'p Policy, level: MatchLevel) -> Self {
        let namespaced = matches!(policy.reference.scope, Scope::Namespaced(_));
        Self { namespaced, priority: policy.priority, level, name: Reverse(&policy.reference) }
    }

    /// Why this one comes after `winner`.
    pub fn loses_to(&self, winner: &Self) -> String {
        if self.namespaced != winner.namespaced {
            "a policy of the namespace goes before cluster-wide ones".to_owned()
        } else if self.priority != winner.priority {
            format!("its priority {} is lower than {}", self.priority, winner.priority)
        } else if self.level != winner.level {
            format!("it selects by {}, the winner by {}", self.level, winner.level)
        } else {
            "the smaller name goes first among equals".to_owned()
        }
    }
}

fn best<'p>(matching: impl Iterator<Item = (&'p Policy, MatchLevel)>) -> Option<&'p Policy> {
    matching.max_by_key(|(policy, level)| Rank::of(policy, *level)).map(|(policy, _)| policy)
}

fn claim_of(policy: &Policy) -> Claim {
    Claim { policy: policy.reference.clone(), id: policy.id.clone() }
}
