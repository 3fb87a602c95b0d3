//! The state machine of one plane of one cluster: one enum, one total
//! transition function.

use std::time::Duration;

use crate::health::silence::Silence;
use crate::health::timing::{HoldDownTiming, PlaneTiming};
use crate::time::Mono;

/// What a former process had seen of the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prior {
    /// It has never answered since the cluster joined.
    NeverSeen,
    /// It answered.
    Good,
    /// It was lost, or not yet trusted again.
    Bad,
}

/// Where a plane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// This process has no judgement yet.
    Unknown {
        /// What a former process knew.
        prior: Prior,
    },
    /// It answers and is trusted.
    Answering {
        /// The first answer of this spell.
        since: Mono,
    },
    /// Silent for a while.
    Suspect {
        /// When it became suspect.
        since: Mono,
        /// The silence fell into the hold-down after a loss: an answer leads
        /// back there, not to trust.
        regaining: bool,
    },
    /// Silent for long: unreachable, or dark.
    Silent {
        /// When it was judged so.
        since: Mono,
    },
    /// It answers again and must go on doing so.
    Returning {
        /// The first answer.
        since: Mono,
        /// From then on an answer restores trust.
        until: Mono,
    },
}

/// What can happen to a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Anything of it answered.
    Answer,
    /// All of it that ever answered has been silent for so long.
    Silence(Silence),
    /// Nothing of it is left to ask.
    Unseen,
}

/// The growing wait after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct HoldDown {
    /// How long answers must last. Zero: never lost yet.
    pub length: Duration,
    /// The last loss.
    pub last_loss: Option<Mono>,
}

impl HoldDown {
    fn after_loss(self, now: Mono, timing: &HoldDownTiming) -> Self {
        let flapping = self.last_loss.is_some_and(|last| now.since(last) < timing.forget);
        let length = if flapping { self.length.saturating_mul(2).clamp(timing.base, timing.max) } else { timing.base };
        Self { length, last_loss: Some(now) }
    }
}

/// A plane: its phase and its hold-down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plane {
    /// Where it stands.
    pub phase: Phase,
    /// What its losses have cost it.
    pub hold_down: HoldDown,
}

impl Plane {
    /// At the start of this process.
    pub fn new(prior: Prior, hold_down: HoldDown) -> Self {
        Self { phase: Phase::Unknown { prior }, hold_down }
    }

    /// The one transition function.
    #[must_use]
    pub fn next(self, event: Event, now: Mono, plane: &PlaneTiming, hold: &HoldDownTiming) -> Self {
        match event {
            Event::Answer => self.answered(now, hold),
            Event::Silence(silence) if silence.is_down(plane) => self.silent(now, hold),
            Event::Silence(silence) if silence.is_suspect(plane) => self.suspected(now),
            Event::Silence(_) => self,
            Event::Unseen => Self { phase: Phase::Unknown { prior: self.prior() }, ..self },
        }
    }

    fn answered(self, now: Mono, hold: &HoldDownTiming) -> Self {
        let returning = Phase::Returning { since: now, until: now + self.hold_down.length.max(hold.base) };
        let phase = match self.phase {
            Phase::Unknown { prior: Prior::NeverSeen | Prior::Good } | Phase::Suspect { regaining: false, .. } => {
                Phase::Answering { since: now }
            }
            Phase::Unknown { prior: Prior::Bad } | Phase::Suspect { regaining: true, .. } | Phase::Silent { .. } => {
                returning
            }
            Phase::Returning { since, until } if now >= until => Phase::Answering { since },
            Phase::Answering { .. } | Phase::Returning { .. } => self.phase,
        };
        Self { phase, ..self }
    }

    fn suspected(self, now: Mono) -> Self {
        let phase = match self.phase {
            Phase::Answering { .. } => Phase::Suspect { since: now, regaining: false },
            Phase::Returning { .. } => Phase::Suspect { since: now, regaining: true },
            Phase::Unknown { .. } | Phase::Suspect { .. } | Phase::Silent { .. } => self.phase,
        };
        Self { phase, ..self }
    }

    fn silent(self, now: Mono, hold: &HoldDownTiming) -> Self {
        let lost = Self { phase: Phase::Silent { since: now }, hold_down: self.hold_down.after_loss(now, hold) };
        match self.phase {
            // What never answered is unknown, however long it is silent.
            Phase::Unknown { prior: Prior::NeverSeen } | Phase::Silent { .. } => self,
            // The loss is the former process's; it has been counted.
            Phase::Unknown { prior: Prior::Bad } => Self { phase: lost.phase, ..self },
            Phase::Unknown { prior: Prior::Good }
            | Phase::Answering { .. }
            | Phase::Suspect { .. }
            | Phase::Returning { .. } => lost,
        }
    }

    /// What a successor of this process should know.
    pub fn prior(&self) -> Prior {
        match self.phase {
            Phase::Unknown { prior } => prior,
            Phase::Answering { .. } | Phase::Suspect { regaining: false, .. } => Prior::Good,
            Phase::Suspect { regaining: true, .. } | Phase::Silent { .. } | Phase::Returning { .. } => Prior::Bad,
        }
    }

    /// Since when it has been answering, if it does.
    pub fn answering_since(&self) -> Option<Mono> {
        match self.phase {
            Phase::Answering { since } | Phase::Returning { since, .. } => Some(since),
            Phase::Unknown { .. } | Phase::Suspect { .. } | Phase::Silent { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::timing::Timing;

    fn at(plane: Plane, seconds: u64, event: Event) -> Plane {
        let timing = Timing::standard();
        plane.next(event, Mono::from_millis(seconds * 1000), &timing.data, &timing.hold_down)
    }

    fn silence(ms: u64, misses: u32) -> Event {
        Event::Silence(Silence { since: Mono::default(), until: Mono::from_millis(ms), misses })
    }

    fn long() -> Event {
        silence(60_000, 100)
    }

    fn new(prior: Prior) -> Plane {
        Plane::new(prior, HoldDown::default())
    }

    #[test]
    fn a_plane_that_never_answered_stays_unknown_however_long_it_is_silent() {
        let plane = new(Prior::NeverSeen);
        assert_eq!(at(plane, 1000, long()), plane);
    }

    #[test]
    fn one_silent_probe_is_evidence_and_not_a_verdict() {
        let plane = at(new(Prior::NeverSeen), 1, Event::Answer);
        assert_eq!(at(plane, 10, silence(60_000, 1)), plane);
        assert!(matches!(at(plane, 10, silence(60_000, 2)).phase, Phase::Suspect { .. }));
        assert!(matches!(at(plane, 10, silence(60_000, 3)).phase, Phase::Silent { .. }));
    }

    #[test]
    fn suspicion_ends_with_an_answer_at_once() {
        let plane = at(new(Prior::NeverSeen), 1, Event::Answer);
        let suspect = at(plane, 2, silence(500, 5));
        assert!(matches!(suspect.phase, Phase::Suspect { regaining: false, .. }));
        assert!(matches!(at(suspect, 3, Event::Answer).phase, Phase::Answering { .. }));
    }

    #[test]
    fn a_loss_is_forgiven_only_after_a_full_window_of_answers() {
        let lost = at(at(new(Prior::Good), 1, Event::Answer), 10, long());
        let returning = at(lost, 20, Event::Answer);
        assert!(matches!(returning.phase, Phase::Returning { .. }));
        assert!(matches!(at(returning, 24, Event::Answer).phase, Phase::Returning { .. }));
        assert!(matches!(at(returning, 25, Event::Answer).phase, Phase::Answering { .. }));
    }

    #[test]
    fn silence_during_the_window_starts_it_again() {
        let lost = at(at(new(Prior::Good), 1, Event::Answer), 10, long());
        let relapsed = at(at(lost, 20, Event::Answer), 24, silence(500, 5));
        let returning = at(relapsed, 25, Event::Answer);
        assert_eq!(
            returning.phase,
            Phase::Returning { since: Mono::from_millis(25_000), until: Mono::from_millis(30_000) }
        );
    }

    #[test]
    fn each_loss_of_a_flapping_cluster_doubles_the_window_and_rest_resets_it() {
        let mut plane = at(new(Prior::Good), 1, Event::Answer);
        let mut lengths = Vec::new();
        for round in 1..=9 {
            plane = at(plane, round * 60, long());
            lengths.push(plane.hold_down.length.as_secs());
            plane = at(plane, round * 60 + 1, Event::Answer);
        }
        assert_eq!(lengths, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(at(plane, 5000, long()).hold_down.length.as_secs(), 5);
    }

    #[test]
    fn after_a_restart_a_lost_plane_returns_through_the_window_and_is_lost_again_without_growing() {
        let hold_down = HoldDown { length: Duration::from_secs(40), last_loss: Some(Mono::default()) };
        let restored = Plane::new(Prior::Bad, hold_down);
        let returning = at(restored, 1, Event::Answer).phase;
        assert_eq!(returning, Phase::Returning { since: Mono::from_millis(1000), until: Mono::from_millis(41_000) });
        assert_eq!(at(restored, 10, long()).hold_down, hold_down);
    }
}
