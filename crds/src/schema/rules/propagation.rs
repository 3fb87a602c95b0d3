//! Rules of `PropagationPolicy` and `ClusterPropagationPolicy` (karmada-api 1.4).

use super::{Rule, cel, max_items};

const FIELD_KEY: &str = "self.key in ['provider', 'region', 'zone'] && self.operator in ['In', 'NotIn']";
const FIELD_KEY_MESSAGE: &str = "key must be provider, region or zone, operator In or NotIn";
const LABEL_KEY: &str = "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')";

pub(super) const RULES: &[Rule] = &[
    cel(
        "spec",
        "!has(self.preemption) || self.preemption != 'Always' || \
         self.resourceSelectors.all(s, has(s.name) && s.name != '')",
        "preemption Always needs a name in every resource selector",
    ),
    // A selector of ServiceImports turns propagateDeps on by itself.
    cel(
        "spec",
        "!has(self.failover) || !has(self.failover.application) || \
         (has(self.propagateDeps) && self.propagateDeps) || \
         self.resourceSelectors.exists(s, s.kind == 'ServiceImport')",
        "failover.application needs propagateDeps: true",
    ),
    cel("spec.schedulerName", "self == oldSelf", "schedulerName cannot change"),
    cel(
        "spec.failover.application",
        "!has(self.gracePeriodSeconds) || \
         ((!has(self.purgeMode) || self.purgeMode == 'Gracefully') && self.gracePeriodSeconds > 0)",
        "gracePeriodSeconds must be positive and needs purgeMode Gracefully",
    ),
    cel(
        "spec.failover.application.decisionConditions",
        "!has(self.tolerationSeconds) || self.tolerationSeconds >= 0",
        "tolerationSeconds must not be negative",
    ),
    cel(
        "spec.suspension",
        "!(has(self.dispatching) && self.dispatching && has(self.dispatchingOnClusters) && \
         has(self.dispatchingOnClusters.clusterNames) && size(self.dispatchingOnClusters.clusterNames) > 0)",
        "dispatching: true suspends every cluster; dispatchingOnClusters must then be empty",
    ),
    cel(
        "spec.placement",
        "!(has(self.clusterAffinity) && has(self.clusterAffinities) && size(self.clusterAffinities) > 0)",
        "clusterAffinity and clusterAffinities cannot both be set",
    ),
    cel(
        "spec.placement",
        "!has(self.clusterAffinities) || \
         self.clusterAffinities.all(t, !has(t.overflowAffinities) || size(t.overflowAffinities) == 0) || \
         (has(self.replicaScheduling) && self.replicaScheduling.replicaSchedulingType == 'Divided' && \
         ((has(self.replicaScheduling.replicaDivisionPreference) && \
         self.replicaScheduling.replicaDivisionPreference == 'Aggregated') || \
         (has(self.replicaScheduling.weightPreference) && \
         has(self.replicaScheduling.weightPreference.dynamicWeight))))",
        "overflowAffinities need replicaScheduling Divided with Aggregated or with a dynamicWeight",
    ),
    max_items("spec.placement.clusterAffinities", 256),
    cel(
        "spec.placement.clusterAffinities",
        "self.all(a, self.exists_one(b, b.affinityName == a.affinityName))",
        "affinityName must be unique",
    ),
    cel(
        "spec.placement.clusterAffinities[]",
        "!has(self.overflowAffinities) || size(self.overflowAffinities) == 0 || \
         has(self.labelSelector) || has(self.fieldSelector) || \
         (has(self.clusterNames) && size(self.clusterNames) > 0) || (has(self.exclude) && size(self.exclude) > 0)",
        "a term with overflowAffinities must name its own clusters",
    ),
    cel(
        "spec.placement.clusterAffinities[]",
        "!has(self.overflowAffinities) || self.overflowAffinities.all(a, a.affinityName != self.affinityName && \
         self.overflowAffinities.exists_one(b, b.affinityName == a.affinityName))",
        "affinityName must be unique inside its term",
    ),
    cel("spec.placement.clusterAffinities[].affinityName", LABEL_KEY, "affinityName must be a valid label key"),
    max_items("spec.placement.clusterAffinities[].overflowAffinities", 32),
    cel(
        "spec.placement.clusterAffinities[].overflowAffinities[].affinityName",
        LABEL_KEY,
        "affinityName must be a valid label key",
    ),
    max_items("spec.placement.clusterAffinity.fieldSelector.matchExpressions", 64),
    max_items("spec.placement.clusterAffinities[].fieldSelector.matchExpressions", 64),
    max_items("spec.placement.clusterAffinities[].overflowAffinities[].fieldSelector.matchExpressions", 32),
    cel("spec.placement.clusterAffinity.fieldSelector.matchExpressions[]", FIELD_KEY, FIELD_KEY_MESSAGE),
    cel("spec.placement.clusterAffinities[].fieldSelector.matchExpressions[]", FIELD_KEY, FIELD_KEY_MESSAGE),
    cel(
        "spec.placement.clusterAffinities[].overflowAffinities[].fieldSelector.matchExpressions[]",
        FIELD_KEY,
        FIELD_KEY_MESSAGE,
    ),
    max_items("spec.placement.clusterTolerations", 1024),
    cel(
        "spec.placement.clusterTolerations[]",
        "!has(self.operator) || self.operator in ['', 'Equal', 'Exists']",
        "operator must be Equal or Exists",
    ),
    cel(
        "spec.placement.clusterTolerations[]",
        "!has(self.effect) || self.effect in ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute']",
        "effect must be NoSchedule, PreferNoSchedule or NoExecute",
    ),
    cel(
        "spec.placement.clusterTolerations[]",
        "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
        "an empty key needs operator Exists",
    ),
    cel(
        "spec.placement.clusterTolerations[]",
        "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        "tolerationSeconds needs effect NoExecute",
    ),
    max_items("spec.placement.spreadConstraints", 64),
    cel(
        "spec.placement.spreadConstraints",
        "self.all(a, !has(a.spreadByField) || \
         self.exists_one(b, has(b.spreadByField) && b.spreadByField == a.spreadByField))",
        "spreadByField must not name the same field twice",
    ),
    // A constraint that names neither field nor label spreads by cluster.
    cel(
        "spec.placement.spreadConstraints",
        "!self.exists(c, has(c.spreadByField)) || self.exists(c, has(c.spreadByField) ? \
         c.spreadByField == 'cluster' : (!has(c.spreadByLabel) || c.spreadByLabel == ''))",
        "spreadByField needs a constraint for field cluster as well",
    ),
    cel(
        "spec.placement.spreadConstraints[]",
        "!(has(self.spreadByField) && has(self.spreadByLabel) && self.spreadByLabel != '')",
        "spreadByField and spreadByLabel cannot both be set",
    ),
    cel(
        "spec.placement.spreadConstraints[]",
        "(!has(self.minGroups) || self.minGroups >= 0) && (!has(self.maxGroups) || self.maxGroups >= 0)",
        "minGroups and maxGroups must not be negative",
    ),
    cel(
        "spec.placement.spreadConstraints[]",
        "!has(self.minGroups) || !has(self.maxGroups) || self.maxGroups <= 0 || self.minGroups <= self.maxGroups",
        "minGroups must not exceed maxGroups",
    ),
    cel(
        "spec.placement.workloadAffinity",
        "!has(self.affinity) || !has(self.antiAffinity) || \
         self.affinity.groupByLabelKey != self.antiAffinity.groupByLabelKey",
        "affinity and antiAffinity need different label keys",
    ),
];
