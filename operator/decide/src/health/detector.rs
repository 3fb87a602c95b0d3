//! One cluster's detector: folds evidence in, judges on demand.

mod arming;
mod evidence;

use crate::cluster::Grade;
use crate::health::observation::{Asked, Observation, Origin, Outcome, TargetId};
use crate::health::plane::{Event, HoldDown, Phase, Plane, Prior};
use crate::health::timing::Timing;
use crate::health::verdict::{self, ApiState, Change, DataState, Transition, Verdict};
use crate::health::witness::{Reports, Sight};
use crate::ids::ClusterName;
use crate::time::{Mono, Wall};
use evidence::{ApiEvidence, DataEvidence};

/// What is kept on the Cluster status between processes. Facts, no counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The grade.
    pub grade: Grade,
    /// When it began.
    pub since: Wall,
    /// The hold-down after the next return; zero: never lost.
    pub hold_down: std::time::Duration,
    /// The last loss of a plane.
    pub last_loss: Option<Wall>,
    /// The API has answered since the cluster joined.
    pub api_seen: bool,
    /// Data-plane targets that have answered since the cluster joined. Without
    /// them a hub that restarts during an outage can only say "unknown".
    pub answered: Vec<TargetId>,
}

/// Share of Ready nodes, as the member's API last told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nodes {
    /// Ready ones.
    pub ready: u32,
    /// All.
    pub total: u32,
}

/// The detector of one cluster. It keeps evidence of this process only; what
/// was stored shapes where it starts, never what it may do.
#[derive(Clone, Debug)]
pub struct Detector {
    timing: Timing,
    started: Mono,
    api: Plane,
    data: Plane,
    api_evidence: ApiEvidence,
    data_evidence: DataEvidence,
    reports: Reports,
    nodes: Option<Nodes>,
    grade: Grade,
    since: Mono,
    stored_since: Option<(Grade, Wall)>,
    /// One pair of clock readings: a fixed offset gives the same stored times
    /// each time they are asked for.
    clocks: (Mono, Wall),
    stored_loss: Option<Wall>,
}

impl Detector {
    /// For a cluster that just joined.
    pub fn new(timing: Timing, now: Mono, wall: Wall) -> Self {
        Self {
            timing,
            started: now,
            api: Plane::new(Prior::NeverSeen, HoldDown::default()),
            data: Plane::new(Prior::NeverSeen, HoldDown::default()),
            api_evidence: ApiEvidence::default(),
            data_evidence: DataEvidence::default(),
            reports: Reports::default(),
            nodes: None,
            grade: Grade::Unknown,
            since: now,
            stored_since: None,
            clocks: (now, wall),
            stored_loss: None,
        }
    }

    /// For a cluster another process has watched before.
    pub fn restored(timing: Timing, stored: &Stored, now: Mono, wall: Wall) -> Self {
        let recent = stored.last_loss.is_some_and(|loss| wall.since(loss) < timing.hold_down.forget);
        let lost = match stored.grade {
            Grade::IsolatedApi | Grade::IsolatedData | Grade::IsolatedFull | Grade::Recovering => true,
            // Suspicion may have fallen into a hold-down; waiting it out again is the safe reading.
            Grade::Suspect => recent,
            Grade::Healthy | Grade::Degraded | Grade::Unknown => false,
        };
        let prior = |seen: bool| match (seen, lost) {
            (false, _) => Prior::NeverSeen,
            (true, false) => Prior::Good,
            (true, true) => Prior::Bad,
        };
        let hold_down =
            if recent { HoldDown { length: stored.hold_down, last_loss: Some(now) } } else { HoldDown::default() };
        Self {
            api: Plane::new(prior(stored.api_seen), hold_down),
            data: Plane::new(prior(!stored.answered.is_empty()), hold_down),
            data_evidence: DataEvidence::remembering(stored.answered.iter().cloned()),
            stored_since: Some((stored.grade, stored.since)),
            stored_loss: stored.last_loss.filter(|_| recent),
            ..Self::new(timing, now, wall)
        }
    }

    /// What to keep on the Cluster status; equal as long as nothing changed.
    pub fn stored(&self) -> Stored {
        let lossy = if self.api.hold_down.length >= self.data.hold_down.length { self.api } else { self.data };
        let (grade, since) = match self.stored_since {
            // No full judgement yet, or the same one: what was stored still stands.
            Some(stored) if self.is_settling() || stored.0 == self.grade => stored,
            Some(_) | None => (self.grade, self.wall_of(self.since)),
        };
        Stored {
            grade,
            since,
            hold_down: lossy.hold_down.length,
            last_loss: match lossy.hold_down.last_loss {
                // The former process's loss, in its own time.
                Some(at) if at == self.started => self.stored_loss,
                other => other.map(|at| self.wall_of(at)),
            },
            api_seen: self.api.prior() != Prior::NeverSeen,
            answered: self.data_evidence.answered(),
        }
    }

    fn wall_of(&self, at: Mono) -> Wall {
        let (mono, wall) = self.clocks;
        wall + at.since(mono)
    }

    /// Sets which data-plane targets are asked. Those that stay keep their
    /// evidence.
    pub fn set_targets(&mut self, targets: impl IntoIterator<Item = (TargetId, Origin)>, now: Mono) -> Vec<Transition> {
        self.data_evidence.set_targets(targets);
        if self.data_evidence.is_unseen() {
            return self.advance_data(Event::Unseen, now, "no data-plane target is left that ever answered");
        }
        Vec::new()
    }

    /// Folds one observation in.
    pub fn observe(&mut self, observation: &Observation) -> Vec<Transition> {
        let now = observation.at;
        let why = explain(observation);
        match observation.asked {
            Asked::Api(level) => {
                self.api_evidence.observe(level, observation, &self.timing);
                match self.api_evidence.event(&observation.outcome) {
                    Some(event) => self.advance_api(event, now, &why),
                    None => self.regrade(now, &why),
                }
            }
            Asked::Data => {
                self.data_evidence.observe(observation, &self.timing.data);
                match self.data_evidence.event(observation) {
                    Some(event) => self.advance_data(event, now, &why),
                    None => self.regrade(now, &why),
                }
            }
        }
    }

    /// Folds a witness's report in; `at` is when it arrived.
    pub fn observe_witness(&mut self, witness: ClusterName, at: Mono, sight: Sight) {
        self.reports.observe(witness, at, sight);
    }

    /// Folds the member's node list in.
    pub fn observe_nodes(&mut self, nodes: Nodes, now: Mono) -> Vec<Transition> {
        self.nodes = Some(nodes);
        self.regrade(now, &format!("{} of {} nodes are Ready", nodes.ready, nodes.total))
    }

    /// The verdict. `trusted_since`: since when this observer trusts its own
    /// network (its start, a leader change, the end of a brake, whichever is
    /// latest, [`super::Brake::trusted_since`]); silence before that counts
    /// for nothing costly.
    pub fn judge(&self, now: Mono, trusted_since: Mono) -> Verdict {
        let trouble = self.trouble(now);
        let arming = self.arming(now, trusted_since);
        let (api, data) = (ApiState::from(self.api.phase), DataState::from(self.data.phase));
        let blind_at = self.api_evidence.last_heard().unwrap_or(self.started) + self.timing.blind_after;
        Verdict {
            api,
            data,
            grade: self.grade,
            since: self.since,
            confirmed: self.reports.confirm(now, self.timing.witness_fresh),
            next_check: arming::next_check(&arming).filter(|at| *at > now).or(Some(blind_at).filter(|at| *at > now)),
            reason: self.reason(trouble.as_ref()),
            arming,
            trouble,
            back_since: self.back_since(),
            never_answered: api == ApiState::Unknown
                && self.api_evidence.silence().is_some_and(|silence| silence.is_down(&self.timing.api)),
            blind: now >= blind_at,
        }
    }

    fn advance_api(&mut self, event: Event, now: Mono, why: &str) -> Vec<Transition> {
        let before = ApiState::from(self.api.phase);
        self.api = self.api.next(event, now, &self.timing.api, &self.timing.hold_down);
        let after = ApiState::from(self.api.phase);
        let plane =
            (before != after).then(|| Transition { change: Change::Api(before, after), at: now, why: why.into() });
        plane.into_iter().chain(self.regrade(now, why)).collect()
    }

    fn advance_data(&mut self, event: Event, now: Mono, why: &str) -> Vec<Transition> {
        let before = DataState::from(self.data.phase);
        self.data = self.data.next(event, now, &self.timing.data, &self.timing.hold_down);
        let after = DataState::from(self.data.phase);
        let plane =
            (before != after).then(|| Transition { change: Change::Data(before, after), at: now, why: why.into() });
        plane.into_iter().chain(self.regrade(now, why)).collect()
    }

    fn regrade(&mut self, now: Mono, why: &str) -> Vec<Transition> {
        let troubled = self.trouble(now).is_some();
        let grade = verdict::grade(self.api.phase.into(), self.data.phase.into(), troubled);
        if grade == self.grade {
            return Vec::new();
        }
        let change = Change::Grade(self.grade, grade);
        self.grade = grade;
        self.since = now;
        // The restored "since" lives until the first full judgement that differs.
        if !self.is_settling() && self.stored_since.is_some_and(|(stored, _)| stored != grade) {
            self.stored_since = None;
        }
        vec![Transition { change, at: now, why: why.into() }]
    }

    /// After a restart: a plane that was known before is not judged again yet.
    fn is_settling(&self) -> bool {
        let waits = |plane: &Plane| matches!(plane.phase, Phase::Unknown { prior: Prior::Good | Prior::Bad });
        waits(&self.api) || waits(&self.data)
    }

    fn back_since(&self) -> Option<Mono> {
        let api = self.api.answering_since()?;
        match DataState::from(self.data.phase) {
            DataState::Unknown => Some(api),
            DataState::Serving | DataState::Suspect | DataState::Dark | DataState::Returning => {
                self.data.answering_since().map(|data| api.max(data))
            }
        }
    }
}

fn explain(observation: &Observation) -> String {
    let target = &observation.target;
    match &observation.outcome {
        Outcome::Fine => format!("{target} answers"),
        Outcome::Wrong(detail) => format!("{target} answers: {detail}"),
        Outcome::Silent(detail) => format!("{target} is silent: {detail}"),
    }
}

#[cfg(test)]
mod tests;
