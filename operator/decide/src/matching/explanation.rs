//! Why a template belongs to its policy, as a value: the decision of
//! `super::claim`, and what spoke for and against each policy.

use serde::{Deserialize, Serialize};

use super::claim::{self, ClaimDecision, ClaimReason, Rank};
use super::policy::{Policy, Scope, Template};
use super::selector::{MatchLevel, Mismatch};

/// So many of the policies that do not match are told, the nearest first.
const NEAREST: usize = 3;

/// Which policy a template belongs to, and why no other one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The policy it belongs to by the decision; None: to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The decision in words.
    pub decision: String,
    /// The matching policies, the one it belongs to first.
    pub contenders: Vec<Contender>,
    /// Where none matches: those that came nearest, and what kept each out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Near>,
}

/// One matching policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contender {
    /// Kind and name.
    pub policy: String,
    /// `spec.priority`
    pub priority: i32,
    /// What it selects the template by.
    pub selects_by: String,
    /// `activationPreference: Lazy`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lazy: bool,
    /// It has the template.
    pub wins: bool,
    /// Why it has it, or not.
    pub why: String,
}

/// A policy that does not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Near {
    /// Kind and name.
    pub policy: String,
    /// The first part of its nearest selector that does not hold.
    pub why: String,
}

/// Explains a decision over `template`; `policies` are all there are.
pub(super) fn explain<'p>(
    decision: &ClaimDecision,
    template: &Template<'_>,
    policies: impl Iterator<Item = &'p Policy> + Clone,
) -> Explanation {
    let winner = match decision {
        ClaimDecision::Keep(claim) | ClaimDecision::Claim { claim, .. } => Some(&claim.policy),
        ClaimDecision::Release { .. } | ClaimDecision::Unmatched => None,
    };
    let mut matching: Vec<(&Policy, MatchLevel)> =
        policies.clone().filter_map(|policy| Some((policy, policy.matches(template)?))).collect();
    matching.sort_by_key(|(policy, level)| {
        (winner != Some(&policy.reference), policy.deleting, std::cmp::Reverse(Rank::of(policy, *level)))
    });
    let won = matching.iter().find(|(policy, _)| winner == Some(&policy.reference)).copied();
    // Against whom a policy had to preempt.
    let holder = match decision {
        ClaimDecision::Keep(claim) => Some(&claim.policy),
        ClaimDecision::Claim { why: ClaimReason::Preempts(from), .. } => Some(from),
        _ => None,
    };
    let holder = matching.iter().map(|(policy, _)| *policy).find(|policy| holder == Some(&policy.reference));
    let contender = |(policy, level): &(&Policy, MatchLevel)| Contender {
        policy: policy.reference.to_string(),
        priority: policy.priority,
        selects_by: level.to_string(),
        lazy: policy.lazy,
        wins: winner == Some(&policy.reference),
        why: standing(decision, (holder, won), (policy, *level)),
    };
    let contenders: Vec<Contender> = matching.iter().map(contender).collect();
    let nearest = if winner.is_none() { nearest(template, policies) } else { Vec::new() };
    Explanation { policy: winner.map(ToString::to_string), decision: decision.to_string(), contenders, nearest }
}

/// Why one matching policy has the template, or not.
fn standing(
    decision: &ClaimDecision,
    (holder, won): (Option<&Policy>, Option<(&Policy, MatchLevel)>),
    one: (&Policy, MatchLevel),
) -> String {
    let (policy, level) = one;
    let Some((winner, at)) = won else { return "it is being deleted".to_owned() };
    if winner.reference == policy.reference {
        return decision.to_string();
    }
    if policy.deleting {
        return "it is being deleted".to_owned();
    }
    if let Some(holder) = holder
        && holder.reference != policy.reference
        && let Err(why) = claim::preempt(policy, level, holder)
    {
        return why.to_string();
    }
    Rank::of(policy, level).loses_to(&Rank::of(winner, at))
}

fn nearest<'p>(template: &Template<'_>, policies: impl Iterator<Item = &'p Policy>) -> Vec<Near> {
    let mut near: Vec<(u8, &Policy, Mismatch<'_>)> = policies
        .filter(|policy| !policy.deleting)
        .filter_map(|policy| {
            let mismatches = policy.selectors.iter().filter_map(|selector| {
                let compared = selector.compare(&policy.reference.scope, template.key, template.labels);
                compared.err().map(|mismatch| (mismatch.nearness(template.key), mismatch))
            });
            let (nearness, mismatch) = mismatches.max_by_key(|(nearness, _)| *nearness)?;
            Some((nearness, policy, mismatch))
        })
        .collect();
    // A policy of the template's own namespace is meant rather than another.
    let is_near = |policy: &Policy| matches!(policy.reference.scope, Scope::Namespaced(_));
    near.sort_by_key(|(nearness, policy, _)| {
        (std::cmp::Reverse((*nearness, is_near(policy))), policy.reference.clone())
    });
    let told = near.into_iter().take(NEAREST);
    told.map(|(_, policy, why)| Near { policy: policy.reference.to_string(), why: why.to_string() }).collect()
}
