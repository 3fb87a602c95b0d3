use std::collections::BTreeMap;

use super::*;
use crate::failover::task::{Reason, TAINT_MANAGER};
use crate::time::Wall;
use Health::{Healthy as H, Unhealthy as U, Unknown as Q};

fn task(purge: PurgeMode) -> Task {
    Task {
        from: "a".into(),
        purge,
        replicas: Some(3),
        reason: Reason::TaintUntolerated,
        message: String::new(),
        producer: TAINT_MANAGER.into(),
        grace: Some(std::time::Duration::from_secs(1)),
        suppress_deletion: None,
        preserved_labels: BTreeMap::new(),
        created: Some(Wall(0)),
        clusters_before: vec!["a".into()],
    }
}

#[derive(Clone, Copy)]
struct Case {
    purge: PurgeMode,
    suppress: Option<bool>,
    source: Source,
    cause_persists: bool,
    schedule_is_current: bool,
}

/// The old copy's cluster is back and trusted.
const BACK: Case = Case {
    purge: PurgeMode::Gracefully,
    suppress: None,
    source: Source::Known,
    cause_persists: false,
    schedule_is_current: true,
};

fn decided(case: Case, healths: &[Health]) -> Release {
    let names: Vec<ClusterName> = ["b", "c"].map(ClusterName::from).to_vec();
    let copies: Vec<Copy<'_>> = names.iter().zip(healths.iter().copied()).collect();
    let task = Task { suppress_deletion: case.suppress, ..task(case.purge) };
    release(Scene {
        task: &task,
        copies: &copies,
        schedule_is_current: case.schedule_is_current,
        source: case.source,
        cause_persists: case.cause_persists,
    })
}

#[test]
fn the_old_copy_goes_when_its_cluster_answers_and_every_replacement_is_healthy() {
    assert_eq!(decided(BACK, &[H, H]), Release::Remove);
    assert_eq!(decided(Case { cause_persists: true, ..BACK }, &[H]), Release::Remove, "a drain by hand");
}

#[test]
fn a_silent_cluster_keeps_its_copy_whatever_the_replacement_says() {
    let silent = Case { source: Source::Silent, cause_persists: true, ..BACK };
    assert_eq!(decided(silent, &[H]), Release::Wait(Wait::SourceSilent));
    assert_eq!(decided(silent, &[U]), Release::Wait(Wait::NotHealthy("b".into(), U)));
    let uncompared = Case { source: Source::NotCompared, ..BACK };
    assert_eq!(decided(uncompared, &[H]), Release::Wait(Wait::SourceNotCompared));
}

#[test]
fn a_cluster_that_is_back_before_its_replacement_is_healthy_gets_its_copy_back() {
    assert_eq!(decided(BACK, &[H, U]), Release::Cancel(Readopt::NotHealthy("c".into(), U)));
    assert_eq!(decided(BACK, &[Q]), Release::Cancel(Readopt::NotHealthy("b".into(), Q)));
    assert_eq!(decided(BACK, &[]), Release::Cancel(Readopt::NoReplacement));
}

#[test]
fn while_the_cause_persists_a_replacement_may_take_its_time() {
    let drained = Case { cause_persists: true, ..BACK };
    assert_eq!(decided(drained, &[U]), Release::Wait(Wait::NotHealthy("b".into(), U)));
    assert_eq!(decided(drained, &[]), Release::Wait(Wait::NoReplacement));
}

#[test]
fn a_schedule_older_than_the_spec_proves_nothing() {
    let stale = Case { schedule_is_current: false, ..BACK };
    assert_eq!(decided(stale, &[H]), Release::Wait(Wait::ScheduleNotCurrent));
}

#[test]
fn suppressed_deletion_waits_for_a_person_and_then_for_the_usual_rules() {
    let suppressed = Case { suppress: Some(true), purge: PurgeMode::Never, ..BACK };
    assert_eq!(decided(suppressed, &[H]), Release::Wait(Wait::SuppressDeletion));
    let lifted = Case { suppress: Some(false), ..suppressed };
    assert_eq!(decided(lifted, &[H]), Release::Remove);
    assert_eq!(decided(lifted, &[U]), Release::Cancel(Readopt::NotHealthy("b".into(), U)));
}

#[test]
fn directly_removes_first_but_only_what_it_can_speak_to_and_has_a_place_for() {
    let directly = Case { purge: PurgeMode::Directly, cause_persists: true, ..BACK };
    assert_eq!(decided(directly, &[Q]), Release::Remove);
    assert_eq!(decided(directly, &[]), Release::Wait(Wait::NoReplacement));
    let silent = Case { source: Source::Silent, ..directly };
    assert_eq!(decided(silent, &[Q]), Release::Wait(Wait::NotHealthy("b".into(), Q)));
    assert_eq!(decided(silent, &[H]), Release::Wait(Wait::SourceSilent));
}

#[test]
fn directly_starts_no_replacement_beside_an_old_copy_that_may_still_run() {
    let directly = task(PurgeMode::Directly);
    assert!(!replacement_may_start(&directly, false, false));
    assert!(replacement_may_start(&directly, true, false));
    assert!(replacement_may_start(&directly, false, true));
    assert!(replacement_may_start(&task(PurgeMode::Gracefully), false, false));
}

#[test]
fn a_readopted_copy_is_a_target_again_beside_its_replacement() {
    let replacement = Target { cluster: "b".into(), replicas: Some(3) };
    let old = Target { cluster: "a".into(), replicas: Some(3) };
    let targets = readopt(std::slice::from_ref(&replacement), &task(PurgeMode::Gracefully));
    assert_eq!(targets, [replacement, old]);
    assert_eq!(readopt(&targets, &task(PurgeMode::Gracefully)), targets);
}
