use super::*;
use crate::cluster::Grade;
use crate::health::Detector;
use crate::health::marks::ISOLATED;
use crate::health::timing::Timing;
use crate::health::verdict::Arming;
use crate::taint::Tolerated;

const HAND: &str = "example.com/maintenance";

/// A binding on cluster `a`, and everything that decides over it.
struct Case {
    placement: Placement,
    cluster: Cluster,
    verdict: Verdict,
    taints_seen: BTreeMap<String, Mono>,
    source: Source,
    brake: Brake,
    off: Option<Off>,
    twice: Twice,
    purge: PurgeMode,
    now: Now,
}

fn taint(key: &str, added: i64) -> Taint {
    Taint { key: key.into(), value: String::new(), effect: Effect::NoExecute, added: Some(Wall(added)) }
}

/// Isolated and armed; the taint is ten seconds old on both clocks.
fn isolated() -> Case {
    let blank = Detector::new(Timing::standard(), Mono::default(), Wall(0)).judge(Mono::default(), Mono::default());
    Case {
        placement: Placement::default(),
        cluster: Cluster {
            name: "a".into(),
            labels: BTreeMap::from([(ISOLATED.into(), "true".into())]),
            provider: String::new(),
            region: String::new(),
            zones: Vec::new(),
            taints: vec![taint(ISOLATED, 90_000)],
            deleting: false,
            apis: None,
            capacity: None,
            health: Grade::IsolatedFull,
            fenced: false,
        },
        verdict: Verdict { grade: Grade::IsolatedFull, arming: Arming::Armed, ..blank },
        taints_seen: BTreeMap::from([
            (ISOLATED.into(), Mono::from_millis(90_000)),
            (HAND.into(), Mono::from_millis(90_000)),
        ]),
        source: Source::Silent,
        brake: Brake::default(),
        off: None,
        twice: Twice::Allowed,
        purge: PurgeMode::Gracefully,
        now: Now { wall: Wall(100_000), mono: Mono::from_millis(100_000) },
    }
}

/// Healthy, with a taint a person set ten seconds ago.
fn by_hand() -> Case {
    let mut case = isolated();
    case.cluster.labels.clear();
    case.cluster.taints = vec![taint(HAND, 90_000)];
    case.verdict = Verdict { grade: Grade::Healthy, arming: Arming::NotCalledFor, ..case.verdict };
    case.source = Source::Known;
    case
}

fn braked() -> Brake {
    Brake::On { since: Mono::default(), clusters: ["a".into(), "b".into()].into(), clearing: None }
}

impl Case {
    fn decide(&self) -> Option<Eviction> {
        let place = Place {
            cluster: &self.cluster,
            verdict: &self.verdict,
            taints_seen: &self.taints_seen,
            source: self.source,
        };
        let places = BTreeMap::from([("a".into(), place)]);
        let targets = [
            Target { cluster: "a".into(), replicas: Some(1) },
            Target { cluster: "not-in-the-snapshot".into(), replicas: Some(1) },
        ];
        let view = View {
            placement: &self.placement,
            targets: &targets,
            places: &places,
            brake: &self.brake,
            off: self.off,
            twice: &self.twice,
            purge: self.purge,
            after: Duration::from_secs(2),
        };
        let mut decided = evictions(view, self.now);
        assert!(decided.len() <= 1);
        decided.pop()
    }

    fn tolerating(mut self, key: &str, seconds: Option<i64>) -> Self {
        let toleration = Toleration { key: key.into(), value: Tolerated::Exists, effect: None, seconds };
        self.placement.tolerations.push(toleration);
        self
    }

    fn held(&self) -> Option<Held> {
        match self.decide() {
            Some(Eviction::Held { why, .. }) => Some(why),
            _ => None,
        }
    }

    fn is_due(&self) -> bool {
        matches!(self.decide(), Some(Eviction::Due(_)))
    }

    fn waits_until(&self) -> Option<u64> {
        match self.decide() {
            Some(Eviction::Waiting { until, .. }) => u64::try_from(until.0.as_millis()).ok(),
            _ => None,
        }
    }
}

#[test]
fn an_armed_isolation_evicts_after_failover_after() {
    let mut case = isolated();
    let Some(Eviction::Due(due)) = case.decide() else { panic!("{:?}", case.decide()) };
    assert_eq!((due.cluster.as_str(), due.by_hand), ("a", false));
    assert_eq!((due.taint.as_str(), due.purge), (ISOLATED, PurgeMode::Gracefully));
    case.now = Now { wall: Wall(91_500), mono: Mono::from_millis(91_500) };
    assert_eq!(case.waits_until(), Some(92_000));
}

#[test]
fn a_cluster_without_untolerated_no_execute_taints_gives_nothing() {
    let mut case = isolated();
    case.cluster.taints[0].effect = Effect::NoSchedule;
    assert_eq!(case.decide(), None);
    assert_eq!(isolated().tolerating(ISOLATED, None).decide(), None);
    assert_eq!(isolated().tolerating("", None).decide(), None);
}

#[test]
fn toleration_seconds_run_from_the_taints_time() {
    assert_eq!(isolated().tolerating(ISOLATED, Some(30)).waits_until(), Some(120_000));
    assert!(isolated().tolerating(ISOLATED, Some(10)).is_due());
    assert!(by_hand().is_due(), "no toleration tolerates nothing");
    assert_eq!(by_hand().tolerating(HAND, Some(30)).waits_until(), Some(120_000));
}

#[test]
fn only_the_first_matching_toleration_counts() {
    assert_eq!(isolated().tolerating(ISOLATED, None).tolerating(ISOLATED, Some(0)).decide(), None);
    assert!(isolated().tolerating(ISOLATED, Some(0)).tolerating(ISOLATED, None).is_due());
}

#[test]
fn the_shortest_of_several_taints_counts() {
    let mut case = isolated().tolerating(ISOLATED, Some(60)).tolerating(HAND, Some(30));
    case.cluster.taints.push(taint(HAND, 90_000));
    assert_eq!(case.waits_until(), Some(120_000));
}

#[test]
fn neither_a_jumping_clock_nor_a_young_process_uses_a_toleration_up() {
    let mut jumped = isolated().tolerating(ISOLATED, Some(30));
    jumped.now.wall = Wall(999_000_000);
    assert_eq!(jumped.waits_until(), Some(120_000));
    let mut restarted = isolated().tolerating(ISOLATED, Some(30));
    restarted.cluster.taints[0].added = Some(Wall(0));
    restarted.taints_seen.insert(ISOLATED.into(), Mono::from_millis(99_000));
    assert_eq!(restarted.waits_until(), Some(129_000));
    restarted.taints_seen.clear();
    assert_eq!(restarted.waits_until(), Some(130_000));
}

#[test]
fn the_brake_holds_what_the_verdict_marked_and_not_what_a_person_wrote() {
    let case = Case { brake: braked(), ..isolated() };
    assert!(matches!(case.held(), Some(Held::Brake(_))));
    let Some(Eviction::Due(due)) = (Case { brake: braked(), ..by_hand() }).decide() else { panic!("held") };
    assert!(due.by_hand);
}

#[test]
fn a_persons_taint_is_not_hidden_behind_a_held_one() {
    let mut case = Case { brake: braked(), ..isolated() };
    case.cluster.taints.push(taint(HAND, 90_000));
    assert!(case.is_due());
}

#[test]
fn an_isolation_taint_without_our_label_was_set_by_a_person() {
    let mut case = by_hand();
    case.cluster.taints = vec![taint(ISOLATED, 90_000)];
    let Some(Eviction::Due(due)) = case.decide() else { panic!("{:?}", case.decide()) };
    assert!(due.by_hand);
}

#[test]
fn a_mark_of_a_former_process_evicts_nothing_before_own_probes_agree() {
    for arming in [Arming::At(Mono::from_millis(130_000)), Arming::Stale, Arming::Vetoed(vec!["b".into()])] {
        let mut case = isolated();
        case.verdict.arming = arming.clone();
        assert_eq!(case.held(), Some(Held::NotArmed(arming)));
    }
    let mut unknown = isolated();
    unknown.verdict = Verdict { grade: Grade::Unknown, arming: Arming::NotCalledFor, ..unknown.verdict };
    assert_eq!(unknown.held(), Some(Held::NotArmed(Arming::NotCalledFor)));
}

#[test]
fn a_mark_that_outlives_the_isolation_evicts_nothing() {
    let mut case = isolated();
    case.verdict = Verdict { grade: Grade::Recovering, arming: Arming::NotCalledFor, ..case.verdict };
    assert_eq!(case.held(), Some(Held::Returning));
}

#[test]
fn failover_can_be_switched_off() {
    for off in [Off::Operator, Off::Policy, Off::Template] {
        assert_eq!((Case { off: Some(off), ..isolated() }).held(), Some(Held::Off(off)));
    }
}

#[test]
fn what_must_not_run_twice_moves_only_when_fenced() {
    let twice = || Twice::Forbidden("a StatefulSet".into());
    let mut case = Case { twice: twice(), ..isolated() };
    assert_eq!(case.held(), Some(Held::Unfenced("a StatefulSet".into())));
    case.cluster.fenced = true;
    assert!(case.is_due());
    let directly = PurgeMode::Directly;
    assert!(matches!((Case { twice: twice(), purge: directly, ..isolated() }).held(), Some(Held::Unfenced(_))));
    assert!(matches!((Case { twice: twice(), ..by_hand() }).held(), Some(Held::Unfenced(_))));
    assert!((Case { twice: twice(), purge: directly, ..by_hand() }).is_due(), "the old copy is seen to go first");
}
