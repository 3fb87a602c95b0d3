use std::time::Duration;

use super::*;
use crate::health::observation::Level;
use crate::health::verdict::Arming;

/// Probes one cluster on a clock of its own: one API and two node targets.
struct Probed {
    detector: Detector,
    timing: Timing,
    now: u64,
    /// In milliseconds since the start; each plane answers while its flag is set.
    api: bool,
    data: bool,
    /// The flags of the last run, and when they last changed: a question from
    /// before belongs to the state before.
    former: (bool, bool),
    changed: u64,
}

const API: &str = "https://10.0.0.1:6443";
const NODES: [&str; 2] = ["10.0.1.1:10250", "10.0.1.2:10250"];

impl Probed {
    fn new(timing: &Timing) -> Self {
        let mut detector = Detector::new(*timing, Mono::default(), Wall(0));
        detector.set_targets(NODES.map(|node| (node.into(), Origin::Node)), Mono::default());
        Self::with(detector, timing)
    }

    fn with(detector: Detector, timing: &Timing) -> Self {
        let timing = *timing;
        Self { detector, timing, now: 0, api: true, data: true, former: (true, true), changed: 0 }
    }

    /// Runs the probe loops for `ms`, in order of the answers' arrival.
    fn run(&mut self, ms: u64) -> Vec<Transition> {
        if self.former != (self.api, self.data) {
            (self.former, self.changed) = ((self.api, self.data), self.now);
        }
        let mut seen = Vec::new();
        for at in self.now + 1..=self.now + ms {
            for (asked, target, plane, answers) in [
                (Asked::Api(Level::Connect), API, self.timing.api, self.api),
                (Asked::Data, NODES[0], self.timing.data, self.data),
                (Asked::Data, NODES[1], self.timing.data, self.data),
            ] {
                let (wait, outcome) = if answers {
                    (Duration::from_millis(1), Outcome::Fine)
                } else {
                    (plane.timeout, Outcome::Silent("timed out".into()))
                };
                let at = Mono::from_millis(at);
                let sent = at - wait;
                let due = sent.0.as_millis().is_multiple_of(plane.interval.as_millis());
                if due && at.0 >= wait && sent >= Mono::from_millis(self.changed) {
                    seen.extend(self.detector.observe(&Observation {
                        asked,
                        target: target.into(),
                        sent,
                        at,
                        outcome,
                    }));
                }
            }
        }
        self.now += ms;
        seen
    }

    fn judge(&self) -> Verdict {
        self.detector.judge(Mono::from_millis(self.now), Mono::default())
    }

    fn cut(&mut self) {
        (self.api, self.data) = (false, false);
    }

    fn heal(&mut self) {
        (self.api, self.data) = (true, true);
    }
}

fn grade_time(transitions: &[Transition], wanted: Change) -> Option<u64> {
    let found = transitions.iter().find(|transition| transition.change == wanted)?;
    u64::try_from(found.at.0.as_millis()).ok()
}

#[test]
fn a_full_cut_is_seen_as_fast_as_promised() {
    for (timing, suspect, dark, armed) in [(Timing::standard(), 500, 1200, 3500), (Timing::fast(), 200, 400, 1100)] {
        // The cut falls anywhere between two probes.
        for phase in [0, 17, 49, 50, 99, 150, 333, 499] {
            let mut probed = Probed::new(&timing);
            probed.run(20_000 + phase);
            let cut = probed.now;
            probed.cut();
            let seen = probed.run(armed);
            let suspect_at = grade_time(&seen, Change::Data(DataState::Serving, DataState::Suspect)).unwrap();
            let dark_at = grade_time(&seen, Change::Data(DataState::Suspect, DataState::Dark)).unwrap();
            assert!(suspect_at - cut <= suspect, "suspect after {} ms", suspect_at - cut);
            assert!(dark_at - cut <= dark, "dark after {} ms", dark_at - cut);
            let now = Mono::from_millis(probed.now);
            assert!(!probed.judge().is_armed(), "the hub alone does not arm that fast");
            probed.detector.observe_witness("b".into(), now, Sight::Silent);
            let verdict = probed.judge();
            assert_eq!((verdict.grade, verdict.confirmed), (Grade::IsolatedFull, true));
            assert!(verdict.is_armed(), "phase {phase}: {:?}", verdict.arming);
        }
    }
}

#[test]
fn a_hub_alone_waits_for_unconfirmed_after_and_not_longer() {
    let timing = Timing::standard();
    let mut probed = Probed::new(&timing);
    probed.run(10_000);
    probed.cut();
    probed.run(29_500);
    let verdict = probed.judge();
    assert!(matches!(verdict.arming, Arming::At(_)), "{:?}", verdict.arming);
    assert!(verdict.next_check.is_some());
    probed.run(1_600);
    assert!(probed.judge().is_armed());
}

#[test]
fn unconfirmed_after_can_be_set() {
    let timing = Timing::standard().with_unconfirmed_after(Duration::from_secs(3));
    let mut probed = Probed::new(&timing);
    probed.run(10_000);
    probed.cut();
    probed.run(4_000);
    assert!(probed.judge().is_armed());
}

#[test]
fn a_witness_that_still_sees_the_cluster_vetoes_the_move() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.cut();
    probed.run(60_000);
    let now = Mono::from_millis(probed.now);
    probed.detector.observe_witness("b".into(), now, Sight::Silent);
    probed.detector.observe_witness("c".into(), now, Sight::Serving);
    assert_eq!(probed.judge().arming, Arming::Vetoed(vec!["c".into()]));
}

#[test]
fn losing_the_api_alone_arms_nothing_however_long() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.api = false;
    probed.run(120_000);
    let verdict = probed.judge();
    assert_eq!((verdict.grade, verdict.arming), (Grade::IsolatedApi, Arming::NotCalledFor));
}

#[test]
fn a_dark_data_plane_under_an_answering_api_contradicts_itself() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.data = false;
    probed.run(60_000);
    let verdict = probed.judge();
    assert_eq!((verdict.grade, verdict.arming), (Grade::IsolatedData, Arming::Contradicted));
    let now = Mono::from_millis(probed.now);
    let mut ready_nodes = probed.detector.clone();
    ready_nodes.observe_nodes(Nodes { ready: 1, total: 2 }, now);
    assert_eq!(ready_nodes.judge(now, Mono::default()).arming, Arming::Contradicted);
    probed.detector.observe_nodes(Nodes { ready: 0, total: 2 }, now);
    assert!(probed.judge().is_armed());
}

#[test]
fn a_named_target_that_went_dark_settles_the_contradiction() {
    let timing = Timing::standard();
    let mut detector = Detector::new(timing, Mono::default(), Wall(0));
    detector.set_targets([(NODES[0].into(), Origin::Node), (NODES[1].into(), Origin::Named)], Mono::default());
    let mut probed = Probed::with(detector, &timing);
    probed.run(10_000);
    probed.data = false;
    probed.run(40_000);
    assert_eq!(probed.judge().grade, Grade::IsolatedData);
    assert!(probed.judge().is_armed());
}

#[test]
fn one_answering_target_keeps_the_plane_from_being_dark_and_is_reported() {
    let timing = Timing::standard();
    let mut detector = Detector::new(timing, Mono::default(), Wall(0));
    let third = "10.0.1.3:10250";
    detector.set_targets([NODES[0], NODES[1], third].map(|node| (node.into(), Origin::Node)), Mono::default());
    let mut probed = Probed::with(detector, &timing);
    let answer = |probed: &mut Probed| {
        let at = Mono::from_millis(probed.now);
        let outcome = Outcome::Wrong("connection refused".into());
        probed.detector.observe(&Observation { asked: Asked::Data, target: third.into(), sent: at, at, outcome });
    };
    probed.run(1_000);
    answer(&mut probed);
    probed.data = false;
    for _ in 0..20 {
        probed.run(200);
        answer(&mut probed);
    }
    let verdict = probed.judge();
    assert_eq!((verdict.data, verdict.grade), (DataState::Serving, Grade::Degraded));
    assert!(verdict.reason.contains(NODES[0]) && verdict.reason.contains(NODES[1]), "{}", verdict.reason);
}

#[test]
fn a_target_that_never_answered_is_unknown_and_never_dark() {
    let mut probed = Probed::new(&Timing::standard());
    probed.data = false;
    probed.run(60_000);
    assert_eq!(probed.judge().data, DataState::Unknown);
    probed.api = false;
    probed.run(60_000);
    let verdict = probed.judge();
    assert_eq!((verdict.grade, verdict.arming), (Grade::IsolatedApi, Arming::NotCalledFor));
    assert!(verdict.reason.contains("never seen"), "{}", verdict.reason);
}

#[test]
fn an_api_that_never_answered_is_unknown_and_says_so() {
    let mut probed = Probed::new(&Timing::standard());
    probed.cut();
    probed.run(10_000);
    let verdict = probed.judge();
    assert_eq!((verdict.grade, verdict.never_answered), (Grade::Unknown, true));
}

#[test]
fn an_unseen_data_plane_moves_only_by_choice() {
    let timing = Timing { data_unknown_after: Some(Duration::from_mins(1)), ..Timing::standard() };
    let mut probed = Probed::new(&timing);
    probed.data = false;
    probed.run(10_000);
    probed.api = false;
    probed.run(50_000);
    assert!(!probed.judge().is_armed());
    probed.run(12_000);
    assert!(probed.judge().is_armed());
}

#[test]
fn after_a_restart_stored_isolation_arms_nothing_before_a_full_window_of_own_probes() {
    let timing = Timing::standard();
    let mut before = Probed::new(&timing);
    before.run(10_000);
    before.cut();
    before.run(60_000);
    assert!(before.judge().is_armed());
    let wall = Wall(90_000);
    let stored = before.detector.stored();
    assert_eq!(stored.grade, Grade::IsolatedFull);
    let mut detector = Detector::restored(timing, &stored, Mono::default(), wall);
    detector.set_targets(NODES.map(|node| (node.into(), Origin::Node)), Mono::default());
    assert_eq!(detector.judge(Mono::default(), Mono::default()).grade, Grade::Unknown);
    assert_eq!(detector.stored(), stored, "a restart forgets nothing");
    let mut after = Probed::with(detector, &timing);
    after.cut();
    after.run(10_000);
    let verdict = after.judge();
    assert_eq!(verdict.grade, Grade::IsolatedFull, "the targets are known to have answered once");
    assert!(!verdict.is_armed());
    assert_eq!(after.detector.stored().since, stored.since);
    after.run(22_000);
    assert!(after.judge().is_armed());
}

#[test]
fn after_a_restart_a_cluster_that_answers_returns_through_the_stored_hold_down() {
    let timing = Timing::standard();
    let wall = Wall(1_000_000);
    let stored = Stored {
        grade: Grade::IsolatedFull,
        since: Wall(900_000),
        hold_down: Duration::from_secs(20),
        last_loss: Some(Wall(900_000)),
        api_seen: true,
        answered: NODES.map(TargetId::from).to_vec(),
    };
    let mut detector = Detector::restored(timing, &stored, Mono::default(), wall);
    detector.set_targets(NODES.map(|node| (node.into(), Origin::Node)), Mono::default());
    let mut probed = Probed::with(detector, &timing);
    probed.run(19_000);
    assert_eq!(probed.judge().grade, Grade::Recovering);
    probed.run(2_000);
    assert_eq!(probed.judge().grade, Grade::Healthy);
}

#[test]
fn silence_from_before_the_end_of_a_brake_counts_for_nothing() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.cut();
    probed.run(60_000);
    let now = Mono::from_millis(probed.now);
    assert!(probed.detector.judge(now, Mono::default()).is_armed());
    assert!(matches!(probed.detector.judge(now, now).arming, Arming::At(_)));
    let released = now;
    probed.run(32_000);
    assert!(probed.detector.judge(Mono::from_millis(probed.now), released).is_armed());
}

#[test]
fn evidence_that_stopped_coming_arms_nothing_and_the_hub_calls_itself_blind() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.cut();
    probed.run(40_000);
    assert!(probed.judge().is_armed());
    let later = Mono::from_millis(probed.now + 60_000);
    let verdict = probed.detector.judge(later, Mono::default());
    assert_eq!((verdict.arming, verdict.blind), (Arming::Stale, true));
}

#[test]
fn the_return_passes_recovering_and_takes_the_hold_down() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.cut();
    probed.run(10_000);
    probed.heal();
    let seen = probed.run(6_000);
    let changes: Vec<Change> = seen.iter().map(|transition| transition.change).collect();
    assert!(changes.contains(&Change::Grade(Grade::Recovering, Grade::Healthy)), "{changes:?}");
    let recovering = seen.iter().find(|transition| matches!(transition.change, Change::Grade(_, Grade::Recovering)));
    let healthy = seen.iter().find(|transition| matches!(transition.change, Change::Grade(_, Grade::Healthy)));
    assert!(healthy.unwrap().at.since(recovering.unwrap().at) >= Duration::from_millis(4_900));
    assert!(probed.judge().back_since.is_some());
}

#[test]
fn targets_that_are_gone_leave_the_plane_unknown() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(10_000);
    probed.cut();
    probed.run(10_000);
    assert_eq!(probed.judge().grade, Grade::IsolatedFull);
    let now = Mono::from_millis(probed.now);
    probed.detector.set_targets([("10.0.9.9:10250".into(), Origin::Node)], now);
    assert_eq!((probed.judge().data, probed.judge().grade), (DataState::Unknown, Grade::IsolatedApi));
}

#[test]
fn a_refused_apply_is_no_trouble_of_the_cluster_and_a_bad_readyz_is() {
    let mut probed = Probed::new(&Timing::standard());
    probed.run(1_000);
    let at = Mono::from_millis(probed.now);
    let mut say = |level| {
        let outcome = Outcome::Wrong("HTTP 422".into());
        let asked = Asked::Api(level);
        probed.detector.observe(&Observation { asked, target: API.into(), sent: at, at, outcome });
        probed.detector.judge(at, Mono::default()).grade
    };
    assert_eq!(say(Level::Use), Grade::Healthy);
    assert_eq!(say(Level::Ready), Grade::Degraded);
}
