//! Pauses between attempts: each twice as long as the one before, up to a limit.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// A series of pauses that can start again.
#[derive(Clone, Debug)]
pub struct Pauses {
    first: Duration,
    last: Duration,
    next: Duration,
}

impl Pauses {
    pub fn new(first: Duration, last: Duration) -> Self {
        Self { first, last, next: first }
    }
}

/// Never ends.
impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(self.last);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_again() {
        let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_millis(500));
        let millis = |pauses: &mut Pauses| pauses.take(5).map(|pause| pause.as_millis()).collect::<Vec<_>>();
        assert_eq!(millis(&mut pauses), [100, 200, 400, 500, 500]);
        pauses.reset();
        assert_eq!(millis(&mut pauses)[..2], [100, 200]);
    }
}
