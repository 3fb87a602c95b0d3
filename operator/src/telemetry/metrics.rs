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
#[cfg(test)]
pub mod tests;

use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use atoll_decide::ids::ClusterName;

use self::counters::{Counters, Latencies, ProbeCounters};
use self::labels::{
    ApplyLabel, ClosedLabel, DeleteLabel, DriftLabel, DropLabel, GradeLabel, HubWriteLabel, MoveLabel, OutcomeLabel,
    SpanLabel, StepLabel, WatchLabel,
};
use self::scrape::Sources;
use super::steps::Cause;
use crate::tasks::TaskKind;

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
    /// Tasks.
    pub tasks: TaskMetrics,
    /// What is told: Events, moves, spans, log lines.
    pub telling: Telling,
    /// Watches on the hub and on members.
    pub watches: Counters<WatchLabel>,
}

impl Metrics {
    /// Names them all, and the readings of `sources`, under `atoll_`.
    pub fn register(&self, registry: &mut Registry, sources: Sources) {
        let registry = registry.sub_registry_with_prefix("atoll");
        self.pipeline.register(registry);
        self.hub.register(registry);
        self.members.register(registry);
        self.health.register(registry);
        self.tasks.register(registry);
        self.telling.register(registry);
        let help = "Watches that broke and were resumed, by what they watch";
        registry.register("watch_interruptions", help, self.watches.family());
        sources.register(registry);
    }
}

impl Metrics {
    /// A member has joined: its series appear, at zero.
    pub fn join(&self, cluster: &ClusterName) {
        self.health.probes.join(cluster);
        self.members.latency.join(cluster);
    }

    /// A member has left: its series go.
    pub fn leave(&self, cluster: &ClusterName) {
        self.health.probes.leave(cluster);
        self.members.latency.leave(cluster);
    }
}

type ByStep = [(&'static str, StepLabel); 1];
type ByOutcome = [(&'static str, OutcomeLabel); 1];

/// Looks at templates.
#[derive(Clone)]
pub struct Pipeline {
    durations: Family<ByOutcome, Histogram, fn() -> Histogram>,
    steps: Family<ByStep, Histogram, fn() -> Histogram>,
    /// Looks, by why.
    pub causes: Counters<Cause>,
}

impl Default for Pipeline {
    fn default() -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        for outcome in OutcomeLabel::ALL {
            drop(durations.get_or_create(&[(OutcomeLabel::KEY, *outcome)]));
        }
        let steps = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        for step in StepLabel::ALL {
            drop(steps.get_or_create(&[(StepLabel::KEY, *step)]));
        }
        Self { durations, steps, causes: Counters::default() }
    }
}

impl Pipeline {
    /// One look at one template has ended.
    pub fn observe_reconcile(&self, outcome: OutcomeLabel, took: Duration) {
        self.durations.get_or_create(&[(OutcomeLabel::KEY, outcome)]).observe(took.as_secs_f64());
    }

    /// How many looks have ended so.
    #[cfg(test)]
    pub fn looks(&self, outcome: OutcomeLabel) -> u64 {
        use prometheus_client::encoding::text::encode;
        let mut registry = Registry::default();
        registry.register("looks", "", self.durations.clone());
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes all");
        let line = format!("looks_count{{outcome=\"{}\"}} ", outcome.text());
        text.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
    }

    /// One step of a look has ended.
    pub fn observe_step(&self, step: StepLabel, took: Duration) {
        self.steps.get_or_create(&[(StepLabel::KEY, step)]).observe(took.as_secs_f64());
    }

    fn register(&self, registry: &mut Registry) {
        let help = "Steps of looks, with the writes on the hub that belong to them";
        registry.register("step_duration_seconds", help, self.steps.clone());
        registry.register("looks", "Looks at templates, by what caused them", self.causes.family());
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
    /// How long orders took on each member.
    pub latency: Latencies,
}

impl Members {
    fn register(&self, registry: &mut Registry) {
        registry.register("member_applies", "Applies on members, by how they ended", self.applies.family());
        registry.register("member_deletes", "Deletes of copies on members", self.deletes.family());
        let help =
            "Orders carried out on each member, the failed ones included: how long from their turn to the answer";
        registry.register("member_order_duration_seconds", help, self.latency.family());
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

/// Tasks.
#[derive(Clone, Default)]
pub struct TaskMetrics {
    /// Panics, by the kind of task.
    pub panics: Counters<TaskKind>,
}

impl TaskMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("task_panics", "Panics, by the kind of task; each is a defect", self.panics.family());
    }
}

/// What is told: Events, moves, spans.
#[derive(Clone, Default)]
pub struct Telling {
    /// What was let go because too much waited.
    pub dropped: Counters<DropLabel>,
    /// Spans for the trace collector, by how it ended.
    pub spans: Counters<SpanLabel>,
}

impl Telling {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "telling_dropped",
            "What was let go because too much waited to be told",
            self.dropped.family(),
        );
        registry.register("trace_spans", "Spans for the trace collector, by how it ended", self.spans.family());
    }
}
