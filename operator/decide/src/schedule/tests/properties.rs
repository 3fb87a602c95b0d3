//! What holds for every request.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::placement::{Affinities, AffinityGroup};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn any_cluster(name: &'static str) -> impl Strategy<Value = Cluster> {
    let grade = prop_oneof![
        4 => Just(Grade::Healthy),
        1 => select(vec![Grade::Degraded, Grade::Unknown, Grade::Suspect, Grade::IsolatedData]),
        1 => select(vec![Grade::IsolatedApi, Grade::IsolatedFull]),
    ];
    let effect = prop_oneof![
        5 => Just(None),
        1 => select(vec![Effect::NoSchedule, Effect::NoExecute, Effect::PreferNoSchedule]).prop_map(Some),
    ];
    let apis = prop_oneof![8 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    let region = prop_oneof![6 => select(vec!["n", "s", "w"]), 1 => Just("")];
    let pods = prop_oneof![6 => (0_i64..12).prop_map(Some), 1 => Just(None)];
    (grade, effect, apis, region, pods, 0..12_u8).prop_map(move |(grade, effect, apis, region, pods, dice)| {
        let mut cluster = effect.map_or_else(|| member(name, 0), |effect| tainted(name, effect));
        cluster.health = grade;
        cluster.apis = apis.map(|serves| Arc::new(if serves { [deployments()].into() } else { BTreeSet::new() }));
        region.clone_into(&mut cluster.region);
        cluster.capacity = pods.and_then(|pods| member(name, pods).capacity);
        cluster.deleting = dice == 0;
        cluster
    })
}

fn any_names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(NAMES.to_vec(), 0..=NAMES.len())
}

fn any_affinity() -> impl Strategy<Value = Affinities> {
    let group = (any_names(), any_names(), any_names()).prop_map(|(own, first, second)| AffinityGroup {
        name: own.concat(),
        affinity: only(&own),
        overflow: vec![("first".to_owned(), only(&first)), ("second".to_owned(), only(&second))],
    });
    prop_oneof![
        3 => Just(Affinities::Any),
        1 => any_names().prop_map(|names| Affinities::One(only(&names))),
        2 => proptest::collection::vec(group, 1..4).prop_map(Affinities::Groups),
    ]
}

fn any_spread() -> impl Strategy<Value = Vec<Spread>> {
    let bounds = |by| (0..4_u32, proptest::option::of(0..5_u32)).prop_map(move |(min, max)| spread(by, min, max));
    let cluster = || bounds(SpreadField::Cluster);
    prop_oneof![
        2 => Just(vec![]),
        2 => cluster().prop_map(|one| vec![one]),
        2 => (cluster(), bounds(SpreadField::Region)).prop_map(|(one, two)| vec![one, two]),
    ]
}

fn any_strategy() -> impl Strategy<Value = ReplicaScheduling> {
    let weights = proptest::collection::vec((any_names(), 1..5_i64), 0..4).prop_map(|list| {
        ReplicaScheduling::StaticWeighted(list.iter().map(|(names, amount)| weight(names, *amount)).collect())
    });
    prop_oneof![
        Just(ReplicaScheduling::Duplicated),
        weights,
        Just(ReplicaScheduling::DynamicWeighted),
        Just(ReplicaScheduling::Aggregated)
    ]
}

prop_compose! {
    fn any_case()(
        clusters in NAMES.map(any_cluster),
        joined in 1..=NAMES.len(),
        affinity in any_affinity(),
        spread in any_spread(),
        strategy in any_strategy(),
        replicas in proptest::option::weighted(0.9, 0..20_i32),
        previous in any_names(),
        amounts in proptest::collection::vec(0..6_i32, NAMES.len()),
        evicting in proptest::option::weighted(0.3, select(NAMES.to_vec())),
        untenable in proptest::option::weighted(0.2, select(NAMES.to_vec())),
        (observed, fresh, odd) in any::<(bool, bool, bool)>(),
    ) -> Case {
        let observed_group = match &affinity {
            Affinities::Groups(groups) if observed => groups.last().map(|group| group.name.clone()),
            _ => None,
        };
        let previous: Vec<_> = previous.into_iter().zip(amounts).collect();
        Case {
            clusters: clusters.into_iter().take(joined).collect(),
            placement: Placement { affinity, spread, replicas: strategy, ..Placement::default() },
            previous: targets(&previous),
            replicas,
            evicting: evicting.into_iter().map(ClusterName::from).collect(),
            untenable: untenable.into_iter().map(ClusterName::from).filter(|name| !targets(&previous).iter().any(|target| target.cluster == *name)).collect(),
            observed_group,
            fresh,
            uid: if odd { "foo" } else { "" },
        }
    }
}

impl Case {
    fn held(&self, name: &ClusterName) -> Option<i64> {
        let target = self.previous.iter().find(|target| target.cluster == *name)?;
        Some(i64::from(target.replicas.unwrap_or(0)))
    }

    fn cluster(&self, name: &ClusterName) -> &Cluster {
        self.clusters.iter().find(|cluster| cluster.name == *name).expect("targets are clusters of the fleet")
    }

    fn is_by_capacity(&self) -> bool {
        let by_capacity =
            matches!(self.placement.replicas, ReplicaScheduling::DynamicWeighted | ReplicaScheduling::Aggregated);
        by_capacity && self.replicas.is_some()
    }

    fn bound(&self, by: SpreadField) -> Option<usize> {
        let found = self.placement.spread.iter().find(|spread| spread.by == by)?;
        let max = found.max_groups.filter(|max| *max > 0)?.max(found.min_groups);
        usize::try_from(max).ok()
    }
}

fn free_pods(cluster: &Cluster) -> i64 {
    cluster.capacity.as_ref().map_or(0, |capacity| capacity.allocatable["pods"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn scheduling_again_from_the_answer_gives_the_same_answer(mut case in any_case()) {
        let Ok(first) = case.schedule() else { return Ok(()) };
        case.previous = first.targets.clone();
        case.observed_group = first.group.clone();
        case.fresh = false;
        let again = case.schedule();
        prop_assert!(again.is_ok(), "{:?}", again);
        let again = again.unwrap();
        prop_assert_eq!((again.targets, again.group), (first.targets, first.group));
    }

    #[test]
    fn the_order_of_the_fleet_and_of_the_previous_answer_does_not_matter(mut case in any_case()) {
        let first = case.schedule().map(|decision| (decision.targets, decision.group)).ok();
        case.clusters.reverse();
        case.previous.reverse();
        prop_assert_eq!(first, case.schedule().map(|decision| (decision.targets, decision.group)).ok());
    }

    #[test]
    fn replicas_are_complete_sorted_and_never_zero(case in any_case()) {
        let Ok(decision) = case.schedule() else { return Ok(()) };
        let found = decision.targets;
        prop_assert!(found.windows(2).all(|pair| pair[0].cluster < pair[1].cluster));
        match (&case.placement.replicas, case.replicas) {
            (ReplicaScheduling::Duplicated, _) | (_, None) => {
                prop_assert!(!found.is_empty());
                prop_assert!(found.iter().all(|target| target.replicas == case.replicas));
            }
            (_, Some(wanted)) => {
                prop_assert!(found.iter().all(|target| target.replicas > Some(0)));
                prop_assert_eq!(found.iter().filter_map(|target| target.replicas).sum::<i32>(), wanted);
            }
        }
    }

    #[test]
    fn a_new_target_passes_every_filter_and_an_old_one_may_stay(case in any_case()) {
        let Ok(decision) = case.schedule() else { return Ok(()) };
        for target in &decision.targets {
            let cluster = case.cluster(&target.cluster);
            prop_assert!(!cluster.deleting && !case.evicting.contains(&target.cluster));
            if case.held(&target.cluster).is_none() {
                prop_assert!(cluster.health.admits_new_placements());
                prop_assert!(cluster.taints.iter().all(|taint| taint.effect == Effect::PreferNoSchedule));
                prop_assert!(cluster.apis.as_ref().is_some_and(|apis| apis.contains(&deployments())));
            }
        }
    }

    #[test]
    fn where_capacity_decides_no_cluster_is_given_more_than_fits(case in any_case()) {
        if !case.is_by_capacity() {
            return Ok(());
        }
        let Ok(decision) = case.schedule() else { return Ok(()) };
        for target in &decision.targets {
            let cluster = case.cluster(&target.cluster);
            let free = if cluster.health.admits_new_placements() { free_pods(cluster) } else { 0 };
            let most = case.held(&target.cluster).unwrap_or(0) + free;
            prop_assert!(i64::from(target.replicas.unwrap_or(0)) <= most, "{} of {}", target.cluster, most);
        }
    }

    #[test]
    fn a_placement_that_does_not_feel_capacity_gives_the_same_answer_whatever_is_free(
        mut case in any_case(),
        rooms in proptest::collection::vec(proptest::option::of(0_i64..12), NAMES.len()),
    ) {
        if case.placement.feels_capacity() {
            return Ok(());
        }
        let answer = |case: &Case| case.schedule().map(|decision| (decision.targets, decision.group)).ok();
        let before = answer(&case);
        for (cluster, room) in case.clusters.iter_mut().zip(rooms) {
            cluster.capacity = room.and_then(|pods| member("any", pods).capacity);
        }
        prop_assert_eq!(answer(&case), before);
    }

    #[test]
    fn weights_give_an_isolated_cluster_more_only_where_no_other_has_a_share(case in any_case()) {
        if !matches!(case.placement.replicas, ReplicaScheduling::StaticWeighted(_)) || case.replicas.is_none() {
            return Ok(());
        }
        let Ok(decision) = case.schedule() else { return Ok(()) };
        let is_frozen = |target: &Target| !case.cluster(&target.cluster).health.admits_new_placements();
        let grows = |target: &Target| i64::from(target.replicas.unwrap_or(0)) > case.held(&target.cluster).unwrap_or(0);
        let frozen_grows = decision.targets.iter().any(|target| is_frozen(target) && grows(target));
        prop_assert!(!frozen_grows || decision.targets.iter().all(is_frozen), "{:?}", decision.targets);
    }

    #[test]
    fn spread_bounds_hold(case in any_case()) {
        let weighs = matches!(case.placement.replicas, ReplicaScheduling::StaticWeighted(_));
        if weighs && case.replicas.is_some() {
            return Ok(());
        }
        let Ok(decision) = case.schedule() else { return Ok(()) };
        let regions: BTreeSet<_> =
            decision.targets.iter().map(|target| &case.cluster(&target.cluster).region).collect();
        if let Some(max) = case.bound(SpreadField::Region) {
            prop_assert!(regions.len() <= max);
        }
        if let Some(max) = case.bound(SpreadField::Cluster) {
            let by_region = case.placement.spread.iter().any(|spread| spread.by == SpreadField::Region);
            let most = if by_region { max.max(regions.len()) } else { max };
            prop_assert!(decision.targets.len() <= most);
        }
    }

    #[test]
    fn an_explanation_comes_to_the_decision_and_adds_up(case in any_case()) {
        let decision = case.schedule();
        let (explained, course) = case.ask(explanation::explain);
        prop_assert_eq!(&explained, &decision);
        let last = course.attempts.last().expect("something was tried");
        for examined in &last.clusters {
            // Of one that fits, every refusal lets it stay; of another, one does not.
            prop_assert_eq!(examined.fits, examined.refusals.iter().all(|refusal| refusal.stays));
        }
        let Ok(decision) = decision else {
            let rejected = decision.unwrap_err();
            let first = &course.attempts[0];
            for rejection in rejected.rejected() {
                let examined = first.clusters.iter().find(|one| one.cluster == rejection.cluster.as_str());
                let named = examined.and_then(|one| one.refusals.iter().find(|refusal| !refusal.stays));
                prop_assert_eq!(named.map(|refusal| &refusal.reason), Some(&rejection.reason));
            }
            return Ok(());
        };
        prop_assert_eq!(&last.group, &decision.group);
        for target in &decision.targets {
            let name = target.cluster.as_str();
            let examined = last.clusters.iter().find(|one| one.cluster == name).expect("it was examined");
            prop_assert!(examined.fits && examined.chosen, "{:?}", examined);
            let mut shares = last.rounds.iter().flat_map(|round| &round.shares).filter(|share| share.cluster == name);
            if let Some(share) = shares.next() {
                prop_assert_eq!(i64::from(target.replicas.unwrap_or(0)), share.gets + share.keeps);
                prop_assert!(shares.next().is_none(), "a cluster is in one round: {:?}", last.rounds);
            }
        }
    }
}
