//! A small fleet, and a binding on it, to write stories on.

mod histories;
mod open_moves;
mod properties;
mod removal;
mod stories;

use crate::placement::Affinities;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::affinity::ClusterAffinity;
use crate::cluster::{Capacity, Grade};
use crate::failover::task::{Reason, TAINT_MANAGER};
use crate::failover::{Health, Source};
use crate::fleet;
use crate::health::marks::ISOLATED;
use crate::health::verdict::{ApiState, Arming, DataState};
use crate::health::{Brake, Detector, Timing, Verdict};
use crate::placement::{AffinityGroup, Spread, SpreadField};
use crate::taint::{Effect, Taint, Tolerated, Toleration};
use crate::time::Wall;

const HAND: &str = "example.com/drain";

fn deployments() -> Gvk {
    Gvk::from_api_version("apps/v1", "Deployment")
}

fn target(name: &str, replicas: i32) -> Target {
    Target { cluster: name.into(), replicas: Some(replicas) }
}

fn targets(list: &[(&str, i32)]) -> Vec<Target> {
    list.iter().map(|(name, replicas)| target(name, *replicas)).collect()
}

fn only(names: &[&str]) -> ClusterAffinity {
    ClusterAffinity { names: names.iter().map(|name| (*name).into()).collect(), ..ClusterAffinity::default() }
}

fn groups(names: &[&str]) -> Affinities {
    let group =
        |name: &&str| AffinityGroup { name: (*name).to_owned(), affinity: only(&[*name]), overflow: Vec::new() };
    Affinities::Groups(names.iter().map(group).collect())
}

fn divided() -> Placement {
    Placement { replicas: ReplicaScheduling::DynamicWeighted, ..Placement::default() }
}

/// A whole copy on so many clusters and no more.
fn whole_on(clusters: u32) -> Placement {
    let spread = Spread { by: SpreadField::Cluster, min_groups: clusters, max_groups: Some(clusters) };
    Placement { spread: vec![spread], ..Placement::default() }
}

fn tolerating(mut placement: Placement, key: &str, seconds: Option<i64>) -> Placement {
    placement.tolerations.push(Toleration { key: key.into(), value: Tolerated::Exists, effect: None, seconds });
    placement
}

fn task(from: &str, replicas: i32, before: &[&str]) -> Task {
    Task {
        from: from.into(),
        purge: PurgeMode::Gracefully,
        replicas: Some(replicas),
        reason: Reason::TaintUntolerated,
        message: String::new(),
        producer: TAINT_MANAGER.into(),
        grace: None,
        suppress_deletion: None,
        preserved_labels: BTreeMap::new(),
        created: Some(Wall(0)),
        clusters_before: before.iter().map(|name| (*name).into()).collect(),
    }
}

fn joined(name: &str) -> Cluster {
    Cluster {
        name: name.into(),
        labels: BTreeMap::new(),
        provider: String::new(),
        region: String::new(),
        zones: Vec::new(),
        taints: Vec::new(),
        deleting: false,
        apis: Some(Arc::new([deployments()].into())),
        capacity: Some(Capacity { allocatable: Resources::from([("pods".into(), 20)]), ..Capacity::default() }),
        health: Grade::Healthy,
        fenced: false,
    }
}

fn verdict(grade: Grade, arming: Arming) -> Verdict {
    let blank = Detector::new(Timing::standard(), Mono::default(), Wall(0)).judge(Mono::default(), Mono::default());
    let (api, data) = match grade {
        Grade::IsolatedFull => (ApiState::Unreachable, DataState::Dark),
        Grade::IsolatedApi => (ApiState::Unreachable, DataState::Serving),
        Grade::IsolatedData => (ApiState::Reachable, DataState::Dark),
        Grade::Recovering => (ApiState::Returning, DataState::Returning),
        _ => (ApiState::Reachable, DataState::Serving),
    };
    Verdict { api, data, grade, arming, ..blank }
}

/// Something that happens to a case.
type Change = fn(&mut Case);

/// A binding and everything that decides over it. Time stands at 100 s; taints
/// have been there for 50 s.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the facts of the binding, as `Standing` has them")]
struct Case {
    fleet: Fleet,
    placement: Placement,
    replicas: Option<i32>,
    twice: Twice,
    purge: PurgeMode,
    targets: Vec<Target>,
    tasks: Vec<Task>,
    group: Option<String>,
    /// Copies not named here are Healthy.
    health: BTreeMap<ClusterName, Health>,
    gone: Vec<ClusterName>,
    scheduled_before: bool,
    same_placement: bool,
    asked: bool,
    suspended: bool,
    schedule_is_current: bool,
}

impl Case {
    /// Healthy clusters `names` and a settled binding.
    fn new(names: &[&str], placement: Placement, replicas: Option<i32>, on: &[(&str, i32)]) -> Self {
        let mut case = Self {
            fleet: Fleet::default(),
            placement,
            replicas,
            twice: Twice::Allowed,
            purge: PurgeMode::Gracefully,
            targets: targets(on),
            tasks: Vec::new(),
            group: None,
            health: BTreeMap::new(),
            gone: Vec::new(),
            scheduled_before: true,
            same_placement: true,
            asked: false,
            suspended: false,
            schedule_is_current: true,
        };
        for name in names {
            case.join(name);
        }
        case
    }

    fn join(&mut self, name: &str) {
        self.fleet.clusters.push(joined(name));
        self.fleet.clusters.sort_by(|a, b| a.name.cmp(&b.name));
        let verdict = verdict(Grade::Healthy, Arming::NotCalledFor);
        let standing = fleet::Standing { verdict, taints_seen: BTreeMap::new(), source: Source::Known };
        self.fleet.standings.insert(name.into(), standing);
    }

    fn leave(&mut self, name: &str) {
        self.fleet.clusters.retain(|cluster| cluster.name.as_str() != name);
        self.fleet.standings.remove(name);
    }

    fn cluster(&mut self, name: &str) -> &mut Cluster {
        self.fleet.clusters.iter_mut().find(|cluster| cluster.name.as_str() == name).expect("it has joined")
    }

    fn taint(&mut self, name: &str, key: &str) {
        let taint =
            Taint { key: key.into(), value: String::new(), effect: Effect::NoExecute, added: Some(Wall(50_000)) };
        self.cluster(name).taints.push(taint);
        let standing = self.fleet.standings.get_mut(name).expect("it has joined");
        standing.taints_seen.insert(key.into(), Mono::from_millis(50_000));
    }

    fn judge(&mut self, name: &str, grade: Grade, arming: Arming, source: Source) {
        self.cluster(name).health = grade;
        let standing = self.fleet.standings.get_mut(name).expect("it has joined");
        (standing.verdict, standing.source) = (verdict(grade, arming), source);
    }

    /// Both planes are lost for sure, and the cluster carries the marks.
    fn cut(&mut self, name: &str) {
        self.heal(name);
        self.judge(name, Grade::IsolatedFull, Arming::Armed, Source::Silent);
        self.cluster(name).labels.insert(ISOLATED.into(), "true".into());
        self.taint(name, ISOLATED);
    }

    /// It is back, compared, and carries no mark any more.
    fn heal(&mut self, name: &str) {
        self.judge(name, Grade::Healthy, Arming::NotCalledFor, Source::Known);
        self.cluster(name).labels.remove(ISOLATED);
        self.cluster(name).taints.retain(|taint| taint.key != ISOLATED);
    }

    fn sicken(&mut self, name: &str, health: Health) {
        self.health.insert(name.into(), health);
    }

    fn health_on(&self, cluster: &ClusterName) -> Health {
        self.health.get(cluster).copied().unwrap_or(Health::Healthy)
    }

    fn copies(&self) -> Vec<Copy<'_>> {
        self.targets.iter().map(|target| (&target.cluster, self.health_on(&target.cluster))).collect()
    }

    fn plan(&self) -> Plan {
        self.ask(plan)
    }

    fn ask<T>(&self, ask: impl FnOnce(&Scene<'_>, Now) -> T) -> T {
        let copies = self.copies();
        let scene = Scene {
            gvk: &deployments(),
            template_uid: "",
            replicas: self.replicas,
            requests: None,
            twice: &self.twice,
            placement: &self.placement,
            purge: self.purge,
            standing: Standing {
                targets: &self.targets,
                tasks: &self.tasks,
                group: self.group.as_deref(),
                scheduled_before: self.scheduled_before,
                same_placement: self.same_placement,
                asked: self.asked,
                suspended: self.suspended,
                schedule_is_current: self.schedule_is_current,
                copies: &copies,
                gone: &self.gone,
            },
            fleet: &self.fleet,
            after: Duration::from_secs(2),
            off: None,
        };
        ask(&scene, Now { wall: Wall(100_000), mono: Mono::from_millis(100_000) })
    }

    /// Writes the plan into the binding; copies that are new or have other
    /// replicas are Unknown until they are heard of as ordered.
    fn write(&mut self, plan: &Plan) {
        for target in &plan.targets {
            if !self.targets.contains(target) {
                self.health.insert(target.cluster.clone(), Health::Unknown);
            }
        }
        (self.targets, self.tasks, self.group) = (plan.targets.clone(), plan.tasks.clone(), plan.group.clone());
        (self.scheduled_before, self.same_placement, self.asked) = (true, true, false);
    }

    /// Plans and writes.
    fn step(&mut self) -> Plan {
        let plan = self.plan();
        self.write(&plan);
        plan
    }

    fn is_divided(&self) -> bool {
        self.replicas.is_some() && self.placement.replicas != ReplicaScheduling::Duplicated
    }
}

/// As short as a failed case must be to be read.
impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "\n{:?} {:?} {:?} {:?} {:?}", self.placement, self.replicas, self.twice, self.purge, self.group)?;
        for cluster in &self.fleet.clusters {
            let standing = self.fleet.standings.get(&cluster.name);
            let standing = standing.map(|standing| (&standing.verdict.arming, standing.source));
            let taints: Vec<&str> = cluster.taints.iter().map(|taint| taint.key.as_str()).collect();
            let health = self.health_on(&cluster.name);
            let (name, deleting) = (&cluster.name, cluster.deleting);
            writeln!(f, "{name}: {:?} {standing:?} {taints:?} deleting={deleting} copy={health:?}", cluster.health)?;
        }
        let targets: Vec<_> = self.targets.iter().map(|target| (target.cluster.as_str(), target.replicas)).collect();
        let tasks: Vec<_> = self.tasks.iter().map(|task| (&task.from, task.replicas, task.purge)).collect();
        writeln!(f, "targets={targets:?} tasks={tasks:?} gone={:?} brake={}", self.gone, self.fleet.brake.is_on())?;
        let (before, same, current) = (self.scheduled_before, self.same_placement, self.schedule_is_current);
        let (asked, suspended) = (self.asked, self.suspended);
        write!(f, "before={before} same={same} asked={asked} suspended={suspended} current={current}")
    }
}

fn on(plan: &Plan) -> Vec<(&str, i32)> {
    plan.targets.iter().map(|target| (target.cluster.as_str(), target.replicas.unwrap_or(-1))).collect()
}

fn leaving(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|task| task.from.as_str()).collect()
}

fn is_lost(plan: &Plan, name: &str) -> bool {
    plan.notes.iter().any(|note| matches!(note, Note::Lost { cluster, .. } if cluster.as_str() == name))
}

fn is_released(plan: &Plan, name: &str) -> bool {
    plan.notes.contains(&Note::Released(name.into()))
}

fn is_taken_back(plan: &Plan, name: &str) -> bool {
    plan.notes.iter().any(|note| matches!(note, Note::TakenBack { cluster, .. } if cluster.as_str() == name))
}

fn braked() -> Brake {
    Brake::On { since: Mono::default(), clusters: BTreeSet::from(["a".into(), "b".into()]), clearing: None }
}
