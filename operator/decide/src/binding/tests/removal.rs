//! Copies on clusters that are no targets.

use super::*;
use crate::failover::removal::{Allowed, Keep, Removal};

/// Targets `b` and `c`; the copy on `a` was dropped.
fn dropped_from(case: &Case) -> Removal {
    let copies = case.copies();
    let dropped = dropped(case, &copies);
    may_remove(&dropped, &"a".into(), &case.fleet)
}

fn dropped<'a>(case: &'a Case, remaining: &'a [Copy<'a>]) -> Dropped<'a> {
    Dropped { placement: &case.placement, divided: case.is_divided(), replicas: case.replicas, remaining }
}

fn case(placement: Placement) -> Case {
    Case::new(&["a", "b", "c"], placement, Some(2), &[("b", 2), ("c", 2)])
}

#[test]
fn a_copy_the_schedule_dropped_goes_when_every_other_is_healthy() {
    let mut case = case(Placement::default());
    assert_eq!(dropped_from(&case), Removal::Delete(Allowed::Replaced));
    for health in [Health::Unknown, Health::Unhealthy] {
        case.sicken("c", health);
        assert_eq!(dropped_from(&case), Removal::Keep(Keep::NotHealthy("c".into(), health)));
    }
}

#[test]
fn a_whole_copy_the_placement_gave_up_goes_when_one_other_is_healthy() {
    let narrowed = |placement| Placement { affinity: Affinities::One(only(&["b", "c"])), ..placement };
    let mut whole = case(narrowed(Placement::default()));
    whole.sicken("c", Health::Unhealthy);
    assert_eq!(dropped_from(&whole), Removal::Delete(Allowed::GivenUp));
    let mut divided = case(narrowed(divided()));
    divided.sicken("c", Health::Unhealthy);
    assert_eq!(dropped_from(&divided), Removal::Keep(Keep::NotHealthy("c".into(), Health::Unhealthy)));
}

#[test]
fn a_cluster_of_a_later_group_is_still_admitted() {
    let mut case = case(Placement { affinity: groups(&["b", "a"]), ..Placement::default() });
    case.sicken("c", Health::Unhealthy);
    assert_eq!(dropped_from(&case), Removal::Keep(Keep::NotHealthy("c".into(), Health::Unhealthy)));
}

#[test]
fn nothing_goes_from_a_cluster_that_is_silent_or_gone() {
    let mut case = case(divided());
    case.cut("a");
    assert_eq!(dropped_from(&case), Removal::Keep(Keep::SourceSilent));
    case.leave("a");
    assert_eq!(dropped_from(&case), Removal::Keep(Keep::SourceSilent));
    case.fleet = Fleet::default();
    assert_eq!(dropped_from(&case), Removal::Keep(Keep::SourceSilent));
}

#[test]
fn the_copies_go_when_a_divided_workload_is_scaled_to_zero_and_only_then() {
    let mut case = case(divided());
    case.targets.clear();
    assert_eq!(dropped_from(&case), Removal::Keep(Keep::NothingRemains), "two replicas are wanted");
    case.replicas = Some(0);
    assert_eq!(dropped_from(&case), Removal::Delete(Allowed::GivenUp));
    case.judge("a", Grade::Healthy, Arming::NotCalledFor, Source::NotCompared);
    assert_eq!(dropped_from(&case), Removal::Keep(Keep::SourceNotCompared));
    case.heal("a");
    for placement in [Placement::default(), divided()] {
        let replicas = if placement == divided() { None } else { Some(0) };
        let whole = Case { placement, replicas, ..case.clone() };
        assert_eq!(dropped_from(&whole), Removal::Keep(Keep::NothingRemains));
    }
}

#[test]
fn only_directly_removes_before_its_replacement_is_healthy_and_only_what_it_can_speak_to() {
    let purges = |case: &Case, purge| {
        let copies = case.copies();
        may_purge(&Task { purge, ..task("a", 2, &["a", "b"]) }, &dropped(case, &copies), &case.fleet)
    };
    let mut drained = case(divided());
    drained.sicken("c", Health::Unknown);
    drained.taint("a", HAND);
    assert!(purges(&drained, PurgeMode::Directly));
    assert!(!purges(&drained, PurgeMode::Gracefully) && !purges(&drained, PurgeMode::Never));
    let mut back = drained.clone();
    back.cluster("a").taints.clear();
    assert!(!purges(&back, PurgeMode::Directly), "it is to be taken back");
    let mut nowhere = drained.clone();
    nowhere.targets.clear();
    assert!(!purges(&nowhere, PurgeMode::Directly), "no target is reserved");
    drained.cut("a");
    assert!(!purges(&drained, PurgeMode::Directly));
}
