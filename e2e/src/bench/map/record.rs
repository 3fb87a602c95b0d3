//! What the tasks of one measurement saw.

use std::time::Duration;

/// Calls of one task, or of all.
#[derive(Debug, Default)]
pub struct Record {
    /// How long each call took, nanoseconds.
    pub latencies: Vec<u32>,
    /// The longest write, nanoseconds; None without one.
    pub longest_write: Option<u32>,
    /// Views taken.
    pub views: u64,
    /// Views that were of no single moment.
    pub torn: u64,
    /// Processor time that the process took for all calls, seconds; None: not read.
    pub cpu_s: Option<f64>,
}

impl Record {
    /// A call took so long.
    pub fn add(&mut self, took: Duration) {
        self.latencies.push(nanoseconds(took));
    }

    /// It was a write.
    pub fn add_write(&mut self, took: Duration) {
        self.longest_write = self.longest_write.max(Some(nanoseconds(took)));
    }

    /// Adds what another task saw.
    pub fn extend(&mut self, other: &Self) {
        self.latencies.extend_from_slice(&other.latencies);
        self.longest_write = self.longest_write.max(other.longest_write);
        self.views += other.views;
        self.torn += other.torn;
    }

    /// Calls in a second, when these are those of `time`.
    pub fn ops_per_s(&self, time: Duration) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count of a few million calls")]
        let calls = self.latencies.len() as f64;
        (!self.latencies.is_empty()).then(|| calls / time.as_secs_f64())
    }

    /// Processor time for each call, with its turn in the scheduler, microseconds. Unlike a rate it says the same on a busy machine.
    pub fn cpu_us_per_op(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count of a few million calls")]
        let calls = self.latencies.len() as f64;
        self.cpu_s.filter(|_| calls > 0.0).map(|cpu| cpu * 1e6 / calls)
    }

    /// As of [`percentile`](crate::bench::statistics::percentile), microseconds, without a copy of millions of calls.
    pub fn percentile_us(&self, percent: f64) -> Option<f64> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank between 1 and a few million"
        )]
        let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
        sorted.get(rank - 1).map(|latency| f64::from(*latency) / 1e3)
    }

    /// The longest write, microseconds.
    pub fn longest_write_us(&self) -> Option<f64> {
        self.longest_write.map(|latency| f64::from(latency) / 1e3)
    }
}

fn nanoseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_all_tasks_and_none_of_no_calls() {
        let (mut all, mut other) = (Record::default(), Record::default());
        assert_eq!(
            (all.ops_per_s(Duration::from_secs(1)), all.percentile_us(99.0), all.longest_write_us()),
            (None, None, None)
        );
        (1..=99).for_each(|micros| all.add(Duration::from_micros(micros)));
        other.add(Duration::from_micros(500));
        other.add_write(Duration::from_micros(500));
        other.torn = 1;
        all.extend(&other);
        assert_eq!(all.ops_per_s(Duration::from_millis(500)), Some(200.0));
        assert_eq!((all.percentile_us(99.0), all.percentile_us(100.0)), (Some(99.0), Some(500.0)));
        assert_eq!((all.longest_write_us(), all.torn), (Some(500.0), 1));
    }
}
