//! Random histories against the promises.

mod fleet;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::deletes::{Admission, Budget};
use crate::failover::relocation;
use crate::failover::task::{Reason, Task};
use crate::ids::{Gvk, ObjectKey};
use crate::placement::Target;
use crate::time::Wall;

fn health() -> impl Strategy<Value = Health> {
    prop_oneof![3 => Just(Health::Healthy), 1 => Just(Health::Unhealthy), 1 => Just(Health::Unknown)]
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![1 => Just(Source::Silent), 1 => Just(Source::NotCompared), 2 => Just(Source::Known)]
}

fn purge() -> impl Strategy<Value = PurgeMode> {
    prop_oneof![1 => Just(PurgeMode::Directly), 2 => Just(PurgeMode::Gracefully), 1 => Just(PurgeMode::Never)]
}

fn named(healths: &[Health]) -> Vec<(ClusterName, Health)> {
    healths.iter().enumerate().map(|(index, health)| (format!("c{index}").into(), *health)).collect()
}

fn borrowed(copies: &[(ClusterName, Health)]) -> Vec<Copy<'_>> {
    copies.iter().map(|(name, health)| (name, *health)).collect()
}

fn task(purge: PurgeMode, suppress_deletion: Option<bool>) -> Task {
    Task {
        from: "old".into(),
        purge,
        replicas: None,
        reason: Reason::TaintUntolerated,
        message: String::new(),
        producer: "TaintManager".into(),
        grace: Some(Duration::from_secs(1)),
        suppress_deletion,
        preserved_labels: BTreeMap::new(),
        created: Some(Wall(0)),
        clusters_before: Vec::new(),
    }
}

fn targets(clusters: &BTreeSet<u8>, replicas: i32) -> Vec<Target> {
    clusters.iter().map(|index| Target { cluster: format!("c{index}").into(), replicas: Some(replicas) }).collect()
}

fn due(index: u8) -> Due {
    Due {
        cluster: format!("c{index}").into(),
        taint: String::new(),
        by_hand: false,
        purge: PurgeMode::Gracefully,
        message: String::new(),
    }
}

proptest! {
    #[test]
    fn no_vacated_copy_is_removed_before_its_replacement_is_healthy(
        healths in prop::collection::vec(health(), 0..4),
        source in source(),
        purge in purge(),
        suppress in prop::option::of(any::<bool>()),
        flags in any::<(bool, bool)>(),
    ) {
        let (copies, task) = (named(&healths), task(purge, suppress));
        let copies = borrowed(&copies);
        let (schedule_is_current, cause_persists) = flags;
        let scene = release::Scene { task: &task, copies: &copies, schedule_is_current, source, cause_persists };
        let decided = release::release(scene);
        prop_assert_eq!(i1_release(scene, &decided), Ok(()));
        if suppress == Some(true) {
            prop_assert!(matches!(decided, release::Release::Wait(_)));
        }
    }

    #[test]
    fn no_dropped_copy_is_deleted_before_a_good_one_remains(
        healths in prop::collection::vec(health(), 0..4),
        source in source(),
        flags in any::<(bool, bool)>(),
    ) {
        let copies = named(&healths);
        let remaining = borrowed(&copies);
        let cause = if flags.0 { removal::Cause::Narrowed } else { removal::Cause::Rescheduled };
        let scene = removal::Scene { cause, divided: flags.1, remaining: &remaining, source };
        prop_assert_eq!(i1_removal(scene, &removal::removal(scene)), Ok(()));
    }

    #[test]
    fn no_move_loses_a_target_whatever_the_schedule_answers(
        now in prop::collection::btree_set(0u8..6, 0..5),
        lost in prop::collection::btree_set(0u8..6, 0..4),
        answer in prop::option::of((prop::collection::btree_set(0u8..8, 0..6), 0..9i32)),
        before in 0..4i32,
        divided in any::<bool>(),
        old_task in any::<bool>(),
    ) {
        let targets_now = targets(&now, before);
        let tasks = if old_task { vec![task(PurgeMode::Gracefully, None)] } else { Vec::new() };
        let current = Current { targets: &targets_now, tasks: &tasks, divided, grace: None };
        let dues: Vec<Due> = lost.iter().map(|index| due(*index)).collect();
        let plan = relocation::plan(current, &dues, Wall(0), |_, _| {
            answer.map(|(clusters, replicas)| targets(&clusters, replicas)).ok_or_else(|| "no room".into())
        });
        prop_assert_eq!(i1_plan(current, &plan), Ok(()));
        let vacated = plan.tasks.len() - tasks.len();
        let hit = now.intersection(&lost).count();
        prop_assert_eq!(vacated + plan.lost.len(), hit, "each lost target moves or is marked");
    }

    #[test]
    fn no_minute_sees_more_deletes_than_the_budget(
        owned in 0usize..200,
        waits in prop::collection::vec(prop_oneof![4 => 0u64..2000, 1 => 0u64..90_000], 1..150),
    ) {
        let mut budget = Budget::new("a".into(), false);
        let (mut now, mut left, mut deletes) = (0, owned, Vec::new());
        for (number, wait) in waits.into_iter().enumerate() {
            now += wait;
            let name = format!("o{number}").into();
            let key = ObjectKey { gvk: Gvk::from_api_version("v1", "Secret"), namespace: None, name };
            if left > 0 && budget.admit(Mono::from_millis(now), left, &key) == Admission::Admit {
                left -= 1;
                deletes.push(Mono::from_millis(now));
            }
        }
        prop_assert_eq!(i7_deletes(&deletes, owned), Ok(()));
    }
}

#[test]
fn the_predicates_see_what_they_forbid() {
    let copies = named(&[Health::Unknown]);
    let copies = borrowed(&copies);
    let task = task(PurgeMode::Gracefully, None);
    let scene = release::Scene {
        task: &task,
        copies: &copies,
        schedule_is_current: true,
        source: Source::Known,
        cause_persists: false,
    };
    let removed = &release::Release::Remove;
    assert_eq!(i1_release(scene, removed), Err(Violation::RemovedTooEarly("c0".into())));
    assert_eq!(i1_release(release::Scene { copies: &[], ..scene }, removed), Err(Violation::NothingRemains));
    let unseen = release::Scene { source: Source::Silent, ..scene };
    assert_eq!(i1_release(unseen, removed), Err(Violation::RemovedUnseen));

    let dropped =
        removal::Scene { cause: removal::Cause::Narrowed, divided: false, remaining: &copies, source: Source::Known };
    for allowed in [removal::Allowed::Replaced, removal::Allowed::GivenUp] {
        let deleted = removal::Removal::Delete(allowed);
        assert_eq!(i1_removal(dropped, &deleted), Err(Violation::RemovedTooEarly("c0".into())), "{allowed:?}");
        let nothing = removal::Scene { remaining: &[], ..dropped };
        assert_eq!(i1_removal(nothing, &deleted), Err(Violation::NothingRemains), "{allowed:?}");
        let unseen = removal::Scene { source: Source::Silent, ..dropped };
        assert_eq!(i1_removal(unseen, &deleted), Err(Violation::RemovedUnseen), "{allowed:?}");
    }

    let second = |s: u64| Mono::from_millis(s * 1000);
    let eleven: Vec<Mono> = (0..11).map(second).collect();
    assert_eq!(i7_deletes(&eleven, 50), Err(Violation::TooManyDeletes { deletes: 11, allowed: 10 }));
    let targets = targets(&BTreeSet::from([1]), 1);
    let current = Current { targets: &targets, tasks: &[], divided: false, grace: None };
    let mut plan = relocation::plan(current, &[], Wall(0), |_, _| Err(String::new()));
    plan.clusters = vec![Target { cluster: "c2".into(), replicas: None }];
    assert_eq!(i1_plan(current, &plan), Err(Violation::Vanished("c1".into())));
    plan.clusters.clear();
    assert_eq!(i1_plan(current, &plan), Err(Violation::NothingRemains));
}
