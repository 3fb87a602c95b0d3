//! One cluster probed through a random history of cuts, with its marks carried
//! out and one binding on it moved and taken back as decided.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::cluster::{Cluster, Grade};
use crate::failover::eviction::{self, Eviction, Place, Twice, View};
use crate::failover::release::{self, Release};
use crate::failover::relocation::{self, Current};
use crate::failover::task::{PurgeMode, Task};
use crate::failover::{Health, Source};
use crate::health::marks::{self, Change, ConditionType, Conditions, ISOLATED};
use crate::health::observation::Asked;
use crate::health::verdict::{ApiState, DataState, Verdict};
use crate::health::{Brake, Detector, Level, Observation, Origin, Outcome, Timing};
use crate::ids::ClusterName;
use crate::invariants::{i1_plan, i1_release, i2_verdict, i6_eviction};
use crate::placement::{Placement, Target};
use crate::taint::Effect;
use crate::time::{Mono, Wall};

/// What the network does for a while.
#[derive(Clone, Copy, Debug)]
struct Spell {
    api: bool,
    data: bool,
    braked: bool,
    ms: u64,
}

fn spells() -> impl Strategy<Value = Vec<Spell>> {
    let spell = (any::<(bool, bool)>(), prop::bool::weighted(0.2), 100u64..6000)
        .prop_map(|((api, data), braked, ms)| Spell { api, data, braked, ms });
    prop::collection::vec(spell, 1..14)
}

/// Probes overlap and end every so often.
const STEP: u64 = 50;
const NODES: [&str; 2] = ["10.0.1.1:10250", "10.0.1.2:10250"];

struct World {
    timing: Timing,
    detector: Detector,
    cluster: Cluster,
    conditions: Conditions,
    taints_seen: BTreeMap<String, Mono>,
    brake: Brake,
    targets: Vec<Target>,
    tasks: Vec<Task>,
    now: u64,
    former: (bool, bool),
    changed: u64,
    ever: (bool, bool),
    grades: Vec<Grade>,
    /// Index into `grades` at each move.
    moves: Vec<usize>,
    armed: bool,
}

impl World {
    fn new() -> Self {
        let timing = Timing::fast().with_unconfirmed_after(Duration::from_secs(1));
        let mut detector = Detector::new(timing, Mono::default(), Wall(0));
        detector.set_targets(NODES.map(|node| (node.into(), Origin::Node)), Mono::default());
        Self {
            timing,
            detector,
            cluster: Cluster {
                name: "a".into(),
                labels: BTreeMap::new(),
                provider: String::new(),
                region: String::new(),
                zones: Vec::new(),
                taints: Vec::new(),
                deleting: false,
                apis: None,
                capacity: None,
                health: Grade::Unknown,
                fenced: false,
            },
            conditions: Conditions::default(),
            taints_seen: BTreeMap::new(),
            brake: Brake::default(),
            targets: vec![Target { cluster: "a".into(), replicas: None }],
            tasks: Vec::new(),
            now: 0,
            former: (true, true),
            changed: 0,
            ever: (false, false),
            grades: Vec::new(),
            moves: Vec::new(),
            armed: false,
        }
    }

    fn mono(&self) -> Mono {
        Mono::from_millis(self.now)
    }

    fn wall(&self) -> Wall {
        Wall(0) + Duration::from_millis(self.now)
    }

    fn live(&mut self, spell: Spell) -> Result<(), TestCaseError> {
        if self.former != (spell.api, spell.data) {
            (self.former, self.changed) = ((spell.api, spell.data), self.now);
        }
        self.brake = match (&self.brake, spell.braked) {
            (Brake::On { .. }, false) => Brake::Off { since: Some(self.mono()) },
            (Brake::Off { .. }, true) => {
                Brake::On { since: self.mono(), clusters: ["a".into(), "z".into()].into(), clearing: None }
            }
            (same, _) => same.clone(),
        };
        for _ in 0..spell.ms / STEP {
            self.now += STEP;
            self.probe(Asked::Api(Level::Connect), "api", spell.api);
            for node in NODES {
                self.probe(Asked::Data, node, spell.data);
            }
            self.decide()?;
        }
        Ok(())
    }

    fn probe(&mut self, asked: Asked, target: &str, answers: bool) {
        let timeout = if asked == Asked::Data { self.timing.data.timeout } else { self.timing.api.timeout };
        let (sent, outcome) = if answers {
            (self.mono(), Outcome::Fine)
        } else {
            (self.mono() - timeout, Outcome::Silent("timed out".into()))
        };
        if sent < Mono::from_millis(self.changed) {
            return;
        }
        if asked == Asked::Data {
            self.ever.1 |= answers;
        } else {
            self.ever.0 |= answers;
        }
        self.detector.observe(&Observation { asked, target: target.into(), sent, at: self.mono(), outcome });
    }

    fn decide(&mut self) -> Result<(), TestCaseError> {
        let verdict = self.detector.judge(self.mono(), self.brake.trusted_since(Mono::default()));
        prop_assert_eq!(i2_verdict(&verdict, self.ever.0, self.ever.1), Ok(()));
        self.armed |= verdict.is_armed();
        self.grades.push(verdict.grade);
        self.mark(&verdict);
        let source = match verdict.api {
            ApiState::Reachable | ApiState::Returning => Source::Known,
            ApiState::Unknown | ApiState::Suspect | ApiState::Unreachable => Source::Silent,
        };
        self.evict(&verdict, source)?;
        self.release(source)
    }

    fn mark(&mut self, verdict: &Verdict) {
        // The comparison is instant here.
        let compared = verdict.back_since;
        let evidence = marks::Evidence { verdict, brake: &self.brake, compared, now: self.wall() };
        for change in marks::plan(&self.cluster, &self.conditions, evidence).changes {
            match change {
                Change::SetCondition(condition) => match condition.kind {
                    ConditionType::Ready => self.conditions.ready = Some(condition),
                    ConditionType::FailoverArmed => self.conditions.failover_armed = Some(condition),
                },
                Change::AddTaint(taint) => {
                    self.taints_seen.insert(taint.key.clone(), Mono::from_millis(self.now));
                    self.cluster.taints.push(taint);
                }
                Change::RemoveTaint(key, effect) => {
                    self.cluster.taints.retain(|taint| taint.key != key || taint.effect != effect);
                    self.taints_seen.remove(key);
                }
                Change::SetIsolatedLabel => drop(self.cluster.labels.insert(ISOLATED.into(), "true".into())),
                Change::RemoveIsolatedLabel => drop(self.cluster.labels.remove(ISOLATED)),
            }
        }
    }

    fn evict(&mut self, verdict: &Verdict, source: Source) -> Result<(), TestCaseError> {
        let place = Place { cluster: &self.cluster, verdict, taints_seen: &self.taints_seen, source };
        let places = BTreeMap::from([(ClusterName::from("a"), place)]);
        let view = View {
            placement: &Placement::default(),
            targets: &self.targets,
            places: &places,
            brake: &self.brake,
            off: None,
            twice: &Twice::Allowed,
            purge: PurgeMode::Gracefully,
            after: self.timing.after,
        };
        let now = eviction::Now { wall: self.wall(), mono: self.mono() };
        for decided in eviction::evictions(view, now) {
            let Eviction::Due(due) = decided else { continue };
            prop_assert_eq!(i6_eviction(&due, &place, &self.brake), Ok(()));
            let current = Current { targets: &self.targets, tasks: &self.tasks, divided: false, grace: None };
            let plan = relocation::plan(current, &[due], self.wall(), |_, _| {
                Ok(vec![Target { cluster: "b".into(), replicas: None }])
            });
            prop_assert_eq!(i1_plan(current, &plan), Ok(()));
            self.moves.push(self.grades.len());
            (self.targets, self.tasks) = (plan.clusters, plan.tasks);
        }
        Ok(())
    }

    /// The replacement never becomes healthy, so each move is taken back.
    fn release(&mut self, source: Source) -> Result<(), TestCaseError> {
        let Some(task) = self.tasks.first() else { return Ok(()) };
        let replacement = ClusterName::from("b");
        let copies = [(&replacement, Health::Unhealthy)];
        let cause_persists = self.cluster.taints.iter().any(|taint| taint.effect == Effect::NoExecute);
        let scene = release::Scene { task, copies: &copies, schedule_is_current: true, source, cause_persists };
        let decided = release::release(scene);
        prop_assert_eq!(i1_release(scene, &decided), Ok(()));
        if let Release::Cancel(_) = decided {
            // The schedule then drops the replacement for the good old copy.
            self.targets = release::readopt(&[], task);
            self.tasks.clear();
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_a_promise(spells in spells()) {
        let mut world = World::new();
        for spell in spells {
            world.live(spell)?;
        }
        // A second move needs trust in between: the hold-down has ended.
        for pair in world.moves.windows(2) {
            let between = &world.grades[pair[0]..pair[1]];
            let trusted = between.iter().any(|grade| matches!(grade, Grade::Healthy | Grade::Degraded));
            prop_assert!(trusted, "two flaps within one hold-down moved the binding twice");
        }
    }

    #[test]
    fn losing_one_plane_alone_never_moves_anything(spells in spells(), api in any::<bool>()) {
        let mut world = World::new();
        world.live(Spell { api: true, data: true, braked: false, ms: 1000 })?;
        for spell in spells {
            // The other plane answers throughout.
            world.live(Spell { api: spell.api || !api, data: spell.data || api, ..spell })?;
        }
        prop_assert!(world.moves.is_empty());
        prop_assert!(!world.armed);
    }

    #[test]
    fn a_data_plane_that_never_answered_is_never_dark(spells in spells()) {
        let mut world = World::new();
        for spell in spells {
            world.live(Spell { data: false, ..spell })?;
            prop_assert_eq!(world.detector.judge(world.mono(), Mono::default()).data, DataState::Unknown);
        }
        prop_assert!(world.moves.is_empty());
    }
}

#[test]
fn a_flapping_cluster_moves_a_binding_once_and_a_rested_one_again() {
    let cut = Spell { api: false, data: false, braked: false, ms: 4000 };
    let short = Spell { api: true, data: true, braked: false, ms: 1000 };
    let long = Spell { ms: 30_000, ..short };
    for (spells, moves) in [
        (vec![long, cut], 1),
        (vec![long, cut, short, cut, short, cut], 1),
        (vec![long, cut, long, cut], 2),
        (vec![long, Spell { braked: true, ..cut }], 0),
        (vec![long, Spell { braked: true, ..cut }, cut], 1),
    ] {
        let mut world = World::new();
        for spell in &spells {
            world.live(*spell).unwrap();
        }
        assert_eq!(world.moves.len(), moves, "{spells:?}");
    }
}
