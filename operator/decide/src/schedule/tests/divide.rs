use super::*;

fn fleet(room: &[(&str, i64)]) -> Vec<Cluster> {
    room.iter().map(|(name, pods)| member(name, *pods)).collect()
}

fn dynamic(room: &[(&str, i64)], replicas: i32) -> Case {
    Case::new(fleet(room), divided(ReplicaScheduling::DynamicWeighted), replicas)
}

fn aggregated(room: &[(&str, i64)], replicas: i32) -> Case {
    Case::new(fleet(room), divided(ReplicaScheduling::Aggregated), replicas)
}

fn weighted(weights: Vec<StaticWeight>, replicas: i32) -> Case {
    let placement = divided(ReplicaScheduling::StaticWeighted(weights));
    Case::new(fleet(&[("a", 0), ("b", 0), ("c", 0)]), placement, replicas)
}

#[test]
fn duplicated_gives_every_cluster_all_replicas() {
    let case = Case::new(fleet(&[("b", 0), ("a", 0)]), Placement::default(), 3);
    assert_eq!(case.targets(), pairs(&[("a", 3), ("b", 3)]));
}

#[test]
fn an_object_without_replicas_goes_to_every_chosen_cluster() {
    let mut case = Case::new(fleet(&[("a", 0), ("b", 0)]), divided(ReplicaScheduling::Aggregated), 0);
    case.replicas = None;
    let none = |name: &str| Target { cluster: name.into(), replicas: None };
    assert_eq!(case.schedule().unwrap().targets, [none("a"), none("b")]);
}

#[test]
fn static_weights_ignore_capacity_and_the_previous_answer_of_clusters_that_may_grow() {
    let weights = || vec![weight(&["a"], 2), weight(&["b"], 1)];
    assert_eq!(weighted(weights(), 9).targets(), pairs(&[("a", 6), ("b", 3)]));
    assert_eq!(weighted(weights(), 9).after(&[("c", 9)]).targets(), pairs(&[("a", 6), ("b", 3)]));
}

#[test]
fn the_heaviest_matching_entry_counts() {
    let weights = vec![weight(&["a", "b"], 1), weight(&["a"], 3)];
    assert_eq!(weighted(weights, 4).targets(), pairs(&[("a", 3), ("b", 1)]));
}

#[test]
fn weights_that_match_nothing_weigh_all_alike_and_the_uid_breaks_ties() {
    assert_eq!(weighted(vec![weight(&["z"], 5)], 4).targets(), pairs(&[("a", 2), ("b", 1), ("c", 1)]));
    let mut case = weighted(vec![], 4);
    case.uid = "foo";
    assert_eq!(case.targets(), pairs(&[("a", 1), ("b", 1), ("c", 2)]));
}

#[test]
fn dynamic_weights_follow_the_room_at_first() {
    assert_eq!(dynamic(&[("a", 6), ("b", 3), ("c", 0)], 6).targets(), pairs(&[("a", 4), ("b", 2)]));
}

#[test]
fn dynamic_weights_add_by_the_present_room_when_growing() {
    let case = dynamic(&[("a", 0), ("b", 4), ("c", 2)], 8).after(&[("a", 5)]);
    assert_eq!(case.targets(), pairs(&[("a", 5), ("b", 2), ("c", 1)]));
}

#[test]
fn dynamic_weights_shrink_in_proportion_whatever_the_room() {
    let case = dynamic(&[("a", 0), ("b", 0), ("c", 50)], 3).after(&[("a", 4), ("b", 2)]);
    assert_eq!(case.targets(), pairs(&[("a", 2), ("b", 1)]));
}

#[test]
fn nothing_moves_while_the_sum_is_right() {
    for case in [dynamic(&[("a", 0), ("b", 90)], 5), aggregated(&[("a", 0), ("b", 90)], 5)] {
        assert_eq!(case.after(&[("a", 4), ("b", 1)]).targets(), pairs(&[("a", 4), ("b", 1)]));
    }
}

#[test]
fn a_fresh_division_counts_what_is_there_as_room() {
    let case = dynamic(&[("a", 0), ("b", 5)], 10).after(&[("a", 10)]).fresh();
    assert_eq!(case.targets(), pairs(&[("a", 7), ("b", 3)]));
}

#[test]
fn replicas_of_a_lost_cluster_are_divided_over_the_others() {
    let mut case = dynamic(&[("a", 9), ("b", 4), ("c", 2)], 9).after(&[("a", 6), ("b", 3)]);
    case.evicting.insert("a".into());
    assert_eq!(case.targets(), pairs(&[("b", 7), ("c", 2)]));
}

#[test]
fn aggregated_uses_as_few_clusters_as_can_hold_the_replicas() {
    let room = [("a", 3), ("b", 6), ("c", 6)];
    assert_eq!(aggregated(&room, 6).targets(), pairs(&[("b", 6)]));
    assert_eq!(aggregated(&room, 8).targets(), pairs(&[("b", 4), ("c", 4)]));
}

#[test]
fn aggregated_grows_where_it_is_and_shrinks_from_the_smallest() {
    let growing = aggregated(&[("a", 3), ("b", 90)], 5).after(&[("a", 2)]);
    assert_eq!(growing.targets(), pairs(&[("a", 5)]));
    let shrinking = aggregated(&[("a", 0), ("b", 90)], 4).after(&[("a", 5), ("b", 2)]);
    assert_eq!(shrinking.targets(), pairs(&[("a", 4)]));
}

#[test]
fn aggregated_does_not_depend_on_the_order_of_the_fleet() {
    let mut case = aggregated(&[("a", 5), ("b", 5), ("c", 5)], 5);
    assert_eq!(case.targets(), pairs(&[("a", 5)]));
    case.clusters.reverse();
    assert_eq!(case.targets(), pairs(&[("a", 5)]));
}

#[test]
fn too_little_room_places_nothing_and_says_how_much_there_is() {
    let mut case = dynamic(&[("a", 3), ("b", 4)], 10);
    assert_eq!(case.failure().to_string(), "10 replicas are wanted, 2 fitting clusters have room for 7");
    case.clusters[1].capacity = None;
    assert_eq!(
        case.failure().to_string(),
        "10 replicas are wanted, 2 fitting clusters have room for 3 (1 has not reported capacity yet)"
    );
}

#[test]
fn a_cluster_of_unknown_capacity_keeps_what_it_has() {
    let mut case = dynamic(&[("a", 9), ("b", 9)], 6).after(&[("a", 2), ("b", 2)]);
    case.clusters[0].capacity = None;
    assert_eq!(case.targets(), pairs(&[("a", 2), ("b", 4)]));
}

#[test]
fn growth_avoids_doubtful_clusters_while_others_have_room() {
    for strategy in [ReplicaScheduling::DynamicWeighted, ReplicaScheduling::Aggregated] {
        let mut clusters = fleet(&[("a", 90), ("b", 4)]);
        clusters[0].health = Grade::Suspect;
        let mut case = Case::new(clusters, divided(strategy), 6).after(&[("a", 2)]);
        assert_eq!(case.targets(), pairs(&[("a", 2), ("b", 4)]));
        case.replicas = Some(8);
        let sum: i32 = case.targets().iter().map(|(_, replicas)| replicas).sum();
        assert_eq!(sum, 8);
    }
}

#[test]
fn an_isolated_cluster_never_grows() {
    let mut case = dynamic(&[("a", 90), ("b", 3)], 5).after(&[("a", 2)]);
    case.clusters[0].health = Grade::IsolatedApi;
    assert_eq!(case.targets(), pairs(&[("a", 2), ("b", 3)]));
    case.replicas = Some(6);
    assert_eq!(case.failure().to_string(), "6 replicas are wanted, 2 fitting clusters have room for 5");
}

#[test]
fn an_isolated_cluster_never_grows_by_its_static_weight_either() {
    let weights = || vec![weight(&["a"], 3), weight(&["b"], 2), weight(&["c"], 1)];
    let mut case = weighted(weights(), 12).after(&[("a", 3), ("b", 2), ("c", 1)]);
    case.clusters[0].health = Grade::IsolatedApi;
    assert_eq!(case.targets(), pairs(&[("a", 3), ("b", 6), ("c", 3)]), "a scale-up goes to the others");
    case.clusters[1].health = Grade::IsolatedApi;
    assert_eq!(case.targets(), pairs(&[("a", 3), ("b", 2), ("c", 7)]), "one cap after the other");
    case.replicas = Some(3);
    assert_eq!(case.targets(), pairs(&[("a", 1), ("b", 1), ("c", 1)]), "it shrinks like any other");
}

#[test]
fn weights_alone_decide_where_only_isolated_clusters_have_one() {
    let mut case = weighted(vec![weight(&["a"], 1)], 6).after(&[("a", 3)]);
    case.clusters[0].health = Grade::IsolatedApi;
    assert_eq!(case.targets(), pairs(&[("a", 6)]));
}

#[test]
fn no_replicas_means_no_targets() {
    for strategy in [ReplicaScheduling::DynamicWeighted, ReplicaScheduling::StaticWeighted(vec![])] {
        let case = Case::new(fleet(&[("a", 9)]), divided(strategy), 0).after(&[("a", 3)]);
        assert_eq!(case.targets(), []);
    }
}
