use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Claim, ClaimDecision, ClaimReason, Index, Lost, MatchLevel, Pick, Policy, PolicyRef, ResourceSelector};
use super::{Scope, Template};
use crate::affinity::{LabelSelector, Operator, Requirement};
use crate::ids::{Gvk, ObjectKey};

fn deployments() -> Gvk {
    Gvk::from_api_version("apps/v1", "Deployment")
}

fn object(namespace: Option<&str>, name: &str) -> ObjectKey {
    ObjectKey { gvk: deployments(), namespace: namespace.map(Into::into), name: name.into() }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn label_is(key: &str, value: &str) -> Pick {
    let operator = Operator::In([value.to_owned()].into());
    Pick::Labels(LabelSelector { requirements: vec![Requirement { key: key.to_owned(), operator }] })
}

fn named(name: &str) -> Pick {
    Pick::Name(name.to_owned())
}

fn policy(reference: PolicyRef, priority: i32, pick: Pick) -> Policy {
    Policy {
        id: format!("id-of-{reference}"),
        reference,
        priority,
        selectors: vec![ResourceSelector { gvk: deployments(), namespace: None, pick }],
        deleting: false,
        lazy: false,
        preempts: false,
    }
}

fn pp(name: &str, priority: i32, pick: Pick) -> Policy {
    policy(PolicyRef::namespaced("shop", name), priority, pick)
}

fn cpp(name: &str, priority: i32, pick: Pick) -> Policy {
    policy(PolicyRef::cluster(name), priority, pick)
}

fn claim_by(policy: &Policy) -> Claim {
    Claim { policy: policy.reference.clone(), id: policy.id.clone() }
}

/// What an [`Index`] must come to as well, by looking at every policy.
fn claim(template: &Template<'_>, policies: &[Policy]) -> ClaimDecision {
    let holder = template.claimed_by.and_then(|claim| policies.iter().find(|policy| policy.reference == claim.policy));
    super::claim::decide(template, holder, policies.iter())
}

/// The decision for `shop/web` with label `app=web`.
fn decide(claimed_by: Option<&Claim>, policies: &[Policy]) -> ClaimDecision {
    let key = object(Some("shop"), "web");
    claim(&Template { key: &key, labels: &labels(&[("app", "web")]), claimed_by }, policies)
}

fn best_match(policy: &Policy) -> ClaimDecision {
    ClaimDecision::Claim { claim: claim_by(policy), why: ClaimReason::BestMatch }
}

#[test]
fn a_template_without_a_matching_policy_stays_unmatched() {
    assert_eq!(decide(None, &[pp("other", 9, named("db"))]), ClaimDecision::Unmatched);
}

#[test]
fn a_policy_of_the_namespace_comes_before_a_cluster_wide_one_of_higher_priority() {
    let policies = [cpp("wide", 100, named("web")), pp("own", -5, Pick::All)];
    assert_eq!(decide(None, &policies), best_match(&policies[1]));
}

#[test]
fn the_highest_priority_wins_then_the_closest_match_then_the_smallest_name() {
    let policies =
        [pp("a", 1, Pick::All), pp("d", 2, Pick::All), pp("c", 2, label_is("app", "web")), pp("b", 2, Pick::All)];
    assert_eq!(decide(None, &policies), best_match(&policies[2]));
    assert_eq!(decide(None, &[policies[1].clone(), policies[3].clone()]), best_match(&policies[3]));
    assert_eq!(decide(None, &[policies[2].clone(), pp("z", 2, named("web"))]), best_match(&pp("z", 2, named("web"))));
}

#[test]
fn the_best_of_a_policys_selectors_counts() {
    let mut both = pp("z-both", 0, Pick::All);
    both.selectors.push(ResourceSelector { gvk: deployments(), namespace: None, pick: named("web") });
    assert_eq!(decide(None, &[pp("a", 0, label_is("app", "web")), both.clone()]), best_match(&both));
}

#[test]
fn a_namespaced_policy_never_reaches_another_namespace() {
    let mut stranger = policy(PolicyRef::namespaced("bank", "p"), 0, Pick::All);
    assert_eq!(decide(None, &[stranger.clone()]), ClaimDecision::Unmatched);
    stranger.selectors[0].namespace = Some("shop".into());
    assert_eq!(decide(None, &[stranger]), ClaimDecision::Unmatched);
}

#[test]
fn a_cluster_wide_selector_with_a_namespace_means_that_namespace_only() {
    let mut wide = cpp("wide", 0, Pick::All);
    wide.selectors[0].namespace = Some("bank".into());
    assert_eq!(decide(None, &[wide.clone()]), ClaimDecision::Unmatched);
    wide.selectors[0].namespace = Some("shop".into());
    assert_eq!(decide(None, &[wide.clone()]), best_match(&wide));
}

#[test]
fn a_cluster_scoped_template_belongs_to_cluster_wide_policies_only() {
    let policies = [pp("own", 0, Pick::All), cpp("wide", 0, Pick::All)];
    let key = object(None, "web");
    let template = Template { key: &key, labels: &BTreeMap::new(), claimed_by: None };
    assert_eq!(claim(&template, &policies), best_match(&policies[1]));
}

#[test]
fn another_version_of_the_kind_is_not_selected() {
    let mut old = pp("old", 0, Pick::All);
    old.selectors[0].gvk = Gvk::from_api_version("apps/v1beta1", "Deployment");
    assert_eq!(decide(None, &[old]), ClaimDecision::Unmatched);
}

#[test]
fn a_claim_stands_against_a_better_policy() {
    let policies = [cpp("wide", 0, Pick::All), pp("better", 9, named("web"))];
    let claimed = claim_by(&policies[0]);
    assert_eq!(decide(Some(&claimed), &policies), ClaimDecision::Keep(claimed));
}

#[test]
fn a_claim_is_released_with_the_reason_when_nobody_takes_over() {
    let holder = pp("own", 0, named("web"));
    let claimed = claim_by(&holder);
    let mut deleting = holder.clone();
    deleting.deleting = true;
    let mut recreated = holder.clone();
    recreated.id = "another".to_owned();
    let elsewhere = pp("own", 0, named("db"));
    let release = |why| ClaimDecision::Release { from: holder.reference.clone(), why };
    assert_eq!(decide(Some(&claimed), &[]), release(Lost::PolicyGone));
    assert_eq!(decide(Some(&claimed), &[deleting]), release(Lost::PolicyDeleting));
    assert_eq!(decide(Some(&claimed), &[elsewhere]), release(Lost::NoLongerMatches));
    let again = ClaimDecision::Claim {
        claim: claim_by(&recreated),
        why: ClaimReason::Replaces { from: holder.reference.clone(), why: Lost::PolicyGone },
    };
    assert_eq!(decide(Some(&claimed), &[recreated]), again);
}

#[test]
fn a_lost_claim_passes_to_the_best_remaining_policy() {
    let mut holder = pp("own", 0, named("web"));
    let claimed = claim_by(&holder);
    holder.deleting = true;
    let heir = cpp("wide", 0, Pick::All);
    let expected = ClaimDecision::Claim {
        claim: claim_by(&heir),
        why: ClaimReason::Replaces { from: holder.reference.clone(), why: Lost::PolicyDeleting },
    };
    assert_eq!(decide(Some(&claimed), &[holder, heir]), expected);
}

#[test]
fn preemption_needs_a_strictly_higher_priority_within_a_scope() {
    for (make, holder) in [(pp as fn(&str, i32, Pick) -> Policy, pp("h", 3, Pick::All)), (cpp, cpp("h", 3, Pick::All))]
    {
        let claimed = claim_by(&holder);
        let taker = |priority, pick| Policy { preempts: true, ..make("taker", priority, pick) };
        let decide_with = |taker: Policy| decide(Some(&claimed), &[holder.clone(), taker]);
        assert_eq!(decide_with(taker(3, named("web"))), ClaimDecision::Keep(claimed.clone()));
        assert_eq!(decide_with(taker(4, Pick::All)), ClaimDecision::Keep(claimed.clone()));
        let expected = ClaimDecision::Claim {
            claim: claim_by(&taker(4, named("web"))),
            why: ClaimReason::Preempts(holder.reference.clone()),
        };
        assert_eq!(decide_with(taker(4, named("web"))), expected);
    }
}

#[test]
fn a_namespaced_policy_preempts_a_cluster_wide_one_whatever_the_priority_and_never_the_other_way() {
    let own = Policy { preempts: true, ..pp("own", -1, named("web")) };
    let wide = Policy { preempts: true, ..cpp("wide", 7, named("web")) };
    let both = [own.clone(), wide.clone()];
    let expected = ClaimDecision::Claim { claim: claim_by(&own), why: ClaimReason::Preempts(wide.reference.clone()) };
    assert_eq!(decide(Some(&claim_by(&wide)), &both), expected);
    assert_eq!(decide(Some(&claim_by(&own)), &both), ClaimDecision::Keep(claim_by(&own)));
}

#[test]
fn match_levels_are_ordered_from_loose_to_close() {
    assert!(MatchLevel::All < MatchLevel::Labels && MatchLevel::Labels < MatchLevel::Name);
}

fn told(claimed_by: Option<&Claim>, policies: &[Policy]) -> super::Explanation {
    let mut index = Index::default();
    for policy in policies {
        index.insert(Arc::new(policy.clone()));
    }
    let key = object(Some("shop"), "web");
    index.explain(&Template { key: &key, labels: &labels(&[("app", "web")]), claimed_by })
}

#[test]
fn a_policy_that_lost_is_told_with_what_decided() {
    let winner = pp("winner", 3, named("web"));
    let rest = [
        cpp("wide", 9, named("web")),
        pp("low", 1, named("web")),
        pp("loose", 3, Pick::All),
        pp("younger", 3, named("web")),
    ];
    let policies: Vec<Policy> =
        rest.into_iter().chain([Policy { reference: PolicyRef::namespaced("shop", "a"), ..winner }]).collect();
    let contenders = told(None, &policies).contenders;
    let why = |name: &str| &contenders.iter().find(|one| one.policy.ends_with(name)).expect("it matches").why;
    assert_eq!(contenders[0].why, "claimed by PropagationPolicy shop/a, the best match");
    assert_eq!(why("wide"), "a policy of the namespace goes before cluster-wide ones");
    assert_eq!(why("low"), "its priority 1 is lower than 3");
    assert_eq!(why("loose"), "it selects by the whole kind, the winner by its name");
    assert_eq!(why("younger"), "the smaller name goes first among equals");
}

#[test]
fn a_better_policy_that_may_not_preempt_is_told_so() {
    let holder = pp("holder", 0, Pick::All);
    let better = [
        pp("never", 9, named("web")),
        Policy { preempts: true, ..pp("loose", 9, Pick::All) },
        Policy { preempts: true, ..cpp("wide", 9, named("web")) },
        Policy { preempts: true, ..pp("equal", 0, named("web")) },
    ];
    let policies: Vec<Policy> = better.into_iter().chain([holder.clone()]).collect();
    let contenders = told(Some(&claim_by(&holder)), &policies).contenders;
    let why = |name: &str| &contenders.iter().find(|one| one.policy.ends_with(name)).expect("it matches").why;
    assert!(contenders[0].wins && contenders[0].why.starts_with("stays with"), "{contenders:?}");
    assert!(why("never").ends_with("its preemption is Never"));
    assert!(why("loose").ends_with("only a selector by name preempts"));
    assert!(why("wide").ends_with("takes nothing from a namespaced one"));
    assert!(why("equal").ends_with("its priority is not higher than the holder's"));
}

#[test]
fn where_nothing_matches_the_nearest_policies_say_which_part_does_not_hold() {
    let mut other_kind = pp("kind", 0, Pick::All);
    other_kind.selectors[0].gvk = Gvk::from_api_version("v1", "ConfigMap");
    let elsewhere = policy(PolicyRef::namespaced("bank", "elsewhere"), 0, Pick::All);
    let policies = [other_kind, elsewhere, cpp("wide", 0, label_is("app", "db")), pp("own", 0, named("api"))];
    let near: Vec<_> = told(None, &policies).nearest.into_iter().map(|near| (near.policy, near.why)).collect();
    let expected = [
        ("PropagationPolicy shop/own", "it selects the name api"),
        ("ClusterPropagationPolicy wide", "it wants the label app=db"),
        ("PropagationPolicy bank/elsewhere", "it lives in namespace bank and selects there alone"),
    ];
    assert_eq!(near, expected.map(|(policy, why)| (policy.to_owned(), why.to_owned())));
}

#[test]
fn a_removed_policy_leaves_nothing_in_the_index() {
    let mut index = Index::default();
    let own = pp("own", 0, Pick::All);
    index.insert(Arc::new(own.clone()));
    let mut newer = own.clone();
    newer.selectors[0].gvk = Gvk::from_api_version("v1", "ConfigMap");
    assert_eq!(index.insert(Arc::new(newer.clone())).as_deref(), Some(&own));
    assert_eq!(index.kinds().collect::<Vec<_>>(), [&newer.selectors[0].gvk]);
    index.remove(&own.reference);
    assert_eq!((index.kinds().count(), index.iter().count()), (0, 0));
}

fn any_pick() -> impl Strategy<Value = Pick> {
    prop_oneof![Just(named("web")), Just(named("db")), Just(label_is("app", "web")), Just(Pick::All)]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let scope = prop_oneof![
        Just(Scope::Cluster),
        Just(Scope::Namespaced("shop".into())),
        Just(Scope::Namespaced("bank".into()))
    ];
    (scope, 0..6u8, 0..3, any_pick(), any::<(bool, bool)>()).prop_map(|(scope, name, priority, pick, flags)| {
        let reference = PolicyRef { scope, name: format!("p{name}").into() };
        Policy { deleting: flags.0, preempts: flags.1, ..policy(reference, priority, pick) }
    })
}

proptest! {
    /// The index answers as the plain list does, whatever the order, and a
    /// decision carried out is kept.
    #[test]
    fn the_index_agrees_with_the_list_and_decisions_settle(
        list in proptest::collection::vec(any_policy(), 0..12),
        holder in proptest::option::of(any_policy()),
        namespace in proptest::option::of(prop_oneof![Just("shop"), Just("bank")]),
    ) {
        let unique: BTreeMap<_, _> = list.into_iter().map(|policy| (policy.reference.clone(), policy)).collect();
        let mut policies: Vec<_> = unique.into_values().collect();
        let mut index = Index::default();
        for policy in &policies {
            index.insert(Arc::new(policy.clone()));
        }
        let (key, labels) = (object(namespace, "web"), labels(&[("app", "web")]));
        let mut claimed = holder.as_ref().map(claim_by);
        // Preemption may pass a template on once more, upwards in rank only.
        for _ in 0..=policies.len() + 1 {
            let template = Template { key: &key, labels: &labels, claimed_by: claimed.as_ref() };
            let decision = claim(&template, &policies);
            prop_assert_eq!(&decision, &index.claim(&template));
            let told = index.explain(&template);
            prop_assert_eq!(&told.decision, &decision.to_string());
            let winners: Vec<_> = told.contenders.iter().filter(|one| one.wins).map(|one| one.policy.clone()).collect();
            prop_assert_eq!(winners, told.policy.iter().cloned().collect::<Vec<_>>());
            prop_assert!(told.policy.is_none() || told.contenders[0].wins);
            policies.reverse();
            prop_assert_eq!(&decision, &claim(&template, &policies));
            match decision {
                ClaimDecision::Claim { claim, .. } => claimed = Some(claim),
                ClaimDecision::Release { .. } => claimed = None,
                ClaimDecision::Keep(_) | ClaimDecision::Unmatched => return Ok(()),
            }
        }
        prop_assert!(false, "the claim never settled");
    }
}
