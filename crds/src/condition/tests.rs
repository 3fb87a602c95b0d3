use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::*;
use crate::policy::propagation::PolicyState;

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

#[test]
fn a_new_condition_is_a_change() {
    let mut conditions = Vec::new();
    assert!(set_condition(&mut conditions, cluster::Ready::Ready.condition("", Some(1), at(1))));
    assert_eq!(conditions.len(), 1);
    assert!(is_true(&conditions, "Ready"));
}

#[test]
fn the_same_condition_at_a_later_time_is_no_change() {
    let mut conditions = vec![cluster::Ready::Ready.condition("", Some(1), at(1))];
    assert!(!set_condition(&mut conditions, cluster::Ready::Ready.condition("", Some(1), at(9))));
    assert_eq!(conditions[0].last_transition_time, at(1));
}

#[test]
fn a_new_reason_keeps_the_time_and_a_new_status_moves_it() {
    let mut conditions = vec![cluster::Ready::NotReady.condition("", None, at(1))];
    assert!(set_condition(&mut conditions, cluster::Ready::NotReachable.condition("", None, at(5))));
    assert_eq!(conditions[0].reason, "ClusterNotReachable");
    assert_eq!(conditions[0].last_transition_time, at(1));

    assert!(set_condition(&mut conditions, cluster::Ready::Ready.condition("", None, at(9))));
    assert_eq!(conditions[0].last_transition_time, at(9));
}

#[test]
fn conditions_of_others_stay_untouched() {
    let foreign = Condition {
        type_: "ServiceDomainNameResolutionReady".into(),
        status: "True".into(),
        reason: String::new(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: at(3),
    };
    let mut conditions = vec![foreign.clone()];
    set_condition(&mut conditions, cluster::Fenced::LeaseExpired.condition("no answer", None, at(4)));
    assert_eq!(conditions[0], foreign);
    assert_eq!(find_condition(&conditions, "Fenced").unwrap().reason, "LeaseExpired");
}

#[test]
fn policy_ready_and_its_state_agree() {
    assert_eq!(policy::Ready::Success.state(), PolicyState::Applied);
    assert_eq!(policy::Ready::Success.status(), Status::True);
    assert_eq!(policy::Ready::NoTemplate.state(), PolicyState::Pending);
    assert_eq!(policy::Ready::HubRunsWorkloads.state(), PolicyState::Failed);
    assert_eq!(policy::Ready::HubRunsWorkloads.status(), Status::False);
}

#[test]
fn silence_of_an_agent_is_unknown_and_not_false() {
    assert_eq!(cluster::Ready::StatusUnknown.status(), Status::Unknown);
    assert_eq!(cluster::Ready::NotReachable.status(), Status::False);
}

#[test]
fn reasons_fit_the_pattern_of_a_condition() {
    let reasons = [
        cluster::Ready::CredentialsRejected.reason(),
        cluster::ApiEnablements::Partial.reason(),
        cluster::DeletesPaused::HubRolledBack.reason(),
        cluster::Fenced::LeaseExpired.reason(),
        binding::Scheduled::NoClusterFit.reason(),
        binding::FullyApplied::Failed.reason(),
    ];
    for reason in reasons {
        assert!(reason.chars().all(|letter| letter.is_ascii_alphanumeric()), "{reason}");
    }
}

#[test]
fn a_condition_without_reason_message_or_time_is_read() {
    #[derive(serde::Deserialize)]
    struct Holder {
        #[serde(deserialize_with = "relaxed::deserialize")]
        conditions: Vec<Condition>,
    }
    let json = serde_json::json!({ "conditions": [
        { "type": "A", "status": "True", "lastTransitionTime": null },
        { "type": "B" },
    ]});
    let holder: Holder = serde_json::from_value(json).unwrap();
    assert_eq!(holder.conditions[0].status, "True");
    assert_eq!(holder.conditions[0].last_transition_time, Time(Timestamp::UNIX_EPOCH));
    assert_eq!(holder.conditions[1].status, "Unknown");
}
