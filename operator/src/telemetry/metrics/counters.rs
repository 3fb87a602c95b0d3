//! Counters whose series are all there at zero.

use std::time::Duration;

use atoll_decide::ids::ClusterName;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::labels::{ClosedLabel, ClusterLabel, ClusterProbe, PlaneLabel, ProbeLabel};

type Series<L> = Family<[(&'static str, L); 1], Counter>;

/// One counter for each value of a closed label.
#[derive(Clone)]
pub struct Counters<L: ClosedLabel>(Series<L>);

impl<L: ClosedLabel> Default for Counters<L> {
    fn default() -> Self {
        let family = Series::default();
        for label in L::ALL {
            drop(family.get_or_create(&[(L::KEY, *label)]));
        }
        Self(family)
    }
}

impl<L: ClosedLabel> Counters<L> {
    /// Adds one.
    pub fn inc(&self, label: L) {
        self.inc_by(label, 1);
    }

    /// Adds `count`.
    pub fn inc_by(&self, label: L, count: u64) {
        self.0.get_or_create(&[(L::KEY, label)]).inc_by(count);
    }

    /// The count so far, for tests and for `/debug/vars`.
    pub fn get(&self, label: L) -> u64 {
        self.0.get_or_create(&[(L::KEY, label)]).get()
    }

    pub(super) fn family(&self) -> Series<L> {
        self.0.clone()
    }
}

/// Probe counters of the members that are there.
#[derive(Clone, Default)]
pub struct ProbeCounters(Family<ClusterProbe, Counter>);

impl ProbeCounters {
    /// A member has joined: its series appear, at zero.
    pub fn join(&self, cluster: &ClusterName) {
        for labels in series_of(cluster) {
            drop(self.0.get_or_create(&labels));
        }
    }

    /// A member has left: its series go.
    pub fn leave(&self, cluster: &ClusterName) {
        for labels in series_of(cluster) {
            self.0.remove(&labels);
        }
    }

    /// A probe has ended. One of a member that has left meanwhile does not
    /// bring its series back.
    pub fn observe(&self, cluster: &ClusterName, plane: PlaneLabel, outcome: ProbeLabel) {
        if let Some(counter) = self.0.get(&ClusterProbe { cluster: ClusterLabel(cluster.clone()), plane, outcome }) {
            counter.inc();
        }
    }

    pub(super) fn family(&self) -> Family<ClusterProbe, Counter> {
        self.0.clone()
    }
}

type OfCluster = [(&'static str, ClusterLabel); 1];

/// Times that orders took on the members that are there.
#[derive(Clone)]
pub struct Latencies(Family<OfCluster, Histogram, fn() -> Histogram>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Family::new_with_constructor((|| Histogram::new(super::SECONDS)) as fn() -> Histogram))
    }
}

impl Latencies {
    /// A member has joined.
    pub fn join(&self, cluster: &ClusterName) {
        drop(self.0.get_or_create(&of(cluster)));
    }

    /// A member has left.
    pub fn leave(&self, cluster: &ClusterName) {
        self.0.remove(&of(cluster));
    }

    /// An order has ended. One on a member that has left meanwhile does not
    /// bring its series back.
    pub fn observe(&self, cluster: &ClusterName, took: Duration) {
        if let Some(histogram) = self.0.get(&of(cluster)) {
            histogram.observe(took.as_secs_f64());
        }
    }

    pub(super) fn family(&self) -> Family<OfCluster, Histogram, fn() -> Histogram> {
        self.0.clone()
    }
}

fn of(cluster: &ClusterName) -> OfCluster {
    [("cluster", ClusterLabel(cluster.clone()))]
}

fn series_of(cluster: &ClusterName) -> impl Iterator<Item = ClusterProbe> {
    PlaneLabel::ALL.iter().flat_map(move |plane| {
        ProbeLabel::ALL.iter().map(move |outcome| ClusterProbe {
            cluster: ClusterLabel(cluster.clone()),
            plane: *plane,
            outcome: *outcome,
        })
    })
}
