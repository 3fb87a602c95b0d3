//! Affinity groups and their overflow tiers.

use super::*;
use crate::placement::{Affinities, AffinityGroup};

fn group(name: &str, clusters: &[&str], overflow: &[&[&str]]) -> AffinityGroup {
    let tier = |(index, names): (usize, &&[&str])| (format!("{name}-{index}"), only(names));
    AffinityGroup {
        name: name.to_owned(),
        affinity: only(clusters),
        overflow: overflow.iter().enumerate().map(tier).collect(),
    }
}

fn in_groups(groups: Vec<AffinityGroup>, replicas: ReplicaScheduling) -> Placement {
    Placement { affinity: Affinities::Groups(groups), replicas, ..Placement::default() }
}

fn two_groups() -> Placement {
    in_groups(vec![group("first", &["a"], &[]), group("second", &["b"], &[])], ReplicaScheduling::Duplicated)
}

fn group_of(case: &Case) -> Option<String> {
    case.schedule().unwrap().group
}

#[test]
fn the_first_group_that_can_be_scheduled_wins() {
    let mut case = Case::new(vec![member("a", 9), member("b", 9)], two_groups(), 1);
    assert_eq!((group_of(&case).as_deref(), case.names()), (Some("first"), vec!["a".to_owned()]));
    case.clusters[0].health = Grade::IsolatedFull;
    assert_eq!((group_of(&case).as_deref(), case.names()), (Some("second"), vec!["b".to_owned()]));
}

#[test]
fn groups_move_forward_only_unless_a_reschedule_is_asked_for() {
    let mut case = Case::new(vec![member("a", 9), member("b", 9)], two_groups(), 1).after(&[("b", 1)]);
    case.observed_group = Some("second".to_owned());
    assert_eq!(group_of(&case).as_deref(), Some("second"));
    assert_eq!(group_of(&case.fresh()).as_deref(), Some("first"));
}

#[test]
fn an_observed_group_that_is_gone_means_the_first() {
    let mut case = Case::new(vec![member("a", 9), member("b", 9)], two_groups(), 1);
    case.observed_group = Some("renamed".to_owned());
    assert_eq!(group_of(&case).as_deref(), Some("first"));
}

#[test]
fn when_every_group_fails_the_first_failure_is_told() {
    let down = |name| with(member(name, 9), |c| c.health = Grade::IsolatedFull);
    let failure = Case::new(vec![down("a"), down("b")], two_groups(), 1).failure();
    assert_eq!(
        failure.to_string(),
        "0 of 2 clusters fit: 1 is not selected by the cluster affinity (b), 1 is isolated (a)"
    );
}

#[test]
fn overflow_tiers_fill_in_order_after_the_group_is_full() {
    let placement = |replicas| in_groups(vec![group("g", &["a"], &[&["b"], &["c"]])], replicas);
    let fleet = || vec![member("a", 3), member("b", 2), member("c", 9)];
    for strategy in [ReplicaScheduling::DynamicWeighted, ReplicaScheduling::Aggregated] {
        let at = |replicas| Case::new(fleet(), placement(strategy.clone()), replicas).targets();
        assert_eq!(at(3), pairs(&[("a", 3)]));
        assert_eq!(at(5), pairs(&[("a", 3), ("b", 2)]));
        assert_eq!(at(7), pairs(&[("a", 3), ("b", 2), ("c", 2)]));
        let failure = Case::new(fleet(), placement(strategy.clone()), 15).failure();
        assert_eq!(failure.to_string(), "15 replicas are wanted, 3 fitting clusters have room for 14");
        assert_eq!(failure.reason(), "Unschedulable");
    }
}

#[test]
fn an_overflow_tier_gives_way_first_when_shrinking() {
    let placement = in_groups(vec![group("g", &["a"], &[&["b"]])], ReplicaScheduling::DynamicWeighted);
    let case = Case::new(vec![member("a", 0), member("b", 9)], placement, 4).after(&[("a", 3), ("b", 2)]);
    assert_eq!(case.targets(), pairs(&[("a", 3), ("b", 1)]));
}

#[test]
fn overflow_tiers_mean_nothing_where_capacity_does_not_decide() {
    let placement = in_groups(vec![group("g", &["a"], &[&["b"]])], ReplicaScheduling::Duplicated);
    assert_eq!(Case::new(vec![member("a", 0), member("b", 9)], placement, 4).targets(), pairs(&[("a", 4)]));
}
