//! The evidence of each plane, and what single facts say about the whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::Grade;
use crate::health::detector::Detector;
use crate::health::observation::{Level, Observation, Origin, Outcome, TargetId};
use crate::health::plane::Event;
use crate::health::silence::{Silence, Tracker};
use crate::health::timing::{PlaneTiming, Timing};
use crate::health::verdict::Trouble;
use crate::time::Mono;

/// What is known of the API server: as one, and level by level.
#[derive(Clone, Debug, Default)]
pub(super) struct ApiEvidence {
    whole: Tracker,
    levels: BTreeMap<Level, Tracker>,
    heard: Option<Mono>,
}

impl ApiEvidence {
    pub(super) fn observe(&mut self, level: Level, observation: &Observation, timing: &Timing) {
        self.heard = Some(self.heard.map_or(observation.at, |heard| heard.max(observation.at)));
        self.whole.observe(observation, timing.api.timeout, timing.api.gap());
        // Deeper levels are asked more rarely than the plane as a whole.
        self.levels.entry(level).or_default().observe(observation, timing.api.timeout, timing.blind_after);
    }

    pub(super) fn event(&self, outcome: &Outcome) -> Option<Event> {
        if outcome.answered() { Some(Event::Answer) } else { self.whole.silence.map(Event::Silence) }
    }

    pub(super) fn silence(&self) -> Option<Silence> {
        self.whole.silence
    }

    /// The last thing learned, silence included.
    pub(super) fn last_heard(&self) -> Option<Mono> {
        self.heard
    }

    fn trouble(&self, now: Mono, timing: &PlaneTiming) -> Option<Trouble> {
        // A refused apply is the object's trouble, not the cluster's.
        let probes = || self.levels.iter().filter(|(level, _)| **level != Level::Use);
        let wrong = probes().find_map(|(level, tracker)| {
            let wrong = tracker.wrong.as_ref()?;
            let lasting = now.since(wrong.since) >= timing.down;
            Some(Trouble::WrongAnswer { level: *level, detail: wrong.detail.clone(), lasting })
        });
        wrong.or_else(|| {
            let (level, _) =
                probes().find(|(_, tracker)| tracker.silence.is_some_and(|silence| silence.is_down(timing)))?;
            self.whole.silence.is_none().then_some(Trouble::LevelSilent(*level))
        })
    }
}

#[derive(Clone, Debug)]
struct Target {
    origin: Origin,
    tracker: Tracker,
}

/// What is known of the data-plane targets.
#[derive(Clone, Debug, Default)]
pub(super) struct DataEvidence {
    targets: BTreeMap<TargetId, Target>,
    /// Targets that have answered since the cluster joined.
    answered: BTreeSet<TargetId>,
}

impl DataEvidence {
    pub(super) fn remembering(answered: impl IntoIterator<Item = TargetId>) -> Self {
        Self { targets: BTreeMap::new(), answered: answered.into_iter().collect() }
    }

    pub(super) fn set_targets(&mut self, targets: impl IntoIterator<Item = (TargetId, Origin)>) {
        let mut former = std::mem::take(&mut self.targets);
        for (id, origin) in targets {
            let tracker = former.remove(&id).map(|target| target.tracker).unwrap_or_default();
            self.targets.insert(id, Target { origin, tracker });
        }
        // A target that left may come back as another machine. An empty list is
        // no list yet: after a restart it must not wipe out what was stored.
        if !self.targets.is_empty() {
            self.answered.retain(|id| self.targets.contains_key(id));
        }
    }

    pub(super) fn observe(&mut self, observation: &Observation, timing: &PlaneTiming) {
        let Some(target) = self.targets.get_mut(&observation.target) else {
            return;
        };
        target.tracker.observe(observation, timing.timeout, timing.gap());
        if observation.outcome.answered() && !self.answered.contains(&observation.target) {
            self.answered.insert(observation.target.clone());
        }
    }

    pub(super) fn event(&self, observation: &Observation) -> Option<Event> {
        if !self.targets.contains_key(&observation.target) {
            return None;
        }
        if observation.outcome.answered() { Some(Event::Answer) } else { self.silence().map(Event::Silence) }
    }

    /// The silence of every target that ever answered; the others are unknown
    /// and neither for nor against.
    pub(super) fn silence(&self) -> Option<Silence> {
        Silence::common(self.seen().map(|(_, target)| target.tracker.silence))
    }

    pub(super) fn is_unseen(&self) -> bool {
        self.seen().next().is_none()
    }

    pub(super) fn answered(&self) -> Vec<TargetId> {
        self.answered.iter().cloned().collect()
    }

    /// Whether a target the user named is among the silent ones.
    pub(super) fn named_is_silent(&self, timing: &PlaneTiming) -> bool {
        self.seen().any(|(_, target)| {
            target.origin == Origin::Named && target.tracker.silence.is_some_and(|silence| silence.is_down(timing))
        })
    }

    fn seen(&self) -> impl Iterator<Item = (&TargetId, &Target)> {
        self.targets.iter().filter(|(id, _)| self.answered.contains(*id))
    }

    fn trouble(&self, timing: &PlaneTiming) -> Option<Trouble> {
        if self.silence().is_some() {
            return None;
        }
        let down = |target: &Target| target.tracker.silence.is_some_and(|silence| silence.is_down(timing));
        let silent: Vec<TargetId> = self.seen().filter(|(_, target)| down(target)).map(|(id, _)| id.clone()).collect();
        (!silent.is_empty()).then_some(Trouble::TargetsSilent(silent))
    }
}

impl Detector {
    pub(super) fn trouble(&self, now: Mono) -> Option<Trouble> {
        self.api_evidence
            .trouble(now, &self.timing.api)
            .or_else(|| self.data_evidence.trouble(&self.timing.data))
            .or_else(|| {
                let nodes = self.nodes.filter(|nodes| nodes.ready < nodes.total.div_ceil(2))?;
                Some(Trouble::NodesNotReady { ready: nodes.ready, total: nodes.total })
            })
    }

    pub(super) fn reason(&self, trouble: Option<&Trouble>) -> String {
        match self.grade {
            Grade::Healthy => "the API answers and nothing is silent".into(),
            Grade::Degraded => trouble.map_or_else(|| "something is wrong".into(), ToString::to_string),
            Grade::Recovering => "it answers again and must go on answering for the hold-down".into(),
            Grade::Unknown => "this process has not seen the API answer yet".into(),
            Grade::Suspect => "a plane has fallen silent; not yet long enough for a verdict".into(),
            Grade::IsolatedApi if self.data_evidence.is_unseen() => {
                "the API is silent; the data plane was never seen, so what runs there stays".into()
            }
            Grade::IsolatedApi => "the API is silent, the data plane is not dark: what runs there stays".into(),
            Grade::IsolatedData => "every data-plane target is silent while the API answers".into(),
            Grade::IsolatedFull => "the API and every data-plane target are silent".into(),
        }
    }
}
