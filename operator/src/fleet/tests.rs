use std::time::Duration;

use atoll_decide::cluster::{Capacity, Grade};
use atoll_decide::failover::{Health as MoveHealth, Source};
use atoll_decide::health::Verdict;
use atoll_decide::health::verdict::{ApiState, Arming, DataState};
use atoll_decide::ids::Gvk;
use atoll_decide::time::Mono;
use atoll_map::Changed;
use serde_json::json;

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey { gvk: Gvk::from_api_version("v1", "ConfigMap"), namespace: Some("shop".into()), name: name.into() }
}

fn cluster(name: &str, health: Grade) -> Cluster {
    Cluster {
        name: name.into(),
        labels: BTreeMap::new(),
        provider: String::new(),
        region: String::new(),
        zones: Vec::new(),
        taints: Vec::new(),
        deleting: false,
        apis: None,
        capacity: None,
        health,
        fenced: false,
    }
}

fn standing(grade: Grade, next_check: u64) -> Standing {
    let verdict = Verdict {
        api: ApiState::Reachable,
        data: DataState::Unknown,
        grade,
        since: Mono::from_millis(0),
        confirmed: false,
        arming: Arming::NotCalledFor,
        trouble: None,
        back_since: None,
        never_answered: false,
        blind: false,
        next_check: Some(Mono::from_millis(next_check)),
        reason: "all answer".to_owned(),
    };
    Standing { verdict, taints_seen: BTreeMap::new(), source: Source::Known }
}

fn live(hash: &str) -> Value {
    json!({ "metadata": { "annotations": { marks::MANIFEST_HASH: hash } } })
}

/// A map after one write by a second writer, one from an old version, and at least one that had to wait for another.
pub fn quarrelled() -> FleetMap {
    let map = FleetMap::default();
    assert!(matches!(map.store.claim(Scope::Copies), Err(Conflict::Owned(_))), "the map owns its copies");
    let copies = Key::Copies(Arc::new(key("prices")));
    let stale = map.copies.replace(copies.clone(), Some(7), None, Urgency::Now);
    assert!(matches!(stale, Err(Conflict::Stale { .. })), "{stale:?}");
    let began = std::time::Instant::now();
    while map.stats().contention == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "no writer has waited for another");
        let meet = std::sync::Barrier::new(2);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                meet.wait();
                map.copies(&key("prices"))
            });
            let hold = |known| {
                meet.wait();
                (0..100).for_each(|_| std::thread::yield_now());
                known
            };
            map.copies.update(copies.clone(), Urgency::Batched, hold).unwrap();
        });
    }
    map
}

#[test]
fn conflicts_are_counted_apart_from_each_other_and_from_waiting() {
    let before = FleetMap::default().stats();
    assert_eq!((before.conflicts_owner, before.conflicts_stale, before.contention), (0, 0, 0));
    let after = quarrelled().stats();
    assert_eq!((after.conflicts_owner, after.conflicts_stale), (1, 1));
    assert!(after.contention > 0);
}

#[test]
fn a_verdict_is_in_the_next_view_and_the_date_of_the_next_look_alone_is_no_news() {
    let map = FleetMap::default();
    assert_eq!(map.put_cluster(cluster("b", Grade::Healthy), Some(standing(Grade::Healthy, 1))), Felt::All);
    assert_eq!(map.put_cluster(cluster("a", Grade::Healthy), Some(standing(Grade::Healthy, 1))), Felt::All);
    let before = map.snapshot();
    assert_eq!(map.put_cluster(cluster("a", Grade::Healthy), Some(standing(Grade::Healthy, 2))), Felt::Nothing);
    assert_eq!(map.snapshot().version(), before.version());
    assert_eq!(map.put_cluster(cluster("a", Grade::Suspect), Some(standing(Grade::Suspect, 3))), Felt::All);

    let view = map.view();
    let names: Vec<_> = view.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(names, ["a", "b"], "the deciders search it as sorted");
    assert_eq!(view.standings.get("a").map(|standing| standing.verdict.grade), Some(Grade::Suspect));
    let old = before.fleet().cluster(&"a".into()).map(|cluster| cluster.health);
    assert_eq!(old, Some(Grade::Healthy), "a view that was taken stays as it was");
}

#[test]
fn a_cluster_put_without_standing_keeps_the_one_it_has() {
    let map = FleetMap::default();
    map.put_cluster(cluster("a", Grade::Healthy), Some(standing(Grade::Healthy, 1)));
    let mut relabelled = cluster("a", Grade::Healthy);
    relabelled.region = "north".to_owned();
    assert_eq!(map.put_cluster(relabelled.clone(), None), Felt::All);
    let roomier = Cluster { capacity: Some(Capacity::default()), ..relabelled.clone() };
    assert_eq!(map.put_cluster(roomier, None), Felt::Capacity);
    let back_and_tainted = Cluster { deleting: true, ..relabelled.clone() };
    assert_eq!(map.put_cluster(back_and_tainted, None), Felt::All, "more than resources has changed");
    assert_eq!(map.put_cluster(relabelled.clone(), None), Felt::All);
    assert_eq!(map.put_cluster(relabelled, None), Felt::Nothing);
    assert!(map.view().standings.contains_key(&ClusterName::from("a")));
}

#[test]
fn the_brake_is_told_when_it_switches() {
    let map = FleetMap::default();
    let on = |names: &[&str]| Brake::On {
        since: Mono::from_millis(5),
        clusters: names.iter().map(|name| ClusterName::from(*name)).collect(),
        clearing: None,
    };
    assert!(!map.put_brake(Brake::default()));
    assert!(map.put_brake(on(&["a", "b"])));
    assert!(!map.put_brake(on(&["a", "b", "c"])), "more clusters, still on");
    assert_eq!(map.view().brake, on(&["a", "b", "c"]));
    assert!(map.put_brake(Brake::Off { since: None }));
}

#[test]
fn whoever_is_sent_to_a_copy_finds_what_was_just_heard_of_it() {
    let (map, template, m1) = (FleetMap::default(), key("prices"), ClusterName::from("m1"));
    map.put_cluster(cluster("m1", Grade::Healthy), Some(standing(Grade::Healthy, 1)));
    assert!(map.observe_copy(&template, &m1, &live("aa"), true));
    assert!(!map.observe_copy(&template, &m1, &live("aa"), false), "the watch repeats it");
    assert!(map.copies(&template).get("m1").is_some_and(CopyState::is_applied));
    assert_eq!(map.copies(&template).failover_health(&m1, &map.view()), MoveHealth::Healthy);
    let silent = Standing { source: Source::Silent, ..standing(Grade::IsolatedApi, 1) };
    let mut view = Fleet::clone(&map.view());
    view.standings.insert(m1.clone(), silent);
    assert_eq!(map.copies(&template).failover_health(&m1, &view), MoveHealth::Unknown, "not heard of now");
    assert!(map.snapshot().copies(&template).is_none(), "batched: not published yet");
    map.put_brake(Brake::Off { since: Some(Mono::from_millis(1)) });
    assert_eq!(map.snapshot().copies(&template), Some(&map.copies(&template)), "and goes with what is urgent");
}

#[test]
fn a_lost_copy_is_unknown_and_only_the_members_word_makes_it_gone() {
    let (map, template, m1) = (FleetMap::default(), key("prices"), ClusterName::from("m1"));
    map.observe_copy(&template, &m1, &live("aa"), true);
    assert!(map.observe_lost(&template, &m1));
    assert_eq!(map.copies(&template).failover_health(&m1, &map.view()), MoveHealth::Unknown);
    assert!(!map.is_confirmed_gone(&template, &m1));
    assert!(map.confirm_gone(&template, &m1));
    assert!(map.is_confirmed_gone(&template, &m1));
    map.observe_copy(&template, &m1, &live("aa"), false);
    assert!(!map.is_confirmed_gone(&template, &m1), "seen again");
}

#[test]
fn an_answer_that_comes_after_a_newer_event_takes_nothing_back() {
    let (map, m1) = (FleetMap::default(), ClusterName::from("m1"));
    let template = ObjectKey {
        gvk: Gvk::from_api_version("apps/v1", "Deployment"),
        namespace: Some("shop".into()),
        name: "web".into(),
    };
    let web = |version: &str, available: u32| {
        json!({
            "metadata": {"resourceVersion": version, "generation": 1, "annotations": {marks::MANIFEST_HASH: "aa"}},
            "spec": {"replicas": 2},
            "status": {"observedGeneration": 1, "updatedReplicas": available, "availableReplicas": available},
        })
    };
    let health = || map.copies(&template).failover_health(&m1, &map.view());
    map.put_cluster(cluster("m1", Grade::Healthy), Some(standing(Grade::Healthy, 1)));
    map.observe_failure(&template, &m1, "no answer".to_owned(), false);
    map.observe_copy(&template, &m1, &web("12", 2), false);
    map.observe_copy(&template, &m1, &web("7", 0), true);
    assert_eq!(health(), MoveHealth::Healthy, "the order is carried out, and its answer older than the event");
    map.observe_copy(&template, &m1, &web("15", 0), false);
    map.observe_copy(&template, &m1, &web("12", 2), true);
    assert_eq!(health(), MoveHealth::Unhealthy, "an old answer makes nothing healthy either");
    map.observe_copy(&template, &m1, &web("3", 2), false);
    assert_eq!(health(), MoveHealth::Healthy, "the watch has the last word, on a store that was restored as well");
}

#[test]
fn a_failure_keeps_what_is_known_and_the_next_success_clears_it() {
    let (map, template, m1) = (FleetMap::default(), key("prices"), ClusterName::from("m1"));
    map.observe_copy(&template, &m1, &live("aa"), true);
    assert!(map.observe_failure(&template, &m1, "quota exceeded".to_owned(), true));
    assert!(!map.observe_failure(&template, &m1, "quota exceeded".to_owned(), true), "said already");
    let copies = map.copies(&template);
    let copy = copies.get(&m1).unwrap();
    assert_eq!((copy.hash, copy.is_applied(), copy.has_answered()), (Some(0xaa), false, true));
    map.observe_copy(&template, &m1, &live("aa"), false);
    assert!(!map.copies(&template).get(&m1).is_some_and(CopyState::is_applied), "seeing the old copy mends nothing");
    map.observe_copy(&template, &m1, &live("bb"), true);
    assert!(map.copies(&template).get(&m1).is_some_and(CopyState::is_applied));
}

#[test]
fn copies_are_counted_by_cluster_and_leave_with_it() {
    let map = FleetMap::default();
    let [m1, m2] = ["m1", "m2"].map(ClusterName::from);
    for name in ["one", "two", "three"] {
        map.observe_copy(&key(name), &m1, &live("aa"), true);
    }
    map.observe_copy(&key("one"), &m2, &live("aa"), true);
    map.put_cluster(cluster("m1", Grade::Healthy), None);
    assert_eq!(map.copies_by_cluster(), BTreeMap::from([(m1.clone(), 3), (m2.clone(), 1)]));
    map.forget_binding(&key("two"));
    map.observe_copy(&key("late"), &m1, &live("aa"), true);
    assert!(map.remove_cluster(&m1));
    assert!(!map.remove_cluster(&m1));
    assert_eq!(map.copies_by_cluster(), BTreeMap::from([(m2.clone(), 1)]));
    assert_eq!(map.copies(&key("one")).clusters().collect::<Vec<_>>(), [&m2]);
    assert!(map.view().clusters.is_empty());
    let stats = map.stats();
    assert_eq!((stats.conflicts_owner, stats.conflicts_stale), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_to_copies_hears_of_them_within_fifty_milliseconds_and_of_nothing_else() {
    let (map, m1) = (Arc::new(FleetMap::default()), ClusterName::from("m1"));
    let (cancel, mut tasks) = (CancellationToken::new(), tokio::task::JoinSet::new());
    let (running, cancelled) = (Arc::clone(&map), cancel.clone());
    tasks.spawn(async move { running.run(cancelled).await });
    let (_, mut subscription) = map.subscribe(16, |key| matches!(key, Key::Copies(_)));
    map.put_cluster(cluster("m1", Grade::Healthy), None);
    assert_eq!(subscription.take(), None);
    map.observe_copy(&key("prices"), &m1, &live("aa"), true);
    let heard = tokio::time::timeout(Duration::from_millis(50), subscription.next()).await.expect("in time");
    assert_eq!(heard.changed, Changed::Keys(vec![Key::Copies(Arc::new(key("prices")))]));
    assert!(map.snapshot().version() >= heard.version);
    assert!(map.snapshot().copies(&key("prices")).is_some());
}
