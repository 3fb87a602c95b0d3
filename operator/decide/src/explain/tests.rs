use super::*;
use crate::binding::explanation::Schedule;
use crate::schedule::Reason;
use crate::schedule::explanation::{Attempt, Examined, Refusal};
use crate::taint::Effect;

fn target(cluster: &str, replicas: i32) -> Target {
    Target { cluster: cluster.into(), replicas: Some(replicas) }
}

fn placed() -> Explanation {
    Explanation {
        object: Object { kind: "Deployment".into(), name: "web".into(), ..Object::default() },
        claim: matching::Explanation {
            policy: Some("PropagationPolicy shop/web".into()),
            ..matching::Explanation::default()
        },
        binding: Some(Binding { written: Some(vec![target("m1", 2), target("m2", 1)]), ..Binding::default() }),
        ..Explanation::default()
    }
}

fn examined(cluster: &str, filter: &str, reason: Reason) -> Examined {
    let message = reason.to_string();
    let refusal = Refusal { filter: filter.into(), reason, message, stays: false };
    Examined { cluster: cluster.into(), refusals: vec![refusal], ..Examined::default() }
}

#[test]
fn the_answer_says_where_it_runs_and_who_was_refused_for_what() {
    let taint = Reason::Taint { key: "atoll.dev/isolated".into(), value: String::new(), effect: Effect::NoExecute };
    let clusters = vec![examined("m3", "taint", taint), examined("m4", "affinity", Reason::NotSelected)];
    let course = crate::schedule::Explanation { attempts: vec![Attempt { clusters, ..Attempt::default() }] };
    let schedules = vec![Schedule { course, ..Schedule::default() }];
    let placement = Some(binding::Explanation { schedules, ..binding::Explanation::default() });
    let said = summarize(&Explanation { placement, ..placed() });
    assert_eq!(
        said,
        "Deployment web goes to m1 (2), m2 (1) by PropagationPolicy shop/web. m3 was refused: it has the untolerated \
         taint atoll.dev/isolated:NoExecute."
    );
}

#[test]
fn a_member_that_refuses_it_is_named_with_its_word() {
    let applies = vec![Apply {
        cluster: "m1".into(),
        wanted: true,
        error: Some("ResourceConflict: it is there.".into()),
        ..Apply::default()
    }];
    let said = summarize(&Explanation { applies, ..placed() });
    assert!(said.ends_with("m1 does not have it: ResourceConflict: it is there."), "{said}");
}

#[test]
fn an_object_that_no_policy_selects_is_told_of_the_nearest_one() {
    let near = matching::explanation::Near {
        policy: "PropagationPolicy shop/api".into(),
        why: "it selects the name api".into(),
    };
    let claim = matching::Explanation {
        decision: "no policy selects it".into(),
        nearest: vec![near],
        ..matching::Explanation::default()
    };
    let said = summarize(&Explanation { claim, binding: None, ..placed() });
    assert_eq!(
        said,
        "Deployment web is not propagated: no policy selects it. The nearest is PropagationPolicy shop/api: it \
         selects the name api."
    );
}

#[test]
fn what_is_pending_and_what_is_paused_are_said_last() {
    let mut seen = placed();
    if let Some(binding) = &mut seen.binding {
        binding.pending = vec!["the binding is about to be written".into()];
    }
    seen.pauses = vec![Pause { cluster: Some("m2".into()), why: "81 deletes wait".into() }];
    let said = summarize(&seen);
    assert!(said.ends_with("The binding is about to be written. On m2: 81 deletes wait."), "{said}");
}
