//! Rules of `ClusterTaintPolicy` (karmada-api 1.6).
//!
//! Operators, statuses and effects are checked although Karmada does not
//! (D24): a policy with another word does nothing there, without telling. That
//! no other policy has the same taint is the operator's to check. `NoExecute`
//! is taken without a switch: no such taint removes a last good copy here.

use super::{Rule, map_by, words};

const OPERATORS: &[&str] = &["In", "NotIn"];
const STATUSES: &[&str] = &["True", "False", "Unknown"];

pub(super) const RULES: &[Rule] = &[
    words("spec.addOnConditions[].operator", OPERATORS),
    words("spec.addOnConditions[].statusValues[]", STATUSES),
    words("spec.removeOnConditions[].operator", OPERATORS),
    words("spec.removeOnConditions[].statusValues[]", STATUSES),
    words("spec.taints[].effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    map_by("spec.taints", &["key", "effect"]),
];
