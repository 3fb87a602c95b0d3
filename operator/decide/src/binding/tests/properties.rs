//! What holds for every plan.

use crate::placement::Affinities;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::failover::eviction::Due;
use crate::failover::removal::{self, Cause, Removal};
use crate::invariants::{i1_removal, i6_eviction};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// How one cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Well,
    NotCompared,
    Cut,
    ApiLost,
    /// It carries the marks of a former process.
    Unarmed,
    Returning,
    Drained,
    Leaving,
}

fn any_condition() -> impl Strategy<Value = Condition> {
    use Condition::{ApiLost, Cut, Drained, Leaving, NotCompared, Returning, Unarmed, Well};
    prop_oneof![
        6 => Just(Well),
        2 => Just(Cut),
        2 => select(vec![NotCompared, ApiLost, Unarmed, Returning, Drained, Leaving]),
    ]
}

fn bring(case: &mut Case, name: &str, condition: Condition) {
    match condition {
        Condition::Well => {}
        Condition::NotCompared => case.judge(name, Grade::Healthy, Arming::NotCalledFor, Source::NotCompared),
        Condition::Cut => case.cut(name),
        Condition::ApiLost => case.judge(name, Grade::IsolatedApi, Arming::NotCalledFor, Source::Silent),
        Condition::Unarmed => {
            case.cut(name);
            case.judge(name, Grade::IsolatedFull, Arming::Stale, Source::Silent);
        }
        Condition::Returning => {
            case.cut(name);
            case.judge(name, Grade::Recovering, Arming::NotCalledFor, Source::Known);
        }
        Condition::Drained => case.taint(name, HAND),
        Condition::Leaving => case.cluster(name).deleting = true,
    }
}

fn any_placement() -> impl Strategy<Value = Placement> {
    let strategy = select(vec![
        ReplicaScheduling::Duplicated,
        ReplicaScheduling::DynamicWeighted,
        ReplicaScheduling::Aggregated,
        ReplicaScheduling::StaticWeighted(Vec::new()),
    ]);
    let affinity = prop_oneof![
        4 => Just(Affinities::Any),
        1 => subsequence(NAMES.to_vec(), 1..6).prop_map(|names| Affinities::One(only(&names))),
        1 => Just(groups(&["a", "c", "b"])),
    ];
    let spread = prop_oneof![Just(None), (1..4_u32).prop_map(Some)];
    let toleration = prop_oneof![
        3 => Just(None),
        1 => (select(vec![ISOLATED, HAND]), select(vec![None, Some(10), Some(80)])).prop_map(Some),
    ];
    (strategy, affinity, spread, toleration).prop_map(|(replicas, affinity, spread, toleration)| {
        let spread = spread.map(|max| Spread { by: SpreadField::Cluster, min_groups: 1, max_groups: Some(max) });
        let placement = Placement { affinity, replicas, spread: spread.into_iter().collect(), tolerations: Vec::new() };
        match toleration {
            Some((key, seconds)) => tolerating(placement, key, seconds),
            None => placement,
        }
    })
}

fn any_purge() -> impl Strategy<Value = PurgeMode> {
    prop_oneof![1 => Just(PurgeMode::Directly), 3 => Just(PurgeMode::Gracefully)]
}

fn any_health() -> impl Strategy<Value = Health> {
    prop_oneof![3 => Just(Health::Healthy), 1 => Just(Health::Unhealthy), 1 => Just(Health::Unknown)]
}

prop_compose! {
    fn any_case()(
        conditions in proptest::collection::vec(any_condition(), 6),
        (joined, braked_now, forbidden) in (0..=6_usize, prop::bool::weighted(0.15), prop::bool::weighted(0.2)),
        placement in any_placement(),
        replicas in proptest::option::weighted(0.9, 0..12_i32),
        on in subsequence(NAMES.to_vec(), 0..6),
        amounts in proptest::collection::vec(1..5_i32, 6),
        healths in proptest::collection::vec(any_health(), 6),
        tasks in proptest::collection::vec((select(NAMES.to_vec()), any_purge(), 0..4_i32), 0..3),
        gone in subsequence(NAMES.to_vec(), 0..2),
        purge in any_purge(),
        flags in any::<[bool; 4]>(),
        suspended in prop::bool::weighted(0.1),
    ) -> Case {
        let mut case = Case::new(&NAMES[..joined], placement, replicas, &[]);
        for (name, condition) in NAMES[..joined].iter().zip(conditions) {
            bring(&mut case, name, condition);
        }
        let amount = |amount| if case.is_divided() { Some(amount) } else { replicas };
        case.targets = on
            .iter()
            .zip(amounts)
            .map(|(name, count)| Target { cluster: (*name).into(), replicas: amount(count) })
            .collect();
        case.tasks = tasks
            .into_iter()
            .map(|(name, purge, count)| Task { purge, ..task(name, count, &[name, "b"]) })
            .collect();
        case.health = NAMES.iter().map(|name| ClusterName::from(*name)).zip(healths).collect();
        let vacated = |name: &ClusterName| case.tasks.iter().any(|task| task.from == *name);
        case.gone = gone.into_iter().map(ClusterName::from).filter(vacated).collect();
        case.purge = purge;
        case.suspended = suspended;
        if braked_now {
            case.fleet.brake = braked();
        }
        if forbidden {
            case.twice = Twice::Forbidden("a StatefulSet".into());
        }
        [case.scheduled_before, case.same_placement, case.asked, case.schedule_is_current] = flags;
        case
    }
}

fn sum(targets: &[Target]) -> i32 {
    targets.iter().filter_map(|target| target.replicas).sum()
}

fn names(targets: &[Target]) -> BTreeSet<&ClusterName> {
    targets.iter().map(|target| &target.cluster).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn planning_again_from_the_answer_soon_gives_the_same_answer(mut case in any_case()) {
        let settled = case.tasks.is_empty();
        let first = case.step();
        let mut last = case.step();
        if settled && !matches!(first.outcome, Outcome::Failed { .. }) {
            prop_assert_eq!((&first.targets, &first.group), (&last.targets, &last.group));
            // A move onto a copy that a narrowed target list had left there is
            // over at once.
            let mut ended = first.tasks.iter().filter(|task| !last.tasks.contains(task));
            prop_assert!(ended.all(|task| is_released(&last, task.from.as_str())));
            prop_assert!(last.tasks.iter().all(|task| first.tasks.contains(task)));
            prop_assert!(!matches!(last.outcome, Outcome::Failed { .. }), "{:?}", last.outcome);
        }
        // A task that ends changes the targets, and these the other tasks.
        for _ in 0..3 {
            last = case.step();
        }
        let again = case.plan();
        prop_assert_eq!((last.targets, last.tasks, last.outcome), (again.targets, again.tasks, again.outcome));
    }

    #[test]
    fn only_a_divided_workload_scaled_to_zero_is_emptied(case in any_case()) {
        let plan = case.plan();
        if plan.targets.is_empty() && !case.targets.is_empty() {
            prop_assert!(case.is_divided() && case.replicas == Some(0));
        }
    }

    #[test]
    fn nothing_moves_under_the_brake_or_without_a_loss_that_is_sure(case in any_case()) {
        let plan = case.plan();
        let places = case.fleet.places();
        for task in plan.tasks.iter().filter(|task| !case.tasks.contains(task)) {
            let place = &places[&task.from];
            let by_hand = place.cluster.taints.iter().any(|taint| taint.key == HAND);
            let due = Due {
                cluster: task.from.clone(),
                taint: String::new(),
                by_hand,
                purge: task.purge,
                message: String::new(),
            };
            prop_assert_eq!(i6_eviction(&due, place, &case.fleet.brake), Ok(()));
            prop_assert!(!case.suspended);
        }
    }

    #[test]
    fn a_divided_schedule_places_exactly_what_is_wanted(case in any_case()) {
        let plan = case.plan();
        let Outcome::Scheduled(trigger) = plan.outcome else { return Ok(()) };
        if case.is_divided() && trigger != Trigger::Returned {
            prop_assert_eq!(sum(&plan.targets), case.replicas.unwrap_or_default());
            prop_assert!(plan.targets.iter().all(|target| target.replicas > Some(0)));
        }
    }

    #[test]
    fn without_a_schedule_nothing_but_notes_comes_out(case in any_case()) {
        let plan = case.plan();
        if matches!(plan.outcome, Outcome::Scheduled(_)) {
            return Ok(());
        }
        // A copy may have been taken back before the schedule failed.
        if !plan.notes.iter().any(|note| matches!(note, Note::TakenBack { .. })) {
            prop_assert_eq!((&plan.targets, &plan.group), (&case.targets, &case.group));
        }
        prop_assert!(plan.tasks.iter().all(|task| case.tasks.contains(task)));
    }

    #[test]
    fn a_cluster_is_never_a_target_and_vacated_at_once(case in any_case()) {
        let plan = case.plan();
        let chosen = names(&plan.targets);
        prop_assert_eq!(chosen.len(), plan.targets.len());
        prop_assert!(plan.tasks.iter().all(|task| !chosen.contains(&task.from)));
    }

    #[test]
    fn a_task_ends_only_with_its_copy_a_target_or_released_beside_good_ones(case in any_case()) {
        let plan = case.plan();
        let before = names(&case.targets);
        for task in &case.tasks {
            let name = task.from.as_str();
            let kept = plan.tasks.contains(task) || before.contains(&task.from) || is_taken_back(&plan, name);
            prop_assert!(kept || is_released(&plan, name), "{} was forgotten", name);
            if kept || !is_released(&plan, name) {
                continue;
            }
            let is_gone = case.gone.contains(&task.from) || case.fleet.cluster(&task.from).is_none();
            prop_assert!(is_gone || case.fleet.source(&task.from) == Source::Known);
            prop_assert!(!case.fleet.clusters.is_empty());
            let all_healthy = case.copies().iter().all(|(_, health)| *health == Health::Healthy);
            let good_remain = !case.targets.is_empty() && all_healthy;
            let directly = task.purge == PurgeMode::Directly && !case.targets.is_empty() && is_gone;
            let unwanted = case.is_divided() && case.replicas == Some(0);
            prop_assert!(good_remain || directly || unwanted);
        }
    }

    #[test]
    fn what_must_not_run_twice_starts_nowhere_else_by_itself(case in any_case()) {
        let plan = case.plan();
        let by_itself =
            matches!(plan.outcome, Outcome::Scheduled(Trigger::TargetLeaves | Trigger::FollowsFleet)) && !case.asked;
        let is_back = plan.notes.iter().any(|note| matches!(note, Note::TakenBack { .. }));
        if case.twice == Twice::Allowed || !by_itself || is_back {
            return Ok(());
        }
        let (before, after) = (names(&case.targets), names(&plan.targets));
        let left = before.difference(&after).filter(|name| {
            case.fleet.cluster(name).is_none_or(|cluster| cluster.deleting && !cluster.fenced)
        });
        prop_assert!(left.count() == 0 || after.is_subset(&before));
    }

    #[test]
    fn a_rescheduled_copy_never_goes_beside_one_that_is_not_healthy(case in any_case(), name in select(NAMES.to_vec())) {
        let cluster = ClusterName::from(name);
        let copies: Vec<_> = case.copies().into_iter().filter(|(on, _)| **on != cluster).collect();
        let dropped = Dropped {
            placement: &case.placement,
            divided: case.is_divided(),
            replicas: case.replicas,
            remaining: &copies,
        };
        let decided = may_remove(&dropped, &cluster, &case.fleet);
        if copies.is_empty() && case.is_divided() && case.replicas == Some(0) {
            return Ok(());
        }
        let admitted = case.fleet.cluster(&cluster).is_some_and(|cluster| admits(&case.placement, cluster));
        let scene = removal::Scene {
            cause: if admitted { Cause::Rescheduled } else { Cause::Narrowed },
            divided: case.is_divided(),
            remaining: &copies,
            source: case.fleet.source(&cluster),
        };
        prop_assert_eq!(i1_removal(scene, &decided), Ok(()));
        if admitted && copies.iter().any(|(_, health)| *health != Health::Healthy) {
            prop_assert!(matches!(decided, Removal::Keep(_)));
        }
    }

    #[test]
    fn an_explanation_comes_to_the_plan(case in any_case()) {
        let plan = case.plan();
        let (explained, seen) = case.ask(explain);
        prop_assert_eq!(&explained, &plan);
        prop_assert!(seen.schedules.iter().any(|schedule| schedule.why != Purpose::Replacement.to_string()));
        if let Outcome::Scheduled(trigger) = plan.outcome
            && trigger != Trigger::Evicting
            && trigger != Trigger::Returned
        {
            let due = seen.schedules.iter().find(|schedule| schedule.due);
            prop_assert_eq!(due.map(|schedule| schedule.why.clone()), Some(trigger.to_string()));
        }
    }
}
