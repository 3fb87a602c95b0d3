//! Rules of `FederatedResourceQuota` (karmada-api 1.9).
//!
//! Whether the shares add up to no more than the whole, whether the resources
//! have names that a quota can have, and whether counted ones are whole numbers
//! is the operator's to check: CEL reads quantities from text of any length, so
//! the API server bounds the cost of a sum by the largest request.

use super::{LABEL, NOT_NEGATIVE, Rule, bound, max_items, pattern, saying};
use crate::names::CLUSTER_NAME_MAX;

#[expect(clippy::cast_possible_wrap, reason = "48")]
pub(super) const LONGEST_CLUSTER_NAME: i64 = CLUSTER_NAME_MAX as i64;

pub(super) const RULES: &[Rule] = &[
    pattern("spec.overall{}", NOT_NEGATIVE),
    bound("spec.overall{}", "minimum", 0),
    bound("spec.overall", "maxProperties", 256),
    max_items("spec.staticAssignments", 2048),
    pattern("spec.staticAssignments[].clusterName", LABEL),
    bound("spec.staticAssignments[].clusterName", "maxLength", LONGEST_CLUSTER_NAME),
    pattern("spec.staticAssignments[].hard{}", NOT_NEGATIVE),
    bound("spec.staticAssignments[].hard{}", "minimum", 0),
    bound("spec.staticAssignments[].hard", "maxProperties", 256),
    saying(
        "spec",
        "!has(self.staticAssignments) || self.staticAssignments.all(a, a.hard.all(r, r in self.overall))",
        "'every resource of staticAssignments must be in overall; not so for cluster %s'.format(\
         [self.staticAssignments.filter(a, a.hard.exists(r, !(r in self.overall)))[0].clusterName])",
    ),
];
