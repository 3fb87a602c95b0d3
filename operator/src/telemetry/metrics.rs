//! Every metric of the operator, by component.
//!
//! A component gets its part at construction and bumps it; nothing reads a
//! metric to decide. Labels are closed enums, so every series is there at zero
//! from the start; a member's name is a label only where the number of Cluster
//! objects bounds it. Sizes are read at scrape time ([`scrape`]).

#[cfg(test)]
mod chart;
pub mod counters;
pub mod labels;
pub mod scrape;
pub mod standing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::counters::{Counters, ProbeCounters};
use self::labels::{
    ApplyLabel, ClosedLabel, DeleteLabel, DriftLabel, GradeLabel, HubWriteLabel, MoveLabel, OutcomeLabel,
};
use self::scrape::Sources;

/// From half a millisecond, a pure step, to 16 s, a member that hangs.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 4.0, 16.0];

/// All of them. Clones share the values.
#[derive(Clone, Default)]
pub struct Metrics {
    /// Looks at templates.
    pub pipeline: Pipeline,
    /// Writes on the hub.
    pub hub: Hub,
    /// Work on the members.
    pub members: Members,
    /// Probes, verdicts, moves.
    pub health: Health,
}

impl Metrics {
    /// Names them all, and the readings of `sources`, under `atoll_`.
    pub fn register(&self, registry: &mut Registry, sources: Sources) {
        let registry = registry.sub_registry_with_prefix("atoll");
        self.pipeline.register(registry);
        self.hub.register(registry);
        self.members.register(registry);
        self.health.register(registry);
        sources.register(registry);
    }
}

type ByOutcome = [(&'static str, OutcomeLabel); 1];

/// Looks at templates.
#[derive(Clone)]
pub struct Pipeline {
    durations: Family<ByOutcome, Histogram, fn() -> Histogram>,
}

impl Default for Pipeline {
    fn default() -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        for outcome in OutcomeLabel::ALL {
            drop(durations.get_or_create(&[(OutcomeLabel::KEY, *outcome)]));
        }
        Self { durations }
    }
}

impl Pipeline {
    /// One look at one template has ended.
    pub fn observe_reconcile(&self, outcome: OutcomeLabel, took: Duration) {
        self.durations.get_or_create(&[(OutcomeLabel::KEY, outcome)]).observe(took.as_secs_f64());
    }

    fn register(&self, registry: &mut Registry) {
        let help = "Looks at templates, from the claim to the orders: how many, how long, how they ended";
        registry.register("reconcile_duration_seconds", help, self.durations.clone());
    }
}

/// Writes on the hub.
#[derive(Clone, Default)]
pub struct Hub {
    /// Writes that the API server accepted, by what they wrote.
    pub writes: Counters<HubWriteLabel>,
    /// Writes that it refused or did not answer.
    pub failures: Counters<HubWriteLabel>,
}

impl Hub {
    /// Counts a write by how it ended, and hands that on.
    pub fn count<T, E>(&self, what: HubWriteLabel, ended: Result<T, E>) -> Result<T, E> {
        if ended.is_ok() { &self.writes } else { &self.failures }.inc(what);
        ended
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("hub_writes", "Writes accepted by the hub's API server", self.writes.family());
        registry.register("hub_write_failures", "Writes refused or not answered by the hub", self.failures.family());
    }
}

/// Work on the members.
#[derive(Clone, Default)]
pub struct Members {
    /// Applies, by how they ended.
    pub applies: Counters<ApplyLabel>,
    /// Deletes of copies, by how they ended.
    pub deletes: Counters<DeleteLabel>,
    /// Drift that was put back.
    pub drift_repaired: Counters<DriftLabel>,
}

impl Members {
    fn register(&self, registry: &mut Registry) {
        registry.register("member_applies", "Applies on members, by how they ended", self.applies.family());
        registry.register("member_deletes", "Deletes of copies on members", self.deletes.family());
        registry.register("drift_repaired", "Changes on members that were put back", self.drift_repaired.family());
    }
}

/// Probes, verdicts, moves.
#[derive(Clone, Default)]
pub struct Health {
    /// Probes, by cluster, plane and answer.
    pub probes: ProbeCounters,
    /// Changes of a cluster's grade, by the grade it came to.
    pub verdicts: Counters<GradeLabel>,
    /// Copies moved off lost clusters, by how far they have come.
    pub moves: Counters<MoveLabel>,
}

impl Health {
    fn register(&self, registry: &mut Registry) {
        registry.register("probes", "Probes of members, by answer", self.probes.family());
        registry.register("verdict_transitions", "Changes of grade, by the new grade", self.verdicts.family());
        registry.register("failover_moves", "Copies moved off lost clusters, by stage", self.moves.family());
    }
}
