//! Rules of `OverridePolicy` and `ClusterOverridePolicy` (karmada-api 1.5).

use super::{Rule, cel, max_items};

const FIELD_KEY: &str = "self.key in ['provider', 'region', 'zone'] && self.operator in ['In', 'NotIn']";
const FIELD_KEY_MESSAGE: &str = "key must be provider, region or zone, operator In or NotIn";
const ONE_FORMAT: &str = "(has(self.json) && size(self.json) > 0) != (has(self.yaml) && size(self.yaml) > 0)";
const ONE_FORMAT_MESSAGE: &str = "exactly one of json and yaml must be set";

pub(super) const RULES: &[Rule] = &[
    // Go clients write an empty `overriders` beside `overrideRules`, so its
    // presence alone says nothing.
    cel(
        "spec",
        "!(has(self.overrideRules) && size(self.overrideRules) > 0) || \
         (!has(self.targetCluster) && (!has(self.overriders) || !(\
         has(self.overriders.plaintext) || has(self.overriders.imageOverrider) || \
         has(self.overriders.commandOverrider) || has(self.overriders.argsOverrider) || \
         has(self.overriders.labelsOverrider) || has(self.overriders.annotationsOverrider) || \
         has(self.overriders.fieldOverrider))))",
        "overrideRules cannot be combined with the deprecated targetCluster and overriders",
    ),
    max_items("spec.overrideRules", 4096),
    max_items("spec.overrideRules[].targetCluster.fieldSelector.matchExpressions", 64),
    max_items("spec.overrideRules[].overriders.fieldOverrider", 64),
    max_items("spec.targetCluster.fieldSelector.matchExpressions", 64),
    max_items("spec.overriders.fieldOverrider", 4096),
    cel("spec.overrideRules[].targetCluster.fieldSelector.matchExpressions[]", FIELD_KEY, FIELD_KEY_MESSAGE),
    cel("spec.targetCluster.fieldSelector.matchExpressions[]", FIELD_KEY, FIELD_KEY_MESSAGE),
    cel("spec.overrideRules[].overriders.fieldOverrider[]", ONE_FORMAT, ONE_FORMAT_MESSAGE),
    cel("spec.overriders.fieldOverrider[]", ONE_FORMAT, ONE_FORMAT_MESSAGE),
];
