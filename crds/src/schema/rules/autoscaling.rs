//! Rules of `FederatedHPA` and `CronFederatedHPA` (karmada-api 1.10, 1.11).
//!
//! Left to the operator: cron expressions, time zones, and that a metric asks
//! for more than zero where zero is written as text.

use super::{LABEL, NOT_NEGATIVE, PATH_SEGMENT, Rule, bound, cel, map_by, max_items, pattern, saying, words};

const TARGET_TYPES: &[&str] = &["Utilization", "Value", "AverageValue"];
const HOW_MUCH: &str = "has(self.averageUtilization) != has(self.averageValue)";
const HOW_MUCH_MESSAGE: &str = "exactly one of averageUtilization and averageValue must be set";

pub(super) const RULES: &[Rule] = &[
    bound("spec.minReplicas", "minimum", 1),
    bound("spec.maxReplicas", "minimum", 1),
    saying(
        "spec",
        "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
        "'minReplicas is %d and must not exceed maxReplicas, which is %d'.format([self.minReplicas, self.maxReplicas])",
    ),
    pattern("spec.scaleTargetRef.kind", PATH_SEGMENT),
    pattern("spec.scaleTargetRef.name", PATH_SEGMENT),
    max_items("spec.metrics", 256),
    words("spec.metrics[].type", &["Resource", "ContainerResource", "Pods", "Object"]),
    saying(
        "spec.metrics[]",
        "has(self.resource) == (self.type == 'Resource') && \
         has(self.containerResource) == (self.type == 'ContainerResource') && \
         has(self.pods) == (self.type == 'Pods') && has(self.object) == (self.type == 'Object')",
        "'a metric of type %s must state the field of that name and no other'.format([self.type])",
    ),
    pattern("spec.metrics[].resource.name", PATH_SEGMENT),
    words("spec.metrics[].resource.target.type", TARGET_TYPES),
    bound("spec.metrics[].resource.target.averageUtilization", "minimum", 1),
    bound("spec.metrics[].resource.target.averageValue", "minimum", 1),
    pattern("spec.metrics[].resource.target.averageValue", NOT_NEGATIVE),
    cel("spec.metrics[].resource.target", HOW_MUCH, HOW_MUCH_MESSAGE),
    pattern("spec.metrics[].containerResource.name", PATH_SEGMENT),
    pattern("spec.metrics[].containerResource.container", LABEL),
    words("spec.metrics[].containerResource.target.type", TARGET_TYPES),
    bound("spec.metrics[].containerResource.target.averageUtilization", "minimum", 1),
    bound("spec.metrics[].containerResource.target.averageValue", "minimum", 1),
    pattern("spec.metrics[].containerResource.target.averageValue", NOT_NEGATIVE),
    cel("spec.metrics[].containerResource.target", HOW_MUCH, HOW_MUCH_MESSAGE),
    pattern("spec.metrics[].pods.metric.name", PATH_SEGMENT),
    words("spec.metrics[].pods.target.type", TARGET_TYPES),
    bound("spec.metrics[].pods.target.averageValue", "minimum", 1),
    pattern("spec.metrics[].pods.target.averageValue", NOT_NEGATIVE),
    cel("spec.metrics[].pods.target", "has(self.averageValue)", "averageValue must be set"),
    pattern("spec.metrics[].object.metric.name", PATH_SEGMENT),
    pattern("spec.metrics[].object.describedObject.kind", PATH_SEGMENT),
    pattern("spec.metrics[].object.describedObject.name", PATH_SEGMENT),
    words("spec.metrics[].object.target.type", TARGET_TYPES),
    bound("spec.metrics[].object.target.averageValue", "minimum", 1),
    pattern("spec.metrics[].object.target.averageValue", NOT_NEGATIVE),
    bound("spec.metrics[].object.target.value", "minimum", 1),
    pattern("spec.metrics[].object.target.value", NOT_NEGATIVE),
    cel(
        "spec.metrics[].object.target",
        "has(self.value) || has(self.averageValue)",
        "one of value and averageValue must be set",
    ),
    bound("spec.behavior.scaleUp.stabilizationWindowSeconds", "minimum", 0),
    bound("spec.behavior.scaleUp.stabilizationWindowSeconds", "maximum", LONGEST_WINDOW),
    words("spec.behavior.scaleUp.selectPolicy", SELECT_POLICIES),
    bound("spec.behavior.scaleUp.policies", "minItems", 1),
    words("spec.behavior.scaleUp.policies[].type", POLICY_TYPES),
    bound("spec.behavior.scaleUp.policies[].value", "minimum", 1),
    bound("spec.behavior.scaleUp.policies[].periodSeconds", "minimum", 1),
    bound("spec.behavior.scaleUp.policies[].periodSeconds", "maximum", LONGEST_PERIOD),
    bound("spec.behavior.scaleDown.stabilizationWindowSeconds", "minimum", 0),
    bound("spec.behavior.scaleDown.stabilizationWindowSeconds", "maximum", LONGEST_WINDOW),
    words("spec.behavior.scaleDown.selectPolicy", SELECT_POLICIES),
    bound("spec.behavior.scaleDown.policies", "minItems", 1),
    words("spec.behavior.scaleDown.policies[].type", POLICY_TYPES),
    bound("spec.behavior.scaleDown.policies[].value", "minimum", 1),
    bound("spec.behavior.scaleDown.policies[].periodSeconds", "minimum", 1),
    bound("spec.behavior.scaleDown.policies[].periodSeconds", "maximum", LONGEST_PERIOD),
];

/// Seconds, as a `HorizontalPodAutoscaler` has it.
const LONGEST_WINDOW: i64 = 3600;
/// Seconds, as a `HorizontalPodAutoscaler` has it.
const LONGEST_PERIOD: i64 = 1800;
const SELECT_POLICIES: &[&str] = &["Max", "Min", "Disabled"];
const POLICY_TYPES: &[&str] = &["Pods", "Percent"];

pub(super) const CRON_RULES: &[Rule] = &[
    map_by("spec.rules", &["name"]),
    max_items("spec.rules", 4096),
    bound("spec.rules[].targetReplicas", "minimum", 0),
    bound("spec.rules[].targetMinReplicas", "minimum", 1),
    bound("spec.rules[].targetMaxReplicas", "minimum", 1),
    saying(
        "spec.rules[]",
        "!has(self.targetMinReplicas) || !has(self.targetMaxReplicas) || \
         self.targetMinReplicas <= self.targetMaxReplicas",
        "'targetMinReplicas is %d and must not exceed targetMaxReplicas, which is %d'.format([self.targetMinReplicas, \
         self.targetMaxReplicas])",
    ),
    saying(
        "spec.scaleTargetRef",
        "!has(self.apiVersion) || self.apiVersion != 'autoscaling.karmada.io/v1alpha1' || self.kind == 'FederatedHPA'",
        "'kind is %s and must be FederatedHPA in autoscaling.karmada.io/v1alpha1'.format([self.kind])",
    ),
    saying(
        "spec",
        "has(self.scaleTargetRef.apiVersion) && self.scaleTargetRef.apiVersion == 'autoscaling.karmada.io/v1alpha1' ? \
         self.rules.all(r, has(r.targetMinReplicas) || has(r.targetMaxReplicas)) : true",
        "'a FederatedHPA needs targetMinReplicas or targetMaxReplicas in every rule; not so in rule %s'.format(\
         [self.rules.filter(r, !has(r.targetMinReplicas) && !has(r.targetMaxReplicas))[0].name])",
    ),
    saying(
        "spec",
        "has(self.scaleTargetRef.apiVersion) && self.scaleTargetRef.apiVersion == 'autoscaling.karmada.io/v1alpha1' ? \
         true : self.rules.all(r, has(r.targetReplicas))",
        "'a target that is no FederatedHPA needs targetReplicas in every rule; not so in rule %s'.format(\
         [self.rules.filter(r, !has(r.targetReplicas))[0].name])",
    ),
];
