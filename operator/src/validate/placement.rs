//! Placements (karmada-api 1.4).

use std::collections::BTreeSet;

use atoll_crds::policy::placement as raw;
use atoll_decide::placement::{
    Affinities, AffinityGroup, Placement, ReplicaScheduling, Spread, SpreadField, StaticWeight,
};
use atoll_decide::taint::{Effect, Tolerated, Toleration};
use k8s_openapi::api::core::v1 as core;

use super::{Problems, affinity};

/// Reads the placement that stands at `field`. None counts as the default: on
/// every cluster, all replicas each.
pub fn placement(field: &str, raw: Option<&raw::Placement>, problems: &mut Problems) -> Placement {
    let Some(raw) = raw else { return Placement::default() };
    let replicas = replica_scheduling(&format!("{field}.replicaScheduling"), raw.replica_scheduling.as_ref(), problems);
    Placement {
        affinity: affinities(field, raw, problems),
        tolerations: raw
            .cluster_tolerations
            .iter()
            .enumerate()
            .filter_map(|(index, toleration)| {
                self::toleration(&format!("{field}.clusterTolerations[{index}]"), toleration, problems)
            })
            .collect(),
        spread: spread(&format!("{field}.spreadConstraints"), &raw.spread_constraints, problems),
        replicas,
    }
}

fn affinities(field: &str, raw: &raw::Placement, problems: &mut Problems) -> Affinities {
    if raw.cluster_affinity.is_some() && !raw.cluster_affinities.is_empty() {
        problems.add(
            format!("{field}.clusterAffinities"),
            "clusterAffinity and clusterAffinities cannot stand together; keep one of them",
        );
    }
    if let Some(one) = &raw.cluster_affinity {
        return Affinities::One(affinity::cluster_affinity(&format!("{field}.clusterAffinity"), one, problems));
    }
    if raw.cluster_affinities.is_empty() {
        return Affinities::Any;
    }
    let mut names = BTreeSet::new();
    let mut groups = Vec::new();
    for (index, term) in raw.cluster_affinities.iter().enumerate() {
        let at = format!("{field}.clusterAffinities[{index}]");
        if !names.insert(term.affinity_name.as_str()) {
            let problem = format!("{:?} names two groups; each name stands once", term.affinity_name);
            problems.add(format!("{at}.affinityName"), problem);
        }
        let overflow = term.overflow_affinities.iter().enumerate().map(|(tier, overflow)| {
            let at = format!("{at}.overflowAffinities[{tier}]");
            (overflow.affinity_name.clone(), affinity::cluster_affinity(&at, &overflow.affinity, problems))
        });
        let overflow = overflow.collect();
        let own = affinity::cluster_affinity(&at, &term.affinity, problems);
        groups.push(AffinityGroup { name: term.affinity_name.clone(), affinity: own, overflow });
    }
    Affinities::Groups(groups)
}

fn spread(field: &str, raw: &[raw::SpreadConstraint], problems: &mut Problems) -> Vec<Spread> {
    let mut constraints = Vec::new();
    for (index, constraint) in raw.iter().enumerate() {
        let at = format!("{field}[{index}]");
        if constraint.spread_by_label.as_ref().is_some_and(|label| !label.is_empty()) {
            let problem =
                "spreading by label is not supported; use spreadByField with cluster, region, zone or provider";
            problems.add(format!("{at}.spreadByLabel"), problem);
            continue;
        }
        let by = match constraint.spread_by_field {
            None | Some(raw::SpreadField::Cluster) => SpreadField::Cluster,
            Some(raw::SpreadField::Region) => SpreadField::Region,
            Some(raw::SpreadField::Zone) => SpreadField::Zone,
            Some(raw::SpreadField::Provider) => SpreadField::Provider,
        };
        if constraints.iter().any(|known: &Spread| known.by == by) {
            problems.add(format!("{at}.spreadByField"), "this field has a constraint already; each field stands once");
        }
        let min_groups = groups(&format!("{at}.minGroups"), constraint.min_groups, problems).unwrap_or(1);
        let max_groups = groups(&format!("{at}.maxGroups"), constraint.max_groups, problems);
        if max_groups.is_some_and(|max| max < min_groups) {
            let problem = format!("{} is smaller than minGroups {min_groups}", max_groups.unwrap_or_default());
            problems.add(format!("{at}.maxGroups"), problem);
        }
        constraints.push(Spread { by, min_groups, max_groups });
    }
    if !constraints.is_empty() && !constraints.iter().any(|constraint| constraint.by == SpreadField::Cluster) {
        problems.add(field, "a constraint with spreadByField: cluster is needed beside the others");
    }
    constraints
}

/// A bound on groups; unset and 0 are no bound.
fn groups(field: &str, value: Option<i64>, problems: &mut Problems) -> Option<u32> {
    let value = value.filter(|value| *value != 0)?;
    let checked = u32::try_from(value).ok();
    if checked.is_none() {
        problems.add(field, format!("{value} is no number of groups; use 0 (no bound) or more"));
    }
    checked
}

fn replica_scheduling(
    field: &str,
    raw: Option<&raw::ReplicaSchedulingStrategy>,
    problems: &mut Problems,
) -> ReplicaScheduling {
    use raw::{ReplicaDivisionPreference, ReplicaSchedulingType};
    let Some(raw) = raw else { return ReplicaScheduling::Duplicated };
    if raw.replica_scheduling_type == ReplicaSchedulingType::Duplicated {
        return ReplicaScheduling::Duplicated;
    }
    if raw.replica_division_preference == Some(ReplicaDivisionPreference::Aggregated) {
        return ReplicaScheduling::Aggregated;
    }
    let Some(preference) = &raw.weight_preference else { return ReplicaScheduling::StaticWeighted(Vec::new()) };
    if preference.dynamic_weight.is_some() {
        return ReplicaScheduling::DynamicWeighted;
    }
    let weights = preference.static_weight_list.iter().enumerate().map(|(index, entry)| {
        let at = format!("{field}.weightPreference.staticWeightList[{index}]");
        if entry.weight < 1 {
            problems.add(format!("{at}.weight"), format!("{} is no weight; use 1 or more", entry.weight));
        }
        let target = affinity::cluster_affinity(&format!("{at}.targetCluster"), &entry.target_cluster, problems);
        StaticWeight { target, weight: entry.weight }
    });
    ReplicaScheduling::StaticWeighted(weights.collect())
}

fn toleration(field: &str, raw: &core::Toleration, problems: &mut Problems) -> Option<Toleration> {
    let key = raw.key.clone().unwrap_or_default();
    let value = match raw.operator.as_deref() {
        None | Some("" | "Equal") => Tolerated::Equal(raw.value.clone().unwrap_or_default()),
        Some("Exists") => Tolerated::Exists,
        Some(other) => {
            problems.add(format!("{field}.operator"), format!("{other:?} is not supported; use Equal or Exists"));
            return None;
        }
    };
    if key.is_empty() && value != Tolerated::Exists {
        problems.add(format!("{field}.operator"), "an empty key needs the operator Exists");
    }
    let effect = match raw.effect.as_deref() {
        None | Some("") => None,
        Some(text) => {
            let effect = effect(text);
            if effect.is_none() {
                let problem = format!("{text:?} is no effect; use NoSchedule, PreferNoSchedule or NoExecute");
                problems.add(format!("{field}.effect"), problem);
            }
            effect
        }
    };
    if raw.toleration_seconds.is_some() && effect != Some(Effect::NoExecute) {
        problems.add(format!("{field}.tolerationSeconds"), "it has a meaning only with effect NoExecute");
    }
    Some(Toleration { key, value, effect, seconds: raw.toleration_seconds })
}

/// An effect by its text.
pub fn effect(text: &str) -> Option<Effect> {
    match text {
        "NoSchedule" => Some(Effect::NoSchedule),
        "PreferNoSchedule" => Some(Effect::PreferNoSchedule),
        "NoExecute" => Some(Effect::NoExecute),
        _ => None,
    }
}
