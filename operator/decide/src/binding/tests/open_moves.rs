//! How a move ends: released, taken back, or not yet.

use super::*;
use crate::placement::Affinities;

const FLEET: [&str; 3] = ["a", "b", "c"];

/// `a` was vacated in favour of `c`, and is back with no mark left.
fn moved(placement: Placement) -> Case {
    let mut case = Case::new(&FLEET, placement, Some(5), &[("b", 2), ("c", 3)]);
    case.tasks = vec![task("a", 3, &["a", "b"])];
    case
}

#[test]
fn a_cluster_that_is_back_before_the_newcomer_is_healthy_gets_its_replicas_back() {
    let mut case = moved(divided());
    case.sicken("c", Health::Unhealthy);
    let plan = case.step();
    assert!(is_taken_back(&plan, "a") && plan.tasks.is_empty());
    assert_eq!((on(&plan), &plan.outcome), (vec![("a", 3), ("b", 2)], &Outcome::Scheduled(Trigger::Returned)));
    assert_eq!(case.plan().outcome, Outcome::Stands);
}

#[test]
fn replicas_that_moved_onto_a_target_of_before_are_taken_off_it_again() {
    let mut case = Case::new(&FLEET, divided(), Some(5), &[("b", 5)]);
    case.tasks = vec![task("a", 3, &["a", "b"])];
    case.sicken("b", Health::Unknown);
    let plan = case.step();
    assert_eq!(on(&plan), [("a", 3), ("b", 2)]);
    assert_eq!(case.plan().outcome, Outcome::Stands);
}

#[test]
fn a_whole_copy_that_is_taken_back_replaces_its_replacement() {
    let mut case = Case::new(&["0", "a", "b"], whole_on(2), Some(1), &[("0", 1), ("b", 1)]);
    case.tasks = vec![task("a", 1, &["a", "b"])];
    case.sicken("0", Health::Unknown);
    let plan = case.step();
    assert!(is_taken_back(&plan, "a"));
    assert_eq!(on(&plan), [("a", 1), ("b", 1)], "though the newcomer's name comes first");
    assert_eq!(on(&case.step()), [("a", 1), ("b", 1)]);
}

#[test]
fn a_copy_that_is_taken_back_is_in_the_group_that_selects_it() {
    let placement = Placement { affinity: groups(&["a", "b"]), ..Placement::default() };
    let mut case = Case::new(&["a", "b"], placement, Some(1), &[("b", 1)]);
    (case.tasks, case.group) = (vec![task("a", 1, &["a"])], Some("b".into()));
    case.sicken("b", Health::Unhealthy);
    let plan = case.step();
    assert_eq!((on(&plan), plan.group.as_deref()), (vec![("a", 1)], Some("a")));
}

#[test]
fn a_move_is_not_taken_back_while_its_cause_holds() {
    let holds: [(&str, Change); 7] = [
        ("a taint", |case| case.taint("a", HAND)),
        ("a taint whose toleration has ended", |case| {
            case.taint("a", HAND);
            case.placement = tolerating(case.placement.clone(), HAND, Some(10));
        }),
        ("a narrowed placement", |case| case.placement.affinity = Affinities::One(only(&["b", "c"]))),
        ("a cluster that leaves", |case| case.cluster("a").deleting = true),
        ("a cause that is no taint", |case| case.tasks[0].reason = Reason::ApplicationFailure),
        ("another tool's cause", |case| case.tasks[0].reason = Reason::Other("Rebalance".into())),
        ("replicas nobody wrote down", |case| case.tasks[0].replicas = None),
    ];
    for (why, change) in holds {
        let mut case = moved(divided());
        case.sicken("c", Health::Unknown);
        change(&mut case);
        let plan = case.plan();
        assert_eq!((leaving(&plan), is_taken_back(&plan, "a")), (vec!["a"], false), "{why}");
        assert_eq!(on(&plan), [("b", 2), ("c", 3)], "{why}");
        case.sicken("c", Health::Healthy);
        assert!(is_released(&case.plan(), "a"), "{why}");
    }
}

#[test]
fn a_toleration_for_ever_ends_the_cause() {
    let mut case = moved(tolerating(divided(), HAND, None));
    case.taint("a", HAND);
    case.sicken("c", Health::Unknown);
    assert!(is_taken_back(&case.plan(), "a"));
}

#[test]
fn suspended_scheduling_finishes_a_move_and_takes_none_back() {
    let mut case = moved(divided());
    case.suspended = true;
    assert!(is_released(&case.plan(), "a"));
    case.sicken("c", Health::Unknown);
    let plan = case.plan();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("b", 2), ("c", 3)], vec!["a"]));
}

#[test]
fn a_cluster_is_a_target_or_vacated_and_never_both() {
    let mut case = moved(divided());
    case.targets = targets(&[("a", 2), ("b", 3)]);
    case.schedule_is_current = false;
    let plan = case.plan();
    assert_eq!((on(&plan), leaving(&plan)), (vec![("a", 2), ("b", 3)], vec![]));
}

#[test]
fn a_move_off_a_cluster_that_is_gone_ends_with_its_replacement() {
    let mut case = moved(divided());
    case.leave("a");
    case.sicken("c", Health::Unknown);
    assert_eq!(leaving(&case.plan()), ["a"]);
    case.sicken("c", Health::Healthy);
    assert!(is_released(&case.plan(), "a"));
    case.fleet = Fleet::default();
    assert_eq!(leaving(&case.plan()), ["a"], "an empty fleet says nothing of it");
}

#[test]
fn directly_ends_when_the_old_copy_is_seen_to_be_gone() {
    let mut case = moved(divided());
    case.tasks[0].purge = PurgeMode::Directly;
    case.taint("a", HAND);
    case.sicken("c", Health::Unknown);
    assert_eq!(leaving(&case.plan()), ["a"], "the replacement waits for the task to end");
    case.gone = vec!["a".into()];
    assert!(is_released(&case.plan(), "a"));
}

#[test]
fn a_replacement_is_told_to_be_healthy_only_when_it_is() {
    for purge in [PurgeMode::Directly, PurgeMode::Gracefully] {
        let mut case = moved(divided());
        case.tasks[0].purge = purge;
        case.cut("a");
        let replaced = Note::Replaced("a".into());
        assert!(case.plan().notes.contains(&replaced), "{purge:?}");
        case.sicken("c", Health::Unknown);
        assert!(!case.plan().notes.contains(&replaced), "{purge:?}: it has not started");
    }
}

#[test]
fn directly_takes_a_copy_back_whose_cluster_returns_before_anything_replaced_it() {
    let mut case = moved(divided());
    case.tasks[0].purge = PurgeMode::Directly;
    case.sicken("c", Health::Unknown);
    let plan = case.plan();
    assert!(is_taken_back(&plan, "a"));
    assert_eq!(on(&plan), [("a", 3), ("b", 2)]);
}

#[test]
fn directly_off_a_cluster_that_is_gone_still_asks_for_a_fence() {
    let mut case = moved(divided());
    case.tasks[0].purge = PurgeMode::Directly;
    case.leave("a");
    assert!(is_released(&case.plan(), "a"));
    case.twice = Twice::Forbidden("a StatefulSet".into());
    assert_eq!(leaving(&case.plan()), ["a"]);
}

#[test]
fn a_workload_scaled_to_zero_ends_its_moves_where_the_cluster_answers() {
    let mut case = moved(divided());
    (case.replicas, case.targets) = (Some(0), Vec::new());
    case.taint("a", HAND);
    assert!(is_released(&case.plan(), "a"));
    case.cut("a");
    assert_eq!(leaving(&case.plan()), ["a"]);
    case.heal("a");
    case.tasks[0].suppress_deletion = Some(true);
    assert_eq!(leaving(&case.plan()), ["a"], "a person asked to keep it");
}
