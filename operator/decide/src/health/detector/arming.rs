//! When an isolation is sure enough for costly acts (the table of architecture
//! section 6).

use std::time::Duration;

use crate::cluster::Grade;
use crate::health::detector::Detector;
use crate::health::silence::Silence;
use crate::health::verdict::{Arming, DataState};
use crate::time::Mono;

/// When a waiting arming should be looked at again.
pub(super) fn next_check(arming: &Arming) -> Option<Mono> {
    match arming {
        Arming::At(at) => Some(*at),
        Arming::NotCalledFor | Arming::Contradicted | Arming::Vetoed(_) | Arming::Stale | Arming::Armed => None,
    }
}

impl Detector {
    pub(super) fn arming(&self, now: Mono, trusted_since: Mono) -> Arming {
        let vetoes = self.reports.vetoes(now, self.timing.witness_fresh);
        let confirmed = self.reports.confirm(now, self.timing.witness_fresh);
        let alone = if confirmed { self.timing.confirm } else { self.timing.unconfirmed_after };
        let (silence, need) = match self.grade {
            Grade::IsolatedFull => {
                (Silence::common([self.api_evidence.silence(), self.data_evidence.silence()]), alone)
            }
            Grade::IsolatedData if !self.is_corroborated(confirmed) => return Arming::Contradicted,
            Grade::IsolatedData => (self.data_evidence.silence(), alone),
            Grade::IsolatedApi => match (DataState::from(self.data.phase), self.timing.data_unknown_after) {
                (DataState::Unknown, Some(after)) => (self.api_evidence.silence(), after),
                _ => return Arming::NotCalledFor,
            },
            Grade::Healthy | Grade::Degraded | Grade::Recovering | Grade::Unknown | Grade::Suspect => {
                return Arming::NotCalledFor;
            }
        };
        if !vetoes.is_empty() {
            return Arming::Vetoed(vetoes.into_iter().cloned().collect());
        }
        self.arming_of(silence, need, now, trusted_since)
    }

    /// Silence counts from when this observer trusts itself, and a full window
    /// of own probes comes first whatever `need` says.
    fn arming_of(&self, silence: Option<Silence>, need: Duration, now: Mono, trusted_since: Mono) -> Arming {
        // The plane is judged silent and yet nothing says so now: its targets
        // have changed, or probing has stopped.
        let Some(silence) = silence else {
            return Arming::Stale;
        };
        let trusted = trusted_since.max(self.started);
        let at = (silence.since.max(trusted) + need).max(trusted + self.timing.full_window);
        let stale = self.timing.api.stale().max(self.timing.data.stale());
        if now.since(silence.until) > stale {
            Arming::Stale
        } else if silence.until >= at {
            Arming::Armed
        } else {
            Arming::At(at)
        }
    }

    /// A dark data plane under an answering API contradicts itself; somebody
    /// else must agree: the member's own node list, a target the user named, a
    /// witness.
    fn is_corroborated(&self, confirmed: bool) -> bool {
        confirmed
            || self.nodes.is_some_and(|nodes| nodes.total > 0 && nodes.ready == 0)
            || self.data_evidence.named_is_silent(&self.timing.data)
    }
}
