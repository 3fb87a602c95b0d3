use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::health::Detector;
use crate::health::observation::Level;
use crate::health::timing::Timing;
use crate::health::verdict::{ApiState, Arming, DataState, Trouble};

fn cluster(taints: &[(&str, Effect)], isolated: bool) -> Cluster {
    let labels = if isolated { BTreeMap::from([(ISOLATED.to_owned(), "true".to_owned())]) } else { BTreeMap::new() };
    Cluster {
        name: "a".into(),
        labels,
        provider: String::new(),
        region: String::new(),
        zones: Vec::new(),
        taints: taints.iter().map(|(key, effect)| taint(key, *effect, None)).collect(),
        deleting: false,
        apis: None,
        capacity: None,
        health: Grade::Unknown,
        fenced: false,
    }
}

fn verdict(grade: Grade, api: ApiState, data: DataState, arming: Arming) -> Verdict {
    let blank = Detector::new(Timing::standard(), Mono::default(), Wall(0)).judge(Mono::default(), Mono::default());
    let answering = |api| matches!(api, ApiState::Reachable | ApiState::Returning);
    let back = answering(api) && !matches!(data, DataState::Dark | DataState::Suspect);
    Verdict { grade, api, data, arming, back_since: back.then_some(Mono::from_millis(1000)), ..blank }
}

fn healthy() -> Verdict {
    verdict(Grade::Healthy, ApiState::Reachable, DataState::Serving, Arming::NotCalledFor)
}

fn cut() -> Verdict {
    verdict(Grade::IsolatedFull, ApiState::Unreachable, DataState::Dark, Arming::Armed)
}

fn api_only() -> Verdict {
    verdict(Grade::IsolatedApi, ApiState::Unreachable, DataState::Serving, Arming::NotCalledFor)
}

fn braked() -> Brake {
    Brake::On { since: Mono::default(), clusters: BTreeSet::from(["a".into(), "b".into()]), clearing: None }
}

fn planned(cluster: &Cluster, verdict: &Verdict, brake: &Brake, compared: Option<u64>) -> Plan {
    let evidence = Evidence { verdict, brake, compared: compared.map(Mono::from_millis), now: Wall(5_000) };
    plan(cluster, &Conditions::default(), evidence)
}

fn marks(plan: &Plan) -> Vec<Change> {
    plan.changes.iter().filter(|change| !matches!(change, Change::SetCondition(_))).cloned().collect()
}

fn condition(plan: &Plan, kind: ConditionType) -> Option<(Status, String)> {
    plan.changes.iter().find_map(|change| match change {
        Change::SetCondition(condition) if condition.kind == kind => Some((condition.status, condition.reason.clone())),
        _ => None,
    })
}

/// Carries out a plan, as the driver would.
fn applied(mut cluster: Cluster, mut conditions: Conditions, plan: &Plan) -> (Cluster, Conditions) {
    for change in &plan.changes {
        match change {
            Change::SetCondition(condition) => match condition.kind {
                ConditionType::Ready => conditions.ready = Some(condition.clone()),
                ConditionType::FailoverArmed => conditions.failover_armed = Some(condition.clone()),
            },
            Change::AddTaint(taint) => cluster.taints.push(taint.clone()),
            Change::RemoveTaint(key, effect) => {
                cluster.taints.retain(|taint| taint.key != *key || taint.effect != *effect);
            }
            Change::SetIsolatedLabel => drop(cluster.labels.insert(ISOLATED.into(), "true".into())),
            Change::RemoveIsolatedLabel => drop(cluster.labels.remove(ISOLATED)),
        }
    }
    (cluster, conditions)
}

#[test]
fn an_api_only_loss_gives_not_ready_and_no_schedule_and_no_isolation_mark() {
    let plan = planned(&cluster(&[], false), &api_only(), &Brake::default(), None);
    assert_eq!(condition(&plan, ConditionType::Ready), Some((Status::False, "ClusterNotReachable".into())));
    assert_eq!(marks(&plan), [Change::AddTaint(taint(NOT_READY_TAINT, Effect::NoSchedule, None))]);
}

#[test]
fn an_armed_isolation_gives_label_and_no_execute_taint_with_its_time() {
    let plan = planned(&cluster(&[], false), &cut(), &Brake::default(), None);
    assert_eq!(
        marks(&plan),
        [
            Change::AddTaint(taint(NOT_READY_TAINT, Effect::NoSchedule, None)),
            Change::SetIsolatedLabel,
            Change::AddTaint(taint(ISOLATED, Effect::NoExecute, Some(Wall(5_000)))),
        ]
    );
}

#[test]
fn an_isolation_not_yet_armed_or_under_the_brake_is_not_marked() {
    let waiting = Verdict { arming: Arming::At(Mono::from_millis(9000)), ..cut() };
    for (verdict, brake) in [(waiting, Brake::default()), (cut(), braked())] {
        let plan = planned(&cluster(&[], false), &verdict, &brake, None);
        assert_eq!(marks(&plan), [Change::AddTaint(taint(NOT_READY_TAINT, Effect::NoSchedule, None))]);
    }
}

#[test]
fn the_brake_says_so_on_the_clusters_behind_it() {
    let plan = planned(&cluster(&[], false), &cut(), &braked(), None);
    assert_eq!(condition(&plan, ConditionType::FailoverArmed), Some((Status::False, "Braked".into())));
    let plan = planned(&cluster(&[], false), &healthy(), &braked(), None);
    assert_eq!(condition(&plan, ConditionType::FailoverArmed), Some((Status::True, "DataPlaneSeen".into())));
}

#[test]
fn an_unseen_data_plane_says_from_the_join_on_what_to_configure() {
    let unseen = verdict(Grade::Healthy, ApiState::Reachable, DataState::Unknown, Arming::NotCalledFor);
    let plan = planned(&cluster(&[], false), &unseen, &Brake::default(), None);
    assert_eq!(condition(&plan, ConditionType::FailoverArmed), Some((Status::False, "DataPlaneUnseen".into())));
}

#[test]
fn the_marks_go_after_the_comparison_and_the_hold_down_and_not_before() {
    let isolated = cluster(&[(ISOLATED, Effect::NoExecute)], true);
    let returning = verdict(Grade::Recovering, ApiState::Returning, DataState::Serving, Arming::NotCalledFor);
    let off = Brake::default();
    let plan = planned(&isolated, &returning, &off, None);
    assert!(plan.anti_entropy_due);
    assert!(marks(&plan).is_empty());
    let plan = planned(&isolated, &returning, &off, Some(1500));
    assert!(!plan.anti_entropy_due);
    assert!(marks(&plan).is_empty(), "the hold-down is not over");
    let plan = planned(&isolated, &healthy(), &off, Some(500));
    assert!(plan.anti_entropy_due, "that comparison was before the return");
    assert!(marks(&plan).is_empty());
    let removed = [Change::RemoveIsolatedLabel, Change::RemoveTaint(ISOLATED, Effect::NoExecute)];
    assert_eq!(marks(&planned(&isolated, &healthy(), &off, Some(1500))), removed);
}

#[test]
fn a_relapse_keeps_the_marks_that_are_there() {
    let isolated = cluster(&[(ISOLATED, Effect::NoExecute)], true);
    for (grade, api) in [(Grade::Suspect, ApiState::Suspect), (Grade::Unknown, ApiState::Unknown)] {
        let verdict = verdict(grade, api, DataState::Unknown, Arming::NotCalledFor);
        assert!(marks(&planned(&isolated, &verdict, &Brake::default(), Some(9000))).is_empty());
    }
}

#[test]
fn foreign_taints_and_a_taint_set_by_hand_are_left_alone() {
    let foreign = cluster(
        &[
            ("example.com/maintenance", Effect::NoExecute),
            (ISOLATED, Effect::NoExecute),
            (NOT_READY_TAINT, Effect::NoExecute),
        ],
        false,
    );
    assert!(marks(&planned(&foreign, &healthy(), &Brake::default(), Some(9000))).is_empty());
}

#[test]
fn a_cluster_that_is_ready_again_loses_both_no_schedule_taints() {
    let tainted = cluster(&[(NOT_READY_TAINT, Effect::NoSchedule), (UNREACHABLE_TAINT, Effect::NoSchedule)], false);
    assert_eq!(
        marks(&planned(&tainted, &healthy(), &Brake::default(), None)),
        [
            Change::RemoveTaint(NOT_READY_TAINT, Effect::NoSchedule),
            Change::RemoveTaint(UNREACHABLE_TAINT, Effect::NoSchedule),
        ]
    );
}

#[test]
fn no_judgement_changes_nothing() {
    let blank = Detector::new(Timing::standard(), Mono::default(), Wall(0)).judge(Mono::default(), Mono::default());
    let conditions = Conditions {
        ready: Some(Condition {
            kind: ConditionType::Ready,
            status: Status::False,
            reason: "ClusterNotReachable".into(),
            message: String::new(),
        }),
        failover_armed: Some(Condition {
            kind: ConditionType::FailoverArmed,
            status: Status::True,
            reason: "DataPlaneSeen".into(),
            message: String::new(),
        }),
    };
    let tainted = cluster(&[(NOT_READY_TAINT, Effect::NoSchedule), (ISOLATED, Effect::NoExecute)], true);
    let evidence = Evidence { verdict: &blank, brake: &Brake::default(), compared: None, now: Wall(1) };
    assert_eq!(plan(&tainted, &conditions, evidence), Plan::default());
}

#[test]
fn a_blind_hub_says_unknown_and_not_false() {
    let plan = planned(&cluster(&[], false), &Verdict { blind: true, ..healthy() }, &Brake::default(), None);
    assert_eq!(condition(&plan, ConditionType::Ready), Some((Status::Unknown, "ClusterStatusUnknown".into())));
    assert_eq!(marks(&plan), [Change::AddTaint(taint(UNREACHABLE_TAINT, Effect::NoSchedule, None))]);
}

#[test]
fn a_wrong_answer_unreadies_a_ready_cluster_only_when_it_lasts() {
    let wrong = |level, lasting| Verdict {
        trouble: Some(Trouble::WrongAnswer { level, detail: "HTTP 401".into(), lasting }),
        grade: Grade::Degraded,
        ..healthy()
    };
    let (ready_cluster, ready) = applied(
        cluster(&[], false),
        Conditions::default(),
        &planned(&cluster(&[], false), &healthy(), &Brake::default(), None),
    );
    let judged = |verdict: &Verdict, conditions: &Conditions| {
        let evidence = Evidence { verdict, brake: &Brake::default(), compared: None, now: Wall(1) };
        condition(&plan(&ready_cluster, conditions, evidence), ConditionType::Ready)
    };
    let failed = |reason: &str| Some((Status::False, reason.to_owned()));
    assert_eq!(judged(&wrong(Level::Serve, false), &ready), None);
    assert_eq!(judged(&wrong(Level::Serve, true), &ready), failed("StatusCollectionFailed"));
    assert_eq!(judged(&wrong(Level::Ready, true), &ready), failed("ClusterNotReady"));
    assert_eq!(judged(&wrong(Level::Serve, false), &Conditions::default()), failed("StatusCollectionFailed"));
}

#[test]
fn a_bad_answer_about_the_way_in_is_the_reason_whichever_level_gave_it() {
    use crate::health::observation::{About, BadAnswer};
    for (about, reason) in [
        (About::Credentials, "CredentialsRejected"),
        (About::Certificate, "CertificateNotTrusted"),
        (About::Rights, "MemberForbidden"),
        (About::Server, "ClusterNotReady"),
    ] {
        let detail = BadAnswer { about, text: "no".into() };
        let trouble = Some(Trouble::WrongAnswer { level: Level::Ready, detail, lasting: true });
        let verdict = Verdict { trouble, grade: Grade::Degraded, ..healthy() };
        let plan = planned(&cluster(&[], false), &verdict, &Brake::default(), None);
        assert_eq!(condition(&plan, ConditionType::Ready), Some((Status::False, reason.to_owned())));
    }
}

#[test]
fn an_api_that_is_silent_to_readyz_alone_is_not_ready() {
    let silent = |level| Verdict { trouble: Some(Trouble::LevelSilent(level)), grade: Grade::Degraded, ..healthy() };
    for (level, expected) in [
        (Level::Ready, (Status::False, "ClusterNotReady".to_owned())),
        (Level::Serve, (Status::False, "StatusCollectionFailed".to_owned())),
        (Level::Connect, (Status::True, "ClusterReady".to_owned())),
    ] {
        let plan = planned(&cluster(&[], false), &silent(level), &Brake::default(), None);
        assert_eq!(condition(&plan, ConditionType::Ready), Some(expected));
    }
}

#[test]
fn a_plan_carried_out_leaves_nothing_to_do() {
    for verdict in [healthy(), cut(), api_only()] {
        for brake in [Brake::default(), braked()] {
            for isolated in [false, true] {
                let evidence = Evidence {
                    verdict: &verdict,
                    brake: &brake,
                    compared: Some(Mono::from_millis(9000)),
                    now: Wall(1),
                };
                let before = cluster(&[], isolated);
                let first = plan(&before, &Conditions::default(), evidence);
                let (after, conditions) = applied(before, Conditions::default(), &first);
                assert_eq!(plan(&after, &conditions, evidence), Plan::default());
            }
        }
    }
}
