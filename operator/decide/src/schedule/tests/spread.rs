use super::*;

fn by_cluster(min: u32, max: Option<u32>, replicas: ReplicaScheduling) -> Placement {
    Placement { spread: vec![spread(SpreadField::Cluster, min, max)], replicas, ..Placement::default() }
}

fn by_region(regions: (u32, Option<u32>), clusters: (u32, Option<u32>), replicas: ReplicaScheduling) -> Placement {
    let spread =
        vec![spread(SpreadField::Region, regions.0, regions.1), spread(SpreadField::Cluster, clusters.0, clusters.1)];
    Placement { spread, replicas, ..Placement::default() }
}

fn in_region(region: &str, name: &str, pods: i64) -> Cluster {
    with(member(name, pods), |cluster| region.clone_into(&mut cluster.region))
}

fn three() -> Vec<Cluster> {
    vec![member("a", 2), member("b", 8), member("c", 5)]
}

#[test]
fn at_most_max_groups_clusters_are_chosen_the_roomiest_first() {
    let case = Case::new(three(), by_cluster(1, Some(2), ReplicaScheduling::Duplicated), 1);
    assert_eq!(case.names(), ["b", "c"]);
}

#[test]
fn zero_and_absent_max_groups_mean_no_bound() {
    for max in [Some(0), None] {
        let case = Case::new(three(), by_cluster(1, max, ReplicaScheduling::Duplicated), 1);
        assert_eq!(case.names(), ["a", "b", "c"]);
    }
}

#[test]
fn a_present_target_is_chosen_before_a_roomier_cluster() {
    let case = Case::new(three(), by_cluster(1, Some(1), ReplicaScheduling::Duplicated), 1);
    assert_eq!(case.after(&[("a", 1)]).names(), ["a"]);
}

#[test]
fn an_avoided_cluster_is_chosen_last_but_kept_when_it_is_a_target() {
    let mut case = Case::new(three(), by_cluster(1, Some(1), ReplicaScheduling::Duplicated), 1);
    case.clusters[1].health = Grade::Suspect;
    assert_eq!(case.names(), ["c"]);
    assert_eq!(case.after(&[("b", 1)]).names(), ["b"]);
}

#[test]
fn too_few_clusters_for_min_groups_are_an_error() {
    let mut case = Case::new(three(), by_cluster(3, None, ReplicaScheduling::Duplicated), 1);
    case.clusters[0].deleting = true;
    let failure = case.failure();
    assert_eq!(failure.reason(), "Unschedulable");
    assert_eq!(
        failure.to_string(),
        "the spread constraint wants at least 3 clusters, the fitting clusters offer 2; \
         of the others 1 is being deleted (a)"
    );
}

#[test]
fn a_small_choice_is_exchanged_for_room_from_its_end() {
    // The present target c is full; it comes first by locality, then a.
    let clusters = vec![member("a", 6), member("b", 6), member("c", 0)];
    let placement = by_cluster(1, Some(2), ReplicaScheduling::DynamicWeighted);
    let mut case = Case::new(clusters, placement, 7).after(&[("c", 1)]);
    assert_eq!(case.targets(), pairs(&[("a", 6), ("c", 1)]));
    // Now even the present target has to go.
    case.replicas = Some(12);
    assert_eq!(case.targets(), pairs(&[("a", 6), ("b", 6)]));
    case.replicas = Some(13);
    assert_eq!(case.failure().to_string(), "13 replicas are wanted, 3 fitting clusters have room for 12");
}

#[test]
fn static_weights_know_no_spread_constraint() {
    let case = Case::new(three(), by_cluster(1, Some(1), ReplicaScheduling::StaticWeighted(vec![])), 3);
    assert_eq!(case.names(), ["a", "b", "c"]);
}

#[test]
fn zones_alone_are_no_spread_constraint() {
    let placement = Placement { spread: vec![spread(SpreadField::Zone, 1, None)], ..Placement::default() };
    let case = Case::new(vec![with(member("a", 1), |c| c.zones.push("z".to_owned()))], placement, 1);
    assert_eq!(case.failure().to_string(), "a spread constraint by zone needs one by cluster or region next to it");
}

fn regions() -> Vec<Cluster> {
    vec![
        in_region("east", "e1", 9),
        in_region("east", "e2", 9),
        in_region("north", "n1", 4),
        in_region("north", "n2", 4),
        in_region("north", "n3", 4),
        in_region("west", "w1", 0),
    ]
}

#[test]
fn duplicated_chooses_the_regions_where_most_clusters_hold_a_copy() {
    let placement = by_region((1, Some(1)), (1, None), ReplicaScheduling::Duplicated);
    assert_eq!(Case::new(regions(), placement.clone(), 3).names(), ["n1", "n2", "n3"]);
    // Five replicas fit only in the east.
    assert_eq!(Case::new(regions(), placement, 5).names(), ["e1", "e2"]);
}

#[test]
fn one_cluster_of_each_region_comes_first_then_the_best() {
    let placement = by_region((2, Some(2)), (2, Some(3)), ReplicaScheduling::Duplicated);
    assert_eq!(Case::new(regions(), placement, 3).names(), ["e1", "e2", "n1"]);
    let placement = by_region((3, None), (1, Some(1)), ReplicaScheduling::Duplicated);
    assert_eq!(Case::new(regions(), placement, 3).names(), ["e1", "n1", "w1"]);
}

#[test]
fn divided_prefers_regions_that_hold_their_share() {
    let placement = by_region((1, Some(1)), (1, None), ReplicaScheduling::DynamicWeighted);
    assert_eq!(Case::new(regions(), placement, 18).targets(), pairs(&[("e1", 9), ("e2", 9)]));
}

#[test]
fn a_region_that_is_not_needed_is_left_out_although_it_adds_to_the_score() {
    let clusters = vec![in_region("large", "l1", 9), in_region("large", "l2", 9), in_region("small", "s1", 9)];
    let placement = by_region((1, Some(2)), (2, None), ReplicaScheduling::Duplicated);
    assert_eq!(Case::new(clusters, placement, 1).names(), ["l1", "l2"]);
}

#[test]
fn regions_in_use_stay_although_others_score_higher() {
    let placement = by_region((1, Some(1)), (1, None), ReplicaScheduling::Duplicated);
    let case = Case::new(regions(), placement, 3).after(&[("e1", 3)]);
    assert_eq!(case.names(), ["e1", "e2"]);
    assert_eq!(case.fresh().names(), ["n1", "n2", "n3"]);
}

#[test]
fn a_lost_region_is_replaced_and_the_other_kept() {
    let placement = by_region((1, Some(1)), (1, Some(1)), ReplicaScheduling::Duplicated);
    let mut case = Case::new(regions(), placement, 3).after(&[("w1", 3)]);
    assert_eq!(case.names(), ["w1"]);
    case.evicting.insert("w1".into());
    assert_eq!(case.names(), ["n1"]);
}

#[test]
fn too_few_regions_and_too_few_clusters_in_them_are_told_apart() {
    let few = by_region((4, None), (1, None), ReplicaScheduling::Duplicated);
    assert_eq!(
        Case::new(regions(), few, 1).failure().to_string(),
        "the spread constraint wants at least 4 regions, the fitting clusters offer 3"
    );
    let narrow = by_region((1, Some(2)), (6, None), ReplicaScheduling::Duplicated);
    assert_eq!(
        Case::new(regions(), narrow, 1).failure().to_string(),
        "the spread constraint wants at least 6 clusters, the fitting clusters offer 5"
    );
}

#[test]
fn a_search_too_large_to_finish_still_finds_an_answer() {
    // 40 regions of one cluster each, 20 wanted: 10^11 sets.
    let clusters = (0..40).map(|index| in_region(&format!("r{index:02}"), &format!("m{index:02}"), 9)).collect();
    let placement = by_region((20, Some(20)), (20, None), ReplicaScheduling::Duplicated);
    assert_eq!(Case::new(clusters, placement, 1).names().len(), 20);
}
