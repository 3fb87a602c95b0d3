//! How long somebody has been silent, counted only from probes that were
//! really sent and really not answered.

use std::time::Duration;

use crate::health::observation::{BadAnswer, Observation, Outcome};
use crate::health::timing::PlaneTiming;
use crate::time::Mono;

/// Silent probes at which a plane may become suspect: one failing probe is
/// evidence, not a verdict.
const SUSPECT_MISSES: u32 = 2;
/// Silent probes at which it may become unreachable or dark, whatever the
/// durations are set to.
const DOWN_MISSES: u32 = 3;

/// An unbroken run of unanswered probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// When the first of them was sent.
    pub since: Mono,
    /// Up to when the last of them listened.
    pub until: Mono,
    /// How many.
    pub misses: u32,
}

impl Silence {
    /// Its length: covered by probes, not by the clock alone.
    pub fn span(&self) -> Duration {
        self.until.since(self.since)
    }

    /// Whether it is long enough for suspicion.
    pub fn is_suspect(&self, timing: &PlaneTiming) -> bool {
        self.misses >= SUSPECT_MISSES && self.span() >= timing.suspect
    }

    /// Whether it is long enough for unreachable or dark.
    pub fn is_down(&self, timing: &PlaneTiming) -> bool {
        self.misses >= DOWN_MISSES && self.span() >= timing.down
    }

    /// Silence of all: the part that every one of them covers. None when there
    /// is nobody, or somebody is not silent.
    pub fn common(all: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        let mut common: Option<Self> = None;
        for one in all {
            let one = one?;
            common = Some(common.map_or(one, |common| Self {
                since: common.since.max(one.since),
                until: common.until.min(one.until),
                misses: common.misses.min(one.misses),
            }));
        }
        common
    }
}

/// Wrong answers in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongAnswers {
    /// Since when.
    pub since: Mono,
    /// The last one.
    pub detail: BadAnswer,
}

/// What is known of one target, or of one level of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    /// The last answer of any kind.
    pub last_answer: Option<Mono>,
    /// The silence since then.
    pub silence: Option<Silence>,
    /// The wrong answers since the last good one.
    pub wrong: Option<WrongAnswers>,
}

impl Tracker {
    /// Folds one observation in. `gap`: silent probes further apart than this
    /// start a new silence, because nobody listened in between.
    pub fn observe(&mut self, observation: &Observation, timeout: Duration, gap: Duration) {
        match &observation.outcome {
            Outcome::Silent(_) => self.extend_silence(observation, timeout, gap),
            Outcome::Fine => {
                self.wrong = None;
                self.observe_answer(observation.at);
            }
            Outcome::Wrong(detail) => {
                let since = self.wrong.as_ref().map_or(observation.at, |wrong| wrong.since);
                self.wrong = Some(WrongAnswers { since, detail: detail.clone() });
                self.observe_answer(observation.at);
            }
        }
    }

    fn observe_answer(&mut self, at: Mono) {
        self.last_answer = Some(self.last_answer.map_or(at, |last| last.max(at)));
        self.silence = None;
    }

    fn extend_silence(&mut self, observation: &Observation, timeout: Duration, gap: Duration) {
        // Probes overlap: one that was sent before the last answer came says
        // less than that answer.
        if self.last_answer.is_some_and(|answer| answer >= observation.sent) {
            return;
        }
        // A process that slept sees its timers late; it listened no longer
        // than the probe's own deadline.
        let until = observation.at.min(observation.sent + timeout).max(observation.sent);
        let fresh = Silence { since: observation.sent, until, misses: 1 };
        self.silence = Some(match self.silence {
            Some(run) if observation.sent <= run.until + gap => Silence {
                since: run.since.min(observation.sent),
                until: run.until.max(until),
                misses: run.misses.saturating_add(1),
            },
            Some(_) | None => fresh,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::observation::{Asked, TargetId};

    const TIMEOUT: Duration = Duration::from_millis(300);
    const GAP: Duration = Duration::from_millis(300);

    fn seen(sent: u64, at: u64, outcome: Outcome) -> Observation {
        Observation {
            asked: Asked::Data,
            target: TargetId::new("10.0.0.7:10250"),
            sent: Mono::from_millis(sent),
            at: Mono::from_millis(at),
            outcome,
        }
    }

    fn silent(sent: u64, at: u64) -> Observation {
        seen(sent, at, Outcome::Silent("timed out".into()))
    }

    fn after(observations: &[Observation]) -> Tracker {
        let mut tracker = Tracker::default();
        for observation in observations {
            tracker.observe(observation, TIMEOUT, GAP);
        }
        tracker
    }

    #[test]
    fn silence_runs_from_the_first_question_to_the_end_of_the_last_wait() {
        let tracker = after(&[silent(100, 400), silent(200, 500), silent(300, 600)]);
        let silence = tracker.silence.unwrap();
        assert_eq!((silence.span(), silence.misses), (Duration::from_millis(500), 3));
    }

    #[test]
    fn any_answer_ends_the_silence() {
        for outcome in [Outcome::Fine, Outcome::Wrong("connection reset".into())] {
            assert_eq!(after(&[silent(100, 400), seen(450, 460, outcome)]).silence, None);
        }
    }

    #[test]
    fn a_probe_sent_before_the_last_answer_is_no_evidence_after_it() {
        assert_eq!(after(&[seen(150, 160, Outcome::Fine), silent(100, 400)]).silence, None);
    }

    #[test]
    fn a_sleeping_process_does_not_take_its_own_sleep_for_silence() {
        // Three probes in flight, the process stops for a minute, all their
        // timers fire at once.
        let tracker = after(&[silent(100, 60_000), silent(200, 60_000), silent(300, 60_000)]);
        assert_eq!(tracker.silence.unwrap().span(), Duration::from_millis(500));
        // The first probe after the sleep starts a new silence.
        let tracker = after(&[silent(100, 60_000), silent(60_100, 60_400)]);
        assert_eq!(tracker.silence.unwrap().since, Mono::from_millis(60_100));
    }

    #[test]
    fn wrong_answers_are_counted_from_the_first_of_them() {
        let wrong = |at| seen(at, at, Outcome::Wrong("HTTP 500".into()));
        let tracker = after(&[wrong(100), wrong(200)]);
        assert_eq!(tracker.wrong.unwrap().since, Mono::from_millis(100));
        assert_eq!(after(&[wrong(100), seen(200, 200, Outcome::Fine)]).wrong, None);
    }

    #[test]
    fn the_silence_of_all_is_what_each_of_them_covers() {
        let one = Silence { since: Mono::from_millis(100), until: Mono::from_millis(900), misses: 5 };
        let two = Silence { since: Mono::from_millis(300), until: Mono::from_millis(800), misses: 4 };
        let both = Silence { since: two.since, until: two.until, misses: 4 };
        assert_eq!(Silence::common([Some(one), Some(two)]), Some(both));
        assert_eq!(Silence::common([Some(one), None]), None);
        assert_eq!(Silence::common([]), None);
    }
}
