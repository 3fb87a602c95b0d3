//! What other observers say: small processes in other members that probe the
//! same targets on their own way (architecture section 6).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::ClusterName;
use crate::time::Mono;

/// What a witness sees of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It still answers.
    Serving,
    /// It is silent there too.
    Silent,
}

/// The reports about one cluster, by the cluster the witness runs in. A
/// replica of the operator is no witness: it shares the hub's path.
#[derive(Clone, Debug, Default)]
pub struct Reports(BTreeMap<ClusterName, (Mono, Sight)>);

impl Reports {
    /// Keeps the newest report of `witness`; `at` is when it was received.
    pub fn observe(&mut self, witness: ClusterName, at: Mono, sight: Sight) {
        let entry = self.0.entry(witness).or_insert((at, sight));
        if at >= entry.0 {
            *entry = (at, sight);
        }
    }

    /// Who still sees the cluster serve: each of them vetoes a move.
    pub fn vetoes(&self, now: Mono, fresh: Duration) -> Vec<&ClusterName> {
        self.fresh(now, fresh, Sight::Serving)
    }

    /// Whether an independent observer agrees and none disagrees.
    pub fn confirm(&self, now: Mono, fresh: Duration) -> bool {
        self.vetoes(now, fresh).is_empty() && !self.fresh(now, fresh, Sight::Silent).is_empty()
    }

    fn fresh(&self, now: Mono, fresh: Duration, wanted: Sight) -> Vec<&ClusterName> {
        self.0
            .iter()
            .filter(|(_, (at, sight))| *sight == wanted && now.since(*at) <= fresh)
            .map(|(witness, _)| witness)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Duration = Duration::from_secs(5);

    #[test]
    fn one_observer_that_still_sees_it_outweighs_any_that_do_not() {
        let mut reports = Reports::default();
        assert!(!reports.confirm(Mono::default(), FRESH));
        reports.observe("b".into(), Mono::from_millis(1000), Sight::Silent);
        reports.observe("c".into(), Mono::from_millis(1000), Sight::Silent);
        assert!(reports.confirm(Mono::from_millis(2000), FRESH));
        reports.observe("d".into(), Mono::from_millis(2000), Sight::Serving);
        assert!(!reports.confirm(Mono::from_millis(2000), FRESH));
        assert_eq!(reports.vetoes(Mono::from_millis(2000), FRESH), [&ClusterName::from("d")]);
    }

    #[test]
    fn an_old_report_says_nothing() {
        let mut reports = Reports::default();
        reports.observe("b".into(), Mono::from_millis(1000), Sight::Silent);
        assert!(!reports.confirm(Mono::from_millis(6001), FRESH));
        reports.observe("b".into(), Mono::from_millis(500), Sight::Serving);
        assert!(reports.vetoes(Mono::from_millis(1000), FRESH).is_empty());
    }
}
