//! Readings taken when somebody scrapes: the lanes of the members, the fleet
//! map. A member that has left is not read, so its series end by themselves.

use std::fmt;

use atoll_decide::ids::ClusterName;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::labels::{BreakerLabel, ClosedLabel, ClusterLabel};
use crate::fleet::Stats;

/// The lane of one member, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneReading {
    /// Which member.
    pub cluster: ClusterName,
    /// Orders not carried out yet.
    pub depth: u64,
    /// Orders that replaced a waiting one, since the lane began.
    pub coalesced: u64,
    /// Its breaker.
    pub breaker: BreakerLabel,
}

type Read<T> = Box<dyn Fn() -> T + Send + Sync>;

/// Where the readings come from.
pub struct Sources {
    /// All lanes.
    pub lanes: Read<Vec<LaneReading>>,
    /// The fleet map.
    pub fleet: Read<Stats>,
}

impl Sources {
    pub(super) fn register(self, registry: &mut Registry) {
        registry.register_collector(Box::new(Lanes(self.lanes)));
        registry.register_collector(Box::new(Fleet(self.fleet)));
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterOnly {
    cluster: ClusterLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterBreaker {
    cluster: ClusterLabel,
    state: BreakerLabel,
}

struct Lanes(Read<Vec<LaneReading>>);

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let lanes = (self.0)();
        let of = |lane: &LaneReading| ClusterOnly { cluster: ClusterLabel(lane.cluster.clone()) };
        let mut depth = encoder.encode_descriptor("lane_depth", "Orders waiting", None, MetricType::Gauge)?;
        for lane in &lanes {
            depth.encode_family(&of(lane))?.encode_gauge(&i64::try_from(lane.depth).unwrap_or(i64::MAX))?;
        }
        let help = "Orders that replaced a waiting one";
        let mut coalesced = encoder.encode_descriptor("lane_coalesced", help, None, MetricType::Counter)?;
        for lane in &lanes {
            count(coalesced.encode_family(&of(lane))?, lane.coalesced)?;
        }
        let help = "1 for the state the breaker is in";
        let mut breaker = encoder.encode_descriptor("lane_breaker", help, None, MetricType::Gauge)?;
        for lane in &lanes {
            for state in BreakerLabel::ALL {
                let labels = ClusterBreaker { cluster: ClusterLabel(lane.cluster.clone()), state: *state };
                breaker.encode_family(&labels)?.encode_gauge(&i64::from(lane.breaker == *state))?;
            }
        }
        Ok(())
    }
}

struct Fleet(Read<Stats>);

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fleet")
    }
}

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let stats = (self.0)();
        let help = "Commits of the fleet map, by what triggered them";
        let mut commits = encoder.encode_descriptor("fleet_map_commits", help, None, MetricType::Counter)?;
        let by_trigger = [
            ("count", stats.commits_by_count),
            ("age", stats.commits_by_age),
            ("urgent", stats.commits_urgent),
            ("shutdown", stats.commits_at_shutdown),
        ];
        for (trigger, commits_so_far) in by_trigger {
            count(commits.encode_family(&[("trigger", trigger)])?, commits_so_far)?;
        }
        let help = "Writes refused: by a second writer, or from a stale version";
        let mut conflicts = encoder.encode_descriptor("fleet_map_write_conflict", help, None, MetricType::Counter)?;
        for (kind, so_far) in [("second_writer", stats.conflicts_owner), ("stale_version", stats.conflicts_stale)] {
            count(conflicts.encode_family(&[("kind", kind)])?, so_far)?;
        }
        for (name, help, so_far) in [
            ("fleet_map_contention", "Writes that had to wait for the lock", stats.contention),
            ("fleet_map_writes", "Writes accepted", stats.writes),
            ("fleet_map_unchanged", "Writes that changed nothing", stats.unchanged),
            ("fleet_map_coalesced", "Writes that replaced a change not yet published", stats.coalesced),
            ("fleet_map_resyncs", "Times a subscriber fell behind", stats.resyncs),
        ] {
            count(encoder.encode_descriptor(name, help, None, MetricType::Counter)?, so_far)?;
        }
        for (name, help, now) in [
            ("fleet_map_pending", "Changes not yet published", stats.pending),
            ("fleet_map_version", "Version of the published view", stats.version),
            ("fleet_map_subscribers", "Subscriptions", stats.subscribers),
        ] {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge.encode_gauge(&i64::try_from(now).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }
}

fn count(mut encoder: MetricEncoder<'_>, so_far: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(&so_far, None)
}
