use super::*;
use crate::taint::{Tolerated, Toleration};

/// Duplicated over "ok" and the given cluster, which was a target or not.
fn stays(cluster: Cluster, was_target: bool, placement: Placement) -> bool {
    let name = cluster.name.to_string();
    let case = Case::new(vec![member("ok", 10), cluster], placement, 2);
    let case = if was_target { case.after(&[(&name, 2)]) } else { case };
    case.names().contains(&name)
}

#[test]
fn each_filter_refuses_new_clusters_and_keeps_targets_as_the_table_says() {
    let spread_by_region = Placement { spread: vec![spread(SpreadField::Region, 1, None)], ..Placement::default() };
    let any = Placement::default;
    let table: Vec<(&str, Cluster, bool)> = vec![
        ("deleting", with(member("x", 9), |c| c.deleting = true), false),
        ("api missing", with(member("x", 9), |c| c.apis = Some(Arc::default())), true),
        ("apis unknown", with(member("x", 9), |c| c.apis = None), true),
        ("taint", tainted("x", Effect::NoSchedule), true),
        ("taint", tainted("x", Effect::NoExecute), true),
        ("health", with(member("x", 9), |c| c.health = Grade::IsolatedApi), true),
        ("health", with(member("x", 9), |c| c.health = Grade::IsolatedFull), true),
    ];
    for (what, cluster, keeps_target) in table {
        assert!(!stays(cluster.clone(), false, any()), "new, {what}");
        assert_eq!(stays(cluster, true, any()), keeps_target, "target, {what}");
    }
    let not_selected = Placement { affinity: crate::placement::Affinities::One(only(&["ok"])), ..any() };
    assert!(!stays(member("x", 9), true, not_selected));
    let with_region = with(member("ok", 9), |c| c.region = "north".to_owned());
    let case = Case::new(vec![with_region, member("x", 9)], spread_by_region, 1).after(&[("x", 1)]);
    assert_eq!(case.names(), ["ok"]);
}

#[test]
fn a_cluster_being_vacated_is_never_a_candidate() {
    let mut case =
        Case::new(vec![member("a", 9), member("b", 9)], Placement::default(), 1).after(&[("a", 1), ("b", 1)]);
    case.evicting.insert("a".into());
    assert_eq!(case.names(), ["b"]);
    case.evicting.insert("b".into());
    assert_eq!(case.failure().rejected()[0].reason, Reason::Evicting);
}

#[test]
fn tolerated_and_preferring_taints_do_not_refuse() {
    let toleration = Toleration {
        key: "maintenance".to_owned(),
        value: Tolerated::Equal("now".to_owned()),
        effect: None,
        seconds: Some(30),
    };
    let placement = Placement { tolerations: vec![toleration], ..Placement::default() };
    assert!(stays(tainted("x", Effect::NoExecute), false, placement));
    assert!(stays(tainted("x", Effect::PreferNoSchedule), false, Placement::default()));
}

#[test]
fn avoided_and_unjudged_clusters_may_be_chosen() {
    for grade in [Grade::Degraded, Grade::Unknown, Grade::Suspect, Grade::Recovering, Grade::IsolatedData] {
        assert!(stays(with(member("x", 9), |c| c.health = grade), false, Placement::default()), "{grade:?}");
    }
}

#[test]
fn no_feasible_cluster_is_explained_in_one_sentence() {
    let lacking = |name| with(member(name, 9), |c| c.apis = Some(Arc::default()));
    let clusters = vec![tainted("m3", Effect::NoExecute), lacking("m2"), lacking("m1")];
    let failure = Case::new(clusters, Placement::default(), 1).failure();
    assert_eq!(failure.reason(), "NoClusterFit");
    assert_eq!(
        failure.to_string(),
        "0 of 3 clusters fit: 2 lack the API apps/v1/Deployment (m1, m2), \
         1 has the untolerated taint maintenance=now:NoExecute (m3)"
    );
    assert_eq!(Case::new(vec![], Placement::default(), 1).failure().to_string(), "no cluster has joined yet");
}

#[test]
fn many_rejections_name_three_clusters_and_count_the_rest() {
    let clusters = (0..5).map(|index| with(member(&format!("m{index}"), 9), |c| c.deleting = true)).collect();
    let failure = Case::new(clusters, Placement::default(), 1).failure();
    assert_eq!(failure.to_string(), "0 of 5 clusters fit: 5 are being deleted (m0, m1, m2 and 2 more)");
}
