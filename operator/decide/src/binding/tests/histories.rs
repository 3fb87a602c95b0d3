//! Random histories of one binding: plans are written and carried out, copies
//! come and go as decided, and the last good one is always there.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::failover::release::replacement_may_start;
use crate::failover::removal::{Cause, Removal, Scene as RemovalScene};
use crate::invariants::{i1_removal, i6_eviction};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Copy, Debug)]
enum Event {
    Cut(&'static str),
    Heal(&'static str),
    /// A person drains it, or ends that.
    Drain(&'static str),
    Undrain(&'static str),
    Health(&'static str, Health),
    /// The operator starts anew: nothing is compared, nobody is judged.
    Restart,
    /// All that answer have been compared.
    Compare,
    Brake(bool),
    Scale(i32),
    Fence(&'static str, bool),
    Suspend(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let name = || select(NAMES.to_vec());
    let health = select(vec![Health::Healthy, Health::Unhealthy, Health::Unknown]);
    let event = prop_oneof![
        4 => name().prop_map(Event::Cut),
        3 => name().prop_map(Event::Heal),
        2 => name().prop_map(Event::Drain),
        2 => name().prop_map(Event::Undrain),
        8 => (name(), health).prop_map(|(name, health)| Event::Health(name, health)),
        1 => Just(Event::Restart),
        2 => Just(Event::Compare),
        1 => any::<bool>().prop_map(Event::Brake),
        1 => (0..9_i32).prop_map(Event::Scale),
        1 => (name(), any::<bool>()).prop_map(|(name, fenced)| Event::Fence(name, fenced)),
        1 => any::<bool>().prop_map(Event::Suspend),
    ];
    proptest::collection::vec(event, 1..30)
}

/// The binding and what really runs.
struct World {
    case: Case,
    /// Clusters that hold a copy.
    copies: BTreeSet<ClusterName>,
}

impl World {
    fn new(case: Case) -> Self {
        let copies = case.targets.iter().map(|target| target.cluster.clone()).collect();
        Self { case, copies }
    }

    fn happen(&mut self, event: Event) {
        let case = &mut self.case;
        match event {
            Event::Cut(name) => {
                case.cut(name);
                case.sicken(name, Health::Unknown);
            }
            Event::Heal(name) => case.heal(name),
            Event::Drain(name) => case.taint(name, HAND),
            Event::Undrain(name) => case.cluster(name).taints.retain(|taint| taint.key != HAND),
            // A copy nobody can speak to, or that is not there, is not heard of.
            Event::Health(name, health) => {
                if case.fleet.source(&name.into()) == Source::Known && self.copies.contains(name) {
                    case.sicken(name, health);
                }
            }
            Event::Restart => {
                for name in NAMES {
                    case.sicken(name, Health::Unknown);
                    let standing = case.fleet.standings.get_mut(name).expect("it has joined");
                    standing.taints_seen.clear();
                    standing.verdict.arming = Arming::NotCalledFor;
                    standing.source = standing.source.min_known();
                }
            }
            Event::Compare => {
                for standing in case.fleet.standings.values_mut() {
                    if standing.source == Source::NotCompared {
                        standing.source = Source::Known;
                    }
                }
            }
            Event::Brake(on) => case.fleet.brake = if on { braked() } else { Brake::default() },
            Event::Scale(replicas) => case.replicas = case.replicas.map(|_| replicas),
            Event::Fence(name, fenced) => case.cluster(name).fenced = fenced,
            Event::Suspend(suspended) => case.suspended = suspended,
        }
    }

    /// Plans, writes, and carries out.
    fn look(&mut self) -> Result<Plan, TestCaseError> {
        self.case.gone = self.gone();
        let before = self.case.clone();
        let plan = self.case.step();
        self.keeps_to_the_promises(&before, &plan)?;
        self.deliver();
        self.remove()?;
        Ok(plan)
    }

    fn gone(&self) -> Vec<ClusterName> {
        let from = self.case.tasks.iter().map(|task| &task.from);
        from.filter(|name| self.case.fleet.source(name) == Source::Known && !self.copies.contains(*name))
            .cloned()
            .collect()
    }

    fn keeps_to_the_promises(&self, before: &Case, plan: &Plan) -> Result<(), TestCaseError> {
        prop_assert!(!plan.targets.is_empty() || before.targets.is_empty() || self.wants_nothing());
        let places = before.fleet.places();
        for task in plan.tasks.iter().filter(|task| !before.tasks.contains(task)) {
            let place = &places[&task.from];
            let by_hand = place.cluster.taints.iter().any(|taint| taint.key == HAND);
            let due = eviction::Due {
                cluster: task.from.clone(),
                taint: String::new(),
                by_hand,
                purge: task.purge,
                message: String::new(),
            };
            prop_assert_eq!(i6_eviction(&due, place, &before.fleet.brake), Ok(()));
        }
        // Nothing moves off a target without a task: the schedule leaves a
        // cluster only when it is being vacated, or there are too many replicas.
        // Weights alone start from nothing whenever the replicas change.
        if matches!(before.placement.replicas, ReplicaScheduling::StaticWeighted(_)) {
            return Ok(());
        }
        let grew = |target: &&Target| {
            let old = before.targets.iter().find(|old| old.cluster == target.cluster);
            old.is_none_or(|old| old.replicas < target.replicas)
        };
        let left: Vec<_> = before.targets.iter().filter(|old| !names(plan).contains(&old.cluster)).collect();
        let is_back = plan.notes.iter().any(|note| matches!(note, Note::TakenBack { .. }));
        if plan.targets.iter().any(|target| grew(&target)) && !is_back {
            let vacated = |old: &&Target| plan.tasks.iter().any(|task| task.from == old.cluster);
            prop_assert!(left.iter().all(vacated), "{left:?} vanished");
        }
        Ok(())
    }

    fn wants_nothing(&self) -> bool {
        self.case.is_divided() && self.case.replicas == Some(0)
    }

    fn deliver(&mut self) {
        for target in &self.case.targets {
            let held_up = self.case.tasks.iter().any(|task| {
                let fenced = self.case.fleet.cluster(&task.from).is_some_and(|cluster| cluster.fenced);
                let gone = self.gone().contains(&task.from);
                !task.clusters_before.contains(&target.cluster) && !replacement_may_start(task, gone, fenced)
            });
            if self.case.fleet.source(&target.cluster) == Source::Known && !held_up {
                self.copies.insert(target.cluster.clone());
            }
        }
    }

    fn remove(&mut self) -> Result<(), TestCaseError> {
        let named: BTreeSet<_> = self.case.targets.iter().map(|target| target.cluster.clone()).collect();
        let copies = self.case.copies();
        let dropped = Dropped {
            placement: &self.case.placement,
            divided: self.case.is_divided(),
            replicas: self.case.replicas,
            remaining: &copies,
        };
        let mut removed = Vec::new();
        for name in self.copies.iter().filter(|name| !named.contains(*name)) {
            let source = self.case.fleet.source(name);
            if let Some(task) = self.case.tasks.iter().find(|task| task.from == *name) {
                if may_purge(task, &dropped, &self.case.fleet) {
                    prop_assert!(task.purge == PurgeMode::Directly && source == Source::Known && !copies.is_empty());
                    removed.push(name.clone());
                }
                continue;
            }
            let decided = may_remove(&dropped, name, &self.case.fleet);
            if decided == Removal::Delete(crate::failover::removal::Allowed::GivenUp) && self.wants_nothing() {
                prop_assert!(copies.is_empty() && source == Source::Known);
            } else {
                let scene =
                    RemovalScene { cause: Cause::Rescheduled, divided: dropped.divided, remaining: &copies, source };
                prop_assert_eq!(i1_removal(scene, &decided), Ok(()));
            }
            if let Removal::Delete(_) = decided {
                removed.push(name.clone());
            }
        }
        drop(copies);
        self.copies.retain(|name| !removed.contains(name));
        Ok(())
    }

    /// Everything heals, and every copy comes up.
    fn calm(&mut self) -> Result<(), TestCaseError> {
        self.happen(Event::Brake(false));
        self.happen(Event::Suspend(false));
        for name in NAMES {
            self.happen(Event::Heal(name));
            self.happen(Event::Undrain(name));
        }
        for _ in 0..6 {
            for name in NAMES {
                self.happen(Event::Health(name, Health::Healthy));
            }
            self.look()?;
        }
        Ok(())
    }
}

trait AfterRestart {
    fn min_known(self) -> Self;
}

impl AfterRestart for Source {
    /// What answers has to be compared again.
    fn min_known(self) -> Self {
        if self == Self::Known { Self::NotCompared } else { self }
    }
}

fn names(plan: &Plan) -> BTreeSet<&ClusterName> {
    plan.targets.iter().map(|target| &target.cluster).collect()
}

fn any_binding() -> impl Strategy<Value = Case> {
    let whole = |limit: u32, replicas| Case::new(&NAMES, whole_on(limit), replicas, &[]);
    let divided_as = |replicas: ReplicaScheduling| {
        let placement = Placement { replicas, ..Placement::default() };
        Case::new(&NAMES, placement, Some(6), &[])
    };
    let cases = vec![
        whole(1, Some(2)),
        whole(2, Some(2)),
        whole(2, None),
        Case::new(&NAMES, Placement::default(), Some(2), &[]),
        divided_as(ReplicaScheduling::DynamicWeighted),
        divided_as(ReplicaScheduling::Aggregated),
        divided_as(ReplicaScheduling::StaticWeighted(Vec::new())),
    ];
    let finite = prop::bool::weighted(0.3);
    (select(cases), prop::bool::weighted(0.2), prop::bool::weighted(0.2), finite).prop_map(
        |(mut case, directly, forbidden, finite)| {
            (case.scheduled_before, case.same_placement) = (false, false);
            if directly {
                case.purge = PurgeMode::Directly;
            }
            if forbidden {
                case.twice = Twice::Forbidden("a StatefulSet".into());
            }
            if finite {
                case.placement = tolerating(case.placement, HAND, Some(10));
            }
            case
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_history_loses_the_last_good_copy_and_every_move_ends(case in any_binding(), events in events()) {
        let mut world = World::new(case);
        world.look()?;
        for event in events {
            world.happen(event);
            world.look()?;
        }
        world.calm()?;
        let case = &world.case;
        prop_assert!(case.tasks.is_empty(), "{:?}", case.tasks);
        let targets: BTreeSet<_> = case.targets.iter().map(|target| target.cluster.clone()).collect();
        prop_assert_eq!(&targets, &world.copies, "each target has a copy and nothing else has");
        if case.is_divided() {
            let placed: i32 = case.targets.iter().filter_map(|target| target.replicas).sum();
            prop_assert_eq!(Some(placed), case.replicas);
        }
    }
}
