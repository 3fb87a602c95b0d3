//! The circuit breaker of one member: after several silent requests in a row
//! nothing more is sent until something there answers (promise I3).
//!
//! A pure state machine; the lane asks it and tells it.

use std::time::Duration;

use atoll_decide::time::Mono;

/// Silent requests in a row that open the breaker. Small, because each holds a
/// request slot for its whole deadline.
const OPENS_AFTER: u32 = 3;
/// How long an open breaker waits before it lets one request try.
const TRIES_EVERY: Duration = Duration::from_secs(2);

/// Its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Requests flow; so many were silent in a row.
    Closed {
        /// Silent requests in a row.
        silent: u32,
    },
    /// Nothing flows until `retry_at`.
    Open {
        /// When one request may try.
        retry_at: Mono,
    },
    /// One request tries.
    HalfOpen,
}

/// What a request may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Go.
    Pass,
    /// Wait, at most until then.
    Wait(Mono),
    /// Another request tries already.
    WaitForTrial,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { silent: 0 }
    }
}

impl Breaker {
    /// Whether a request may be sent; takes the trial when it is due.
    pub fn admit(&mut self, now: Mono) -> Gate {
        match *self {
            Self::Closed { .. } => Gate::Pass,
            Self::Open { retry_at } if now >= retry_at => {
                *self = Self::HalfOpen;
                Gate::Pass
            }
            Self::Open { retry_at } => Gate::Wait(retry_at),
            Self::HalfOpen => Gate::WaitForTrial,
        }
    }

    /// A request was answered, whatever the answer.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// Nothing was sent: a trial that was none is given back.
    pub fn unused(&mut self, now: Mono) {
        if *self == Self::HalfOpen {
            *self = Self::Open { retry_at: now + TRIES_EVERY };
        }
    }

    /// A request got no answer. Returns whether this opened the breaker.
    pub fn silent(&mut self, now: Mono) -> bool {
        let was_open = !matches!(self, Self::Closed { .. });
        *self = match *self {
            Self::Closed { silent } if silent + 1 < OPENS_AFTER => Self::Closed { silent: silent + 1 },
            Self::Closed { .. } | Self::Open { .. } | Self::HalfOpen => Self::Open { retry_at: now + TRIES_EVERY },
        };
        !was_open && matches!(self, Self::Open { .. })
    }

    /// Whether requests are held back.
    pub fn is_open(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Mono {
        Mono::from_millis(ms)
    }

    #[test]
    fn it_opens_on_silence_in_a_row_and_one_answer_starts_the_count_anew() {
        let mut breaker = Breaker::default();
        breaker.silent(at(0));
        breaker.silent(at(1));
        breaker.answered();
        assert!(!breaker.silent(at(2)));
        assert!(!breaker.silent(at(3)));
        assert!(breaker.silent(at(4)));
        assert_eq!(breaker.admit(at(5)), Gate::Wait(at(2004)));
    }

    #[test]
    fn one_request_tries_an_open_breaker_and_its_answer_closes_it() {
        let mut breaker = Breaker::Open { retry_at: at(100) };
        assert_eq!(breaker.admit(at(100)), Gate::Pass);
        assert_eq!(breaker.admit(at(100)), Gate::WaitForTrial);
        breaker.answered();
        assert_eq!(breaker.admit(at(101)), Gate::Pass);
    }

    #[test]
    fn a_trial_that_sent_nothing_neither_closes_it_nor_blocks_the_next() {
        let mut breaker = Breaker::Open { retry_at: at(100) };
        assert_eq!(breaker.admit(at(100)), Gate::Pass);
        breaker.unused(at(100));
        assert_eq!(breaker.admit(at(101)), Gate::Wait(at(2100)));
        assert_eq!(breaker.admit(at(2100)), Gate::Pass);
        let mut closed = Breaker::Closed { silent: 2 };
        closed.unused(at(0));
        assert!(closed.silent(at(1)), "the count goes on");
    }

    #[test]
    fn a_silent_trial_keeps_it_open() {
        let mut breaker = Breaker::HalfOpen;
        assert!(!breaker.silent(at(50)));
        assert_eq!(breaker.admit(at(51)), Gate::Wait(at(2050)));
    }
}
