//! The ordinary stories: what is scheduled, what moves, what stays.

use super::*;
use crate::failover::eviction::Held;
use crate::placement::Affinities;

const FLEET: [&str; 3] = ["a", "b", "c"];

fn fits() -> Outcome {
    Outcome::Scheduled(Trigger::Evicting)
}

fn held(plan: &Plan, name: &str) -> Option<Held> {
    plan.notes.iter().find_map(|note| match note {
        Note::Held { cluster, why } if cluster.as_str() == name => Some(why.clone()),
        _ => None,
    })
}

#[test]
fn the_first_schedule_places_and_the_second_one_has_nothing_to_do() {
    let mut case =
        Case { scheduled_before: false, same_placement: false, ..Case::new(&FLEET, divided(), Some(6), &[]) };
    let plan = case.step();
    assert_eq!((on(&plan), &plan.outcome), (vec![("a", 2), ("b", 2), ("c", 2)], &Outcome::Scheduled(Trigger::First)));
    assert_eq!(case.plan().outcome, Outcome::Stands);
}

#[test]
fn one_of_three_is_cut_and_its_replicas_move_onto_the_others() {
    let mut case = Case::new(&FLEET, divided(), Some(6), &[("a", 2), ("b", 2), ("c", 2)]);
    case.cut("a");
    let plan = case.step();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("b", 3), ("c", 3)], vec!["a"]));
    assert_eq!(plan.outcome, fits());
    assert!(matches!(&plan.notes[..], [Note::Vacating { cluster, .. }] if cluster.as_str() == "a"));
    assert_eq!(plan.tasks[0].replicas, Some(2));
    assert_eq!(plan.tasks[0].clusters_before, ["a", "b", "c"].map(ClusterName::from));
}

#[test]
fn a_cluster_that_returns_gets_nothing_back_by_itself() {
    let mut case = Case::new(&FLEET, divided(), Some(6), &[("a", 2), ("b", 2), ("c", 2)]);
    case.cut("a");
    case.step();
    assert_eq!(leaving(&case.step()), ["a"], "silent: the task stays");
    case.heal("a");
    case.health.clear();
    let plan = case.step();
    assert!(is_released(&plan, "a") && plan.tasks.is_empty());
    assert_eq!((on(&plan), &plan.outcome), (vec![("b", 3), ("c", 3)], &Outcome::Stands));
    assert_eq!(on(&case.plan()), [("b", 3), ("c", 3)]);
}

#[test]
fn a_duplicated_workload_that_is_everywhere_has_nowhere_to_go_and_still_follows_its_template() {
    let mut case = Case::new(&FLEET, Placement::default(), Some(2), &[("a", 2), ("b", 2), ("c", 2)]);
    case.cut("a");
    let plan = case.step();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("a", 2), ("b", 2), ("c", 2)], vec![]));
    assert!(is_lost(&plan, "a"));
    case.replicas = Some(5);
    let plan = case.step();
    assert_eq!(on(&plan), [("a", 5), ("b", 5), ("c", 5)], "a lost target does not hold up the others");
    assert!(is_lost(&plan, "a"));
    assert_eq!(plan.outcome, Outcome::Scheduled(Trigger::ReplicasChanged));
}

#[test]
fn a_whole_copy_moves_to_a_further_cluster_and_does_not_return_while_its_task_is_open() {
    let mut case = Case::new(&FLEET, whole_on(2), Some(1), &[("a", 1), ("b", 1)]);
    case.cut("a");
    let plan = case.step();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("b", 1), ("c", 1)], vec!["a"]));
    case.placement = Placement::default();
    let plan = case.step();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("b", 1), ("c", 1)], vec!["a"]));
    case.heal("a");
    case.sicken("c", Health::Healthy);
    case.schedule_is_current = false;
    assert_eq!(on(&case.plan()), [("b", 1), ("c", 1)], "back, and its task is open");
}

#[test]
fn a_released_cluster_is_not_chosen_again_while_it_is_tainted() {
    for seconds in [None, Some(10)] {
        let placement = seconds.map_or_else(Placement::default, |_| tolerating(Placement::default(), HAND, seconds));
        let mut case = Case::new(&FLEET, placement, Some(1), &[("b", 1), ("c", 1)]);
        case.tasks = vec![task("a", 1, &["a", "b"])];
        case.taint("a", HAND);
        let plan = case.step();
        assert!(is_released(&plan, "a"));
        assert_eq!(on(&plan), [("b", 1), ("c", 1)], "tolerated for {seconds:?}");
        assert_eq!(on(&case.step()), [("b", 1), ("c", 1)]);
        case.cluster("a").taints.clear();
        assert_eq!(on(&case.step()), [("a", 1), ("b", 1), ("c", 1)]);
    }
}

#[test]
fn replicas_do_not_move_onto_a_cluster_they_would_have_to_leave_at_once() {
    let mut case = Case::new(&FLEET, tolerating(divided(), HAND, Some(10)), Some(4), &[("a", 4)]);
    case.taint("b", HAND);
    case.cut("a");
    assert_eq!(on(&case.step()), [("c", 4)]);
}

#[test]
fn what_must_not_run_twice_moves_only_when_fenced() {
    let mut case = Case::new(&FLEET, divided(), Some(4), &[("a", 2), ("b", 2)]);
    case.twice = Twice::Forbidden("a StatefulSet".into());
    case.cut("a");
    let plan = case.step();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("a", 2), ("b", 2)], vec![]));
    assert_eq!(held(&plan, "a"), Some(Held::Unfenced("a StatefulSet".into())));
    case.cluster("a").fenced = true;
    let plan = case.step();
    assert_eq!(leaving(&plan), ["a"]);
    assert_eq!(plan.targets.iter().filter_map(|target| target.replicas).sum::<i32>(), 4);
}

#[test]
fn deleting_a_cluster_object_is_no_fence_and_a_persons_word_is_enough() {
    let leaves: [Change; 2] = [|case| case.cluster("a").deleting = true, |case| case.leave("a")];
    for leave in leaves {
        let mut case = Case::new(&FLEET, divided(), Some(4), &[("a", 4)]);
        leave(&mut case);
        assert_eq!(on(&case.plan()).iter().map(|(_, replicas)| replicas).sum::<i32>(), 4);
        assert!(!on(&case.plan()).iter().any(|(name, _)| *name == "a"), "an ordinary workload moves");
        case.twice = Twice::Forbidden("a StatefulSet".into());
        let plan = case.plan();
        assert_eq!(on(&plan), [("a", 4)]);
        assert!(matches!(held(&plan, "a"), Some(Held::Unfenced(_))));
        assert_cannot_leave(&plan);
        case.asked = true;
        assert!(!on(&case.plan()).iter().any(|(name, _)| *name == "a"));
    }
}

fn assert_cannot_leave(plan: &Plan) {
    let Outcome::Failed { reason: "Unschedulable", message } = &plan.outcome else { panic!("{:?}", plan.outcome) };
    assert!(message.starts_with("the copy on a cannot leave: it must not run twice (a StatefulSet)"), "{message}");
}

#[test]
fn a_scale_that_waits_for_a_copy_that_cannot_leave_says_so() {
    let mut case = Case::new(&FLEET, divided(), Some(6), &[("a", 2), ("b", 2)]);
    case.twice = Twice::Forbidden("a StatefulSet".into());
    case.leave("a");
    let plan = case.step();
    assert_eq!(on(&plan), [("a", 2), ("b", 2)]);
    assert_cannot_leave(&plan);
    case.join("a");
    let plan = case.step();
    assert_eq!(plan.outcome, Outcome::Scheduled(Trigger::ReplicasChanged), "the scale is made up for");
    assert_eq!(plan.targets.iter().filter_map(|target| target.replicas).sum::<i32>(), 6);
}

#[test]
fn a_toleration_keeps_a_copy_for_ever_or_for_its_time() {
    for (seconds, moves, waits) in [(None, false, None), (Some(60), false, Some(110_000)), (Some(50), true, None)] {
        let mut case = Case::new(&FLEET, tolerating(divided(), ISOLATED, seconds), Some(4), &[("a", 2), ("b", 2)]);
        case.cut("a");
        let plan = case.plan();
        assert_eq!(!plan.tasks.is_empty(), moves, "{seconds:?}");
        assert_eq!(plan.look_again, waits.map(Mono::from_millis));
    }
}

#[test]
fn losing_the_api_alone_or_too_many_at_once_moves_nothing() {
    let mut case = Case::new(&FLEET, divided(), Some(4), &[("a", 2), ("b", 2)]);
    case.judge("a", Grade::IsolatedApi, Arming::NotCalledFor, Source::Silent);
    let plan = case.plan();
    assert_eq!((on(&plan), leaving(&plan), &plan.outcome), (vec![("a", 2), ("b", 2)], vec![], &Outcome::Stands));
    case.cut("a");
    case.fleet.brake = braked();
    let plan = case.plan();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("a", 2), ("b", 2)], vec![]));
    assert!(matches!(held(&plan, "a"), Some(Held::Brake(_))));
}

#[test]
fn without_room_elsewhere_the_lost_target_stays() {
    let mut case = Case::new(&["a", "b"], divided(), Some(30), &[("a", 15), ("b", 15)]);
    case.cluster("b").capacity = Some(Capacity::default());
    case.cut("a");
    let plan = case.step();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("a", 15), ("b", 15)], vec![]));
    assert!(is_lost(&plan, "a"));
}

#[test]
fn a_divided_workload_scaled_to_zero_is_nowhere_and_comes_back() {
    let mut case = Case::new(&FLEET, divided(), Some(0), &[("a", 2), ("b", 2)]);
    let plan = case.step();
    assert_eq!((on(&plan), &plan.outcome), (vec![], &Outcome::Scheduled(Trigger::ReplicasChanged)));
    assert_eq!(case.plan().outcome, Outcome::Stands, "nothing is written again");
    case.replicas = Some(3);
    assert_eq!(case.step().targets.iter().filter_map(|target| target.replicas).sum::<i32>(), 3);
}

#[test]
fn a_duplicated_workload_scaled_to_zero_keeps_its_clusters() {
    let mut case = Case::new(&["a", "b"], Placement::default(), Some(0), &[("a", 2), ("b", 2)]);
    assert_eq!(on(&case.step()), [("a", 0), ("b", 0)]);
}

#[test]
fn scaling_while_a_cluster_is_lost_moves_and_scales_in_one_plan() {
    for replicas in [3, 9] {
        let mut case = Case::new(&FLEET, divided(), Some(replicas), &[("a", 3), ("b", 3)]);
        case.cut("a");
        let plan = case.step();
        assert_eq!(leaving(&plan), ["a"]);
        assert_eq!(plan.targets.iter().filter_map(|target| target.replicas).sum::<i32>(), replicas);
    }
}

#[test]
fn suspended_scheduling_neither_places_nor_moves_and_says_what_is_lost() {
    let mut case = Case::new(&FLEET, divided(), Some(9), &[("a", 2), ("b", 2)]);
    case.suspended = true;
    case.same_placement = false;
    case.cut("a");
    let plan = case.plan();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("a", 2), ("b", 2)], vec![]));
    assert!(is_lost(&plan, "a"));
    assert_eq!(plan.outcome, Outcome::Stands);
}

#[test]
fn no_placement_is_emptied_by_a_fleet_that_offers_nothing() {
    let empty: [Change; 3] = [
        |case| case.fleet = Fleet::default(),
        |case| FLEET.iter().for_each(|name| case.cluster(name).deleting = true),
        |case| FLEET.iter().for_each(|name| case.leave(name)),
    ];
    for (placement, replicas) in [(divided(), Some(4)), (Placement::default(), Some(2)), (Placement::default(), None)] {
        for change in empty {
            let mut case = Case::new(&FLEET, placement.clone(), replicas, &[("a", 2), ("b", 2)]);
            case.same_placement = false;
            change(&mut case);
            let plan = case.plan();
            assert_eq!(on(&plan), [("a", 2), ("b", 2)]);
            assert!(matches!(plan.outcome, Outcome::Failed { reason: "NoClusterFit", .. }));
        }
    }
}

#[test]
fn a_target_whose_cluster_is_gone_goes_by_the_rules_for_targets() {
    let mut case = Case::new(&FLEET, divided(), Some(4), &[("a", 2), ("b", 2)]);
    case.leave("a");
    let plan = case.plan();
    assert_eq!(plan.outcome, Outcome::Scheduled(Trigger::TargetLeaves));
    assert_eq!(plan.targets.iter().filter_map(|target| target.replicas).sum::<i32>(), 4);
    assert!(!on(&plan).iter().any(|(name, _)| *name == "a"));
}

#[test]
fn a_narrowed_placement_is_followed_although_a_target_is_lost() {
    let mut case = Case::new(&FLEET, Placement::default(), Some(1), &[("a", 1), ("b", 1), ("c", 1)]);
    case.cut("a");
    (case.placement.affinity, case.same_placement) = (Affinities::One(only(&["a", "b"])), false);
    let plan = case.plan();
    assert_eq!((on(&plan), &plan.outcome), (vec![("a", 1), ("b", 1)], &Outcome::Scheduled(Trigger::PlacementChanged)));
    assert!(is_lost(&plan, "a"));
}

#[test]
fn a_group_is_left_only_by_a_move_that_is_made() {
    let placement = Placement { affinity: groups(&["a", "b"]), ..Placement::default() };
    let mut case = Case::new(&["a", "b"], placement, Some(1), &[("a", 1)]);
    case.group = Some("a".into());
    let mut full = case.clone();
    case.cut("a");
    let plan = case.step();
    assert_eq!((on(&plan), plan.group.as_deref()), (vec![("b", 1)], Some("b")));
    // The later group has one of the two replicas' room only.
    full.placement.replicas = ReplicaScheduling::DynamicWeighted;
    (full.replicas, full.targets) = (Some(2), targets(&[("a", 2)]));
    full.cluster("b").capacity =
        Some(Capacity { allocatable: Resources::from([("pods".into(), 1)]), ..Capacity::default() });
    full.cut("a");
    let plan = full.step();
    assert_eq!((on(&plan), plan.group.as_deref()), (vec![("a", 2)], Some("a")));
    assert!(is_lost(&plan, "a"));
}

#[test]
fn asking_for_a_reschedule_starts_over_whatever_else_changed() {
    let placement = Placement { affinity: groups(&["a", "b"]), ..Placement::default() };
    let mut case = Case::new(&["a", "b"], placement, Some(2), &[("b", 1)]);
    (case.group, case.asked) = (Some("b".into()), true);
    let plan = case.plan();
    assert_eq!((on(&plan), plan.group.as_deref()), (vec![("a", 2)], Some("a")));
    assert_eq!(plan.outcome, Outcome::Scheduled(Trigger::ReplicasChanged));
}
