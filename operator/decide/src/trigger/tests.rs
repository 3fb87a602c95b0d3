use super::*;
use crate::cluster::Grade;

const SETTLED: Last<'static> = Last { targets: &[], scheduled_before: true, same_placement: true, asked: false };

fn targets(list: &[(&str, i32)]) -> Vec<Target> {
    list.iter().map(|(name, replicas)| Target { cluster: (*name).into(), replicas: Some(*replicas) }).collect()
}

fn cluster(name: &str, deleting: bool) -> Cluster {
    Cluster {
        name: name.into(),
        labels: std::collections::BTreeMap::new(),
        provider: String::new(),
        region: String::new(),
        zones: Vec::new(),
        taints: Vec::new(),
        deleting,
        apis: None,
        capacity: None,
        health: Grade::Healthy,
        fenced: false,
    }
}

fn found(last: Last<'_>, division: &ReplicaScheduling, replicas: Option<i32>) -> Option<Trigger> {
    find(last, division, replicas, &[cluster("m1", false), cluster("m2", false)])
}

#[test]
fn a_divided_workload_stays_where_it_is_when_only_the_fleet_changes() {
    let targets = targets(&[("m1", 1), ("m2", 2)]);
    let last = Last { targets: &targets, ..SETTLED };
    assert_eq!(found(last, &ReplicaScheduling::DynamicWeighted, Some(3)), None);
}

#[test]
fn a_divided_workload_is_scheduled_when_its_replicas_change() {
    let targets = targets(&[("m1", 1), ("m2", 2)]);
    let last = Last { targets: &targets, ..SETTLED };
    for replicas in [4, 2, 0] {
        assert_eq!(found(last, &ReplicaScheduling::Aggregated, Some(replicas)), Some(Trigger::ReplicasChanged));
    }
}

#[test]
fn a_duplicated_workload_compares_every_target_and_otherwise_follows_the_fleet() {
    let targets = targets(&[("m1", 3), ("m2", 3)]);
    let last = Last { targets: &targets, ..SETTLED };
    assert_eq!(found(last, &ReplicaScheduling::Duplicated, Some(3)), Some(Trigger::FollowsFleet));
    assert_eq!(found(last, &ReplicaScheduling::Duplicated, Some(6)), Some(Trigger::ReplicasChanged));
}

#[test]
fn an_object_without_replicas_follows_the_fleet_whatever_its_division() {
    for division in [ReplicaScheduling::Duplicated, ReplicaScheduling::Aggregated] {
        assert_eq!(found(SETTLED, &division, None), Some(Trigger::FollowsFleet));
    }
}

#[test]
fn a_workload_scaled_to_zero_is_settled_without_targets_and_is_scheduled_when_it_is_wanted_again() {
    assert_eq!(found(SETTLED, &ReplicaScheduling::Aggregated, Some(0)), None);
    assert_eq!(found(SETTLED, &ReplicaScheduling::Aggregated, Some(1)), Some(Trigger::ReplicasChanged));
}

#[test]
fn the_first_rule_that_holds_gives_the_reason() {
    let targets = targets(&[("m1", 1)]);
    let all = Last { targets: &targets, scheduled_before: false, same_placement: false, asked: true };
    let division = &ReplicaScheduling::Aggregated;
    assert_eq!(found(all, division, Some(2)), Some(Trigger::First));
    assert_eq!(found(Last { scheduled_before: true, ..all }, division, Some(2)), Some(Trigger::PlacementChanged));
    let same = Last { targets: &targets, asked: true, ..SETTLED };
    assert_eq!(found(same, division, Some(2)), Some(Trigger::ReplicasChanged));
    assert_eq!(found(same, division, Some(1)), Some(Trigger::Asked));
}

#[test]
fn a_divided_workload_leaves_a_cluster_that_is_being_deleted_or_is_gone() {
    let targets = targets(&[("m1", 1), ("m2", 2)]);
    let last = Last { targets: &targets, ..SETTLED };
    let division = &ReplicaScheduling::Aggregated;
    let fleets = [vec![cluster("m1", true), cluster("m2", false)], vec![cluster("m2", false)]];
    for fleet in fleets {
        assert_eq!(find(last, division, Some(3), &fleet), Some(Trigger::TargetLeaves));
    }
    assert_eq!(find(last, division, Some(3), &[]), None, "an empty fleet says nothing of any cluster");
}
