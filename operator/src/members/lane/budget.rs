//! How many requests run at once against one member: grows while answers come
//! quickly, halves when they slow down or fail. No fixed rate.

use std::time::Duration;

/// Requests in flight at the start.
const START: usize = 8;
/// Never fewer, so that a slow member still moves.
const LEAST: usize = 2;
/// Never more: 16 in flight reached the API server's limit in the
/// measurements of the test environment; twice that leaves room for far ones.
const MOST: usize = 32;
/// An answer so much slower than the quickest ones says that the server queues.
const SLOW_FACTOR: u32 = 8;
/// Below this no answer counts as slow, whatever the quickest was.
const NEVER_SLOW: Duration = Duration::from_millis(100);

/// The budget.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: usize,
    good_in_a_row: usize,
    /// The quickest answer, drifting up so that an old record fades.
    quickest: Option<Duration>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { limit: START, good_in_a_row: 0, quickest: None }
    }
}

impl Budget {
    /// How many may run now.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// An answer came after `latency`; `busy` when it was a plea to slow down.
    pub fn observe(&mut self, latency: Duration, busy: bool) {
        let quickest = self.quickest.map_or(latency, |best| latency.min(best + best / 64));
        self.quickest = Some(quickest);
        let slow = latency > NEVER_SLOW && latency > quickest * SLOW_FACTOR;
        if busy {
            self.limit = (self.limit / 2).max(LEAST);
            self.good_in_a_row = 0;
        } else if slow {
            self.limit = (self.limit - 1).max(LEAST);
            self.good_in_a_row = 0;
        } else {
            self.good_in_a_row += 1;
            if self.good_in_a_row >= self.limit {
                self.limit = (self.limit + 1).min(MOST);
                self.good_in_a_row = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_answers_raise_it_to_its_bound() {
        let mut budget = Budget::default();
        for _ in 0..2000 {
            budget.observe(Duration::from_millis(10), false);
        }
        assert_eq!(budget.limit(), MOST);
    }

    #[test]
    fn pleas_to_slow_down_halve_it_but_never_stop_it() {
        let mut budget = Budget::default();
        for _ in 0..10 {
            budget.observe(Duration::from_millis(10), true);
        }
        assert_eq!(budget.limit(), LEAST);
    }
}
