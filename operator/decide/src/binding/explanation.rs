//! How a plan came about, as a value: the decision of [`super::plan`], and what
//! each of its steps saw.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::observer::Observer;
use super::{Note, Outcome, Plan, Purpose, Question, Scene, plan_before, vacated};
use crate::affinity::Unmet;
use crate::cluster::Cluster;
use crate::failover::eviction::{Eviction, Now};
use crate::failover::release::{Release, Wait};
use crate::failover::task::Task;
use crate::placement::Target;
use crate::schedule::candidate::{Candidate, Growth};
use crate::schedule::divide::Division;
use crate::schedule::explanation::Collector;
use crate::schedule::observer::{self, Again, Apportioned};
use crate::schedule::spread::Rules;
use crate::schedule::term::Term;
use crate::schedule::{self, Decision, Failure, Reason};

/// How a plan came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The schedules that were asked for, in their order. Where no rule asks
    /// for one, what it would answer now.
    pub schedules: Vec<Schedule>,
    /// Open moves, and what becomes of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// Targets on tainted clusters, and what becomes of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evictions: Vec<Evicted>,
    /// How the plan ended, in words.
    pub outcome: String,
    /// What is worth telling, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// What it was asked for, in words.
    pub why: String,
    /// A rule, or a move, asks for it; else it is there to explain.
    pub due: bool,
    /// The answer; None: it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Vec<Target>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How it came about.
    #[serde(flatten)]
    pub course: schedule::Explanation,
}

/// One open move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// The cluster being vacated.
    pub from: String,
    /// Why.
    pub reason: String,
    /// How the old copy goes.
    pub purge: String,
    /// What becomes of it now.
    pub now: String,
}

/// One target on a tainted cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evicted {
    /// The cluster.
    pub cluster: String,
    /// It must be vacated now.
    pub due: bool,
    /// Seconds until it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_seconds: Option<u64>,
    /// Why, or why not.
    pub why: String,
}

/// The plan, and how it came about.
pub fn explain(scene: &Scene<'_>, now: Now) -> (Plan, Explanation) {
    let mut watching = Watching { now: Some(now), ..Watching::default() };
    let plan = plan_before(scene, now, &mut watching);
    let asks = |schedule: &Schedule| schedule.why != Purpose::Replacement.to_string();
    if !watching.seen.schedules.iter().any(asks) {
        let question = Question {
            why: Purpose::Explanation,
            previous: &plan.targets,
            evicting: &vacated(&plan.tasks),
            group: plan.group.as_deref(),
            fresh: false,
        };
        // The answer is in what was seen.
        let _ = scene.schedule(question, now, &mut watching);
    }
    let mut seen = watching.seen;
    seen.outcome = plan.outcome.to_string();
    seen.notes = plan.notes.iter().map(ToString::to_string).collect();
    (plan, seen)
}

/// Writes down what it sees.
#[derive(Default)]
struct Watching {
    now: Option<Now>,
    course: Collector,
    seen: Explanation,
}

impl Observer for Watching {
    fn task(&mut self, task: &Task, decided: &Release) {
        self.seen.moves.push(Move {
            from: task.from.to_string(),
            reason: task.reason.to_string(),
            purge: format!("{:?}", task.purge),
            now: decided.to_string(),
        });
    }

    fn answered(&mut self, why: Purpose, decision: &Result<Decision, Failure>) {
        self.seen.schedules.push(Schedule {
            why: why.to_string(),
            due: why != Purpose::Explanation,
            answer: decision.as_ref().ok().map(|decision| decision.targets.clone()),
            failure: decision.as_ref().err().map(ToString::to_string),
            course: std::mem::take(&mut self.course).end(),
        });
    }

    fn eviction(&mut self, decided: &Eviction) {
        let evicted = match decided {
            Eviction::Due(due) => {
                Evicted { cluster: due.cluster.to_string(), due: true, in_seconds: None, why: due.message.clone() }
            }
            Eviction::Waiting { cluster, until } => {
                let left = self.now.map_or(Duration::ZERO, |now| until.since(now.mono));
                let why = "its taint is tolerated until then".to_owned();
                Evicted { cluster: cluster.to_string(), due: false, in_seconds: Some(left.as_secs()), why }
            }
            Eviction::Held { cluster, why } => {
                Evicted { cluster: cluster.to_string(), due: false, in_seconds: None, why: why.to_string() }
            }
        };
        self.seen.evictions.push(evicted);
    }
}

/// What a schedule shows goes to the collector of its course.
impl observer::Observer for Watching {
    const EVERYTHING: bool = true;

    fn attempt(&mut self, term: &Term<'_>, division: &Division<'_>) {
        observer::Observer::attempt(&mut self.course, term, division);
    }
    fn examining(&mut self, cluster: &Cluster) {
        self.course.examining(cluster);
    }
    fn refused(&mut self, filter: &'static str, why: &Reason, kept: Option<Growth>, affinity: Option<Unmet<'_>>) {
        self.course.refused(filter, why, kept, affinity);
    }
    fn ranked(&mut self, candidates: &[Candidate<'_>], by_room: bool) {
        self.course.ranked(candidates, by_room);
    }
    fn settled(&mut self) {
        self.course.settled();
    }
    fn region(&mut self, name: &str, score: i64, is_used: bool) {
        self.course.region(name, score, is_used);
    }
    fn selected(&mut self, rules: &Rules, chosen: &[&Candidate<'_>]) {
        self.course.selected(rules, chosen);
    }
    fn apportioned(&mut self, round: &Apportioned<'_>) {
        self.course.apportioned(round);
    }
    fn begun_again(&mut self, why: Again) {
        self.course.begun_again(why);
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(trigger) => trigger.fmt(f),
            Self::Replacement => f.write_str("a target has to be replaced"),
            Self::Explanation => f.write_str("no rule asks for it; so it would be now"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stands => f.write_str("the last result stands: no rule asks for a schedule"),
            Self::Scheduled(trigger) => write!(f, "it is scheduled, because {trigger}"),
            Self::Failed { reason, message } => write!(f, "{reason}: {message}"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { cluster, why } => write!(f, "the copy on {cluster} stays: {why}"),
            Self::Vacating { cluster, why } => write!(f, "moving off {cluster}: {why}"),
            Self::Lost { cluster, why } => write!(f, "{cluster} is lost and its copy stays: {why}"),
            Self::Replaced(cluster) => {
                write!(f, "the replacement is healthy; the old copy goes when {cluster} answers again")
            }
            Self::Released(cluster) => {
                write!(f, "the replacement is healthy and {cluster} answers: its old copy goes")
            }
            Self::TakenBack { cluster, why } => write!(f, "{cluster} is back and its copy is taken back: {why}"),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(wait) => write!(f, "it waits: {wait}"),
            Self::Remove => f.write_str("it is over: the old copy goes"),
            Self::Cancel(why) => write!(f, "the old copy is taken back: {why}"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SuppressDeletion => f.write_str("suppressDeletion is set, until a person says otherwise"),
            Self::SourceSilent => f.write_str("the replacement is healthy and the old copy's cluster does not answer"),
            Self::SourceNotCompared => {
                f.write_str("the old copy's cluster answers, and what runs there is not compared yet")
            }
            Self::ScheduleNotCurrent => f.write_str("the schedule is older than the spec"),
            Self::NoReplacement => f.write_str("there is no replacement"),
            Self::NotHealthy(cluster, health) => write!(f, "the copy on {cluster} is {health:?}"),
        }
    }
}
