//! What a verdict means for traffic: quick, reversible, and never the last one.

use std::collections::BTreeMap;

use crate::health::brake::Brake;
use crate::health::verdict::{DataState, Verdict};
use crate::ids::ClusterName;

/// What a cluster's endpoints should get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// Its full share.
    Stay,
    /// Less.
    Lowered,
    /// None.
    Leave,
}

/// The routing decision for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// The brake is on: what was last published stays.
    Frozen,
    /// Per cluster that serves it.
    Shares(BTreeMap<ClusterName, Traffic>),
}

/// The traffic column of the table in architecture section 6: only the data
/// plane matters to traffic.
pub fn of(verdict: &Verdict) -> Traffic {
    match verdict.data {
        DataState::Unknown | DataState::Serving => Traffic::Stay,
        DataState::Suspect | DataState::Returning => Traffic::Lowered,
        DataState::Dark => Traffic::Leave,
    }
}

/// Shares of the clusters that serve one service. The last one is never
/// withdrawn: if all are bad, all stay.
pub fn route<'a>(serving: impl IntoIterator<Item = (&'a ClusterName, &'a Verdict)>, brake: &Brake) -> Routing {
    if brake.is_on() {
        return Routing::Frozen;
    }
    let shares: BTreeMap<ClusterName, Traffic> =
        serving.into_iter().map(|(name, verdict)| (name.clone(), of(verdict))).collect();
    // Shares are relative: when all are alike, none of them is worse.
    let first = shares.values().next().copied();
    if shares.values().all(|share| Some(*share) == first) {
        return Routing::Shares(shares.into_keys().map(|name| (name, Traffic::Stay)).collect());
    }
    Routing::Shares(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Detector;
    use crate::health::timing::Timing;
    use crate::time::{Mono, Wall};

    fn shares(data: &[DataState]) -> Vec<Traffic> {
        let blank = Detector::new(Timing::standard(), Mono::default(), Wall(0)).judge(Mono::default(), Mono::default());
        let verdicts: Vec<(ClusterName, Verdict)> = data
            .iter()
            .zip(["a", "b", "c"])
            .map(|(data, name)| (name.into(), Verdict { data: *data, ..blank.clone() }))
            .collect();
        match route(verdicts.iter().map(|(name, verdict)| (name, verdict)), &Brake::default()) {
            Routing::Shares(shares) => shares.into_values().collect(),
            Routing::Frozen => Vec::new(),
        }
    }

    #[test]
    fn dark_leaves_and_suspect_is_lowered() {
        use DataState::{Dark, Serving, Suspect};
        assert_eq!(shares(&[Dark, Suspect, Serving]), [Traffic::Leave, Traffic::Lowered, Traffic::Stay]);
        assert_eq!(shares(&[Dark, Suspect]), [Traffic::Leave, Traffic::Lowered]);
    }

    #[test]
    fn the_last_cluster_of_a_service_is_never_withdrawn() {
        use DataState::{Dark, Suspect, Unknown};
        assert_eq!(shares(&[Dark]), [Traffic::Stay]);
        assert_eq!(shares(&[Dark, Dark, Dark]), [Traffic::Stay; 3]);
        assert_eq!(shares(&[Suspect, Suspect]), [Traffic::Stay; 2]);
        assert_eq!(shares(&[Unknown]), [Traffic::Stay]);
    }

    #[test]
    fn the_brake_freezes_routing() {
        let on = Brake::On { since: Mono::default(), clusters: ["a".into(), "b".into()].into(), clearing: None };
        assert_eq!(route([], &on), Routing::Frozen);
    }
}
