//! Every duration of the health verdict, in one place.

use std::time::Duration;

/// How one plane is probed and how long its silence must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneTiming {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// A probe without an answer after this long was silent.
    pub timeout: Duration,
    /// Silence after which the plane is suspect.
    pub suspect: Duration,
    /// Silence after which it is unreachable (API) or dark (data).
    pub down: Duration,
}

/// How long a plane that came back must answer before it is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDownTiming {
    /// After the first loss: one full window of answers.
    pub base: Duration,
    /// Each further loss doubles the window, up to this.
    pub max: Duration,
    /// A loss this long after the one before starts again with `base`.
    pub forget: Duration,
}

/// The whole set. A silence threshold is one probe interval shorter than the
/// aim in architecture section 6, because a cut falls between two probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The API plane.
    pub api: PlaneTiming,
    /// The data plane.
    pub data: PlaneTiming,
    /// Silence of both planes after which a *confirmed* isolation arms moves.
    pub confirm: Duration,
    /// The setting `failover-unconfirmed-after`: the same when the hub sees it alone.
    pub unconfirmed_after: Duration,
    /// The setting `failover-after`: what a placement without a toleration for
    /// `atoll.dev/isolated` tolerates.
    pub after: Duration,
    /// Silence of the API after which a cluster whose
    /// data plane was never seen counts as isolated. None, as in every profile so far: it stays.
    pub data_unknown_after: Option<Duration>,
    /// Hysteresis on return.
    pub hold_down: HoldDownTiming,
    /// Own probes that must precede any costly act after a start, a leader
    /// change or the end of a brake.
    pub full_window: Duration,
    /// A witness's report counts for this long.
    pub witness_fresh: Duration,
    /// Without any evidence of the API for this long, the hub itself is blind
    /// (Karmada's grace period for clusters that report themselves, 40 s).
    pub blind_after: Duration,
}

impl Timing {
    /// The default profile: suspect 0.5 s, dark 1.2 s, armed 3.5 s after a cut.
    pub const fn standard() -> Self {
        Self {
            api: plane(500, 1_000, 1_000, 2_800),
            data: plane(100, 300, 400, 1_100),
            confirm: Duration::from_secs(3),
            unconfirmed_after: Duration::from_secs(30),
            after: Duration::from_secs(2),
            data_unknown_after: None,
            hold_down: HoldDownTiming {
                base: Duration::from_secs(5),
                max: Duration::from_mins(5),
                forget: Duration::from_mins(10),
            },
            full_window: Duration::from_millis(3_500),
            witness_fresh: Duration::from_secs(5),
            blind_after: Duration::from_secs(40),
        }
    }

    /// The fast profile: suspect 0.2 s, dark 0.4 s, armed 1.1 s after a cut.
    pub const fn fast() -> Self {
        Self {
            api: plane(150, 300, 300, 850),
            data: plane(50, 100, 150, 350),
            confirm: Duration::from_millis(900),
            after: Duration::ZERO,
            hold_down: HoldDownTiming {
                base: Duration::from_secs(2),
                max: Duration::from_mins(5),
                forget: Duration::from_mins(10),
            },
            full_window: Duration::from_millis(1_100),
            witness_fresh: Duration::from_secs(2),
            ..Self::standard()
        }
    }

    /// This profile with another `failover-unconfirmed-after`.
    #[must_use]
    pub const fn with_unconfirmed_after(mut self, unconfirmed_after: Duration) -> Self {
        self.unconfirmed_after = unconfirmed_after;
        self
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::standard()
    }
}

impl PlaneTiming {
    /// Two silent probes further apart than this are not one silence: this
    /// process itself slept in between.
    pub fn gap(&self) -> Duration {
        self.interval.saturating_mul(3)
    }

    /// Evidence older than this is no longer about the present.
    pub fn stale(&self) -> Duration {
        self.timeout + self.gap()
    }
}

const fn plane(interval: u64, timeout: u64, suspect: u64, down: u64) -> PlaneTiming {
    PlaneTiming {
        interval: Duration::from_millis(interval),
        timeout: Duration::from_millis(timeout),
        suspect: Duration::from_millis(suspect),
        down: Duration::from_millis(down),
    }
}
