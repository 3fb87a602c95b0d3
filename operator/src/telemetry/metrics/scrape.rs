//! Readings taken when somebody scrapes: the members, the queues, the fleet
//! map, the process. A member that has left is not read, so its series end by themselves.

use std::fmt;

use atoll_decide::cluster::Grade;
use atoll_decide::ids::ClusterName;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::labels::{BreakerLabel, ClosedLabel, ClusterLabel, GradeLabel, LineLabel, QueueLabel};
use crate::fleet::Stats;
use crate::members::lane::Reading;
use crate::queue;

/// One member, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberReading {
    /// Which member.
    pub cluster: ClusterName,
    /// Its lane.
    pub lane: Reading,
    /// How healthy it is.
    pub grade: Grade,
    /// Copies it holds of ours.
    pub copies: u64,
    /// Copies there that no binding stands behind.
    pub orphans: u64,
    /// Deletes wait for a person.
    pub deletes_paused: bool,
}

/// The process itself, now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessReading {
    /// This replica leads.
    pub leads: bool,
    /// The hub's lists are complete.
    pub synced: bool,
    /// Kinds that policies select and the hub does not let us read.
    pub kinds_not_permitted: u64,
    /// Failover is braked.
    pub braked: bool,
    /// Tasks of the runtime.
    pub tasks: u64,
    /// Tasks that wait for a worker of the runtime, in its common queue.
    pub waiting: u64,
}

type Read<T> = Box<dyn Fn() -> T + Send + Sync>;

/// Where the readings come from.
pub struct Sources {
    /// All members.
    pub members: Read<Vec<MemberReading>>,
    /// The fleet map.
    pub fleet: Read<Stats>,
    /// All work queues.
    pub queues: Read<Vec<(QueueLabel, queue::Reading)>>,
    /// The process.
    pub process: Read<ProcessReading>,
}

impl Sources {
    pub(super) fn register(self, registry: &mut Registry) {
        registry.register_collector(Box::new(Members(self.members)));
        registry.register_collector(Box::new(Fleet(self.fleet)));
        registry.register_collector(Box::new(Queues(self.queues)));
        registry.register_collector(Box::new(Process(self.process)));
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterGrade {
    cluster: ClusterLabel,
    grade: GradeLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLine {
    queue: QueueLabel,
    line: LineLabel,
}

struct Members(Read<Vec<MemberReading>>);

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Members")
    }
}

type ReadOne = (&'static str, &'static str, fn(&MemberReading) -> u64);

const OF_EACH_MEMBER: [ReadOne; 6] = [
    ("lane_depth", "Orders not carried out yet", |member| member.lane.depth),
    ("lane_in_flight", "Orders being carried out", |member| member.lane.in_flight),
    ("lane_limit", "Orders that may be carried out at once", |member| member.lane.limit),
    ("member_copies", "Copies of ours that the member holds", |member| member.copies),
    ("member_orphans", "Copies on the member that no binding stands behind", |member| member.orphans),
    ("member_deletes_paused", "1 while deletes on the member wait for a person", |member| member.deletes_paused.into()),
];

impl Collector for Members {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let members = (self.0)();
        let of = |member: &MemberReading| ClusterOnly { cluster: ClusterLabel(member.cluster.clone()) };
        for (name, help, read) in OF_EACH_MEMBER {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for member in &members {
                gauge.encode_family(&of(member))?.encode_gauge(&whole(read(member)))?;
            }
        }
        let help = "Orders that replaced a waiting one";
        let mut coalesced = encoder.encode_descriptor("lane_coalesced", help, None, MetricType::Counter)?;
        for member in &members {
            count(coalesced.encode_family(&of(member))?, member.lane.coalesced)?;
        }
        let help = "1 for the grade the cluster has";
        let mut grades = encoder.encode_descriptor("member_grade", help, None, MetricType::Gauge)?;
        for member in &members {
            for grade in GradeLabel::ALL {
                let labels = ClusterGrade { cluster: ClusterLabel(member.cluster.clone()), grade: *grade };
                let is_it = GradeLabel::from(member.grade) == *grade;
                grades.encode_family(&labels)?.encode_gauge(&i64::from(is_it))?;
            }
        }
        let help = "1 for the state the breaker is in";
        let mut breaker = encoder.encode_descriptor("lane_breaker", help, None, MetricType::Gauge)?;
        for member in &members {
            for state in BreakerLabel::ALL {
                let labels = ClusterBreaker { cluster: ClusterLabel(member.cluster.clone()), state: *state };
                let is_it = member.lane.open == (*state == BreakerLabel::Open);
                breaker.encode_family(&labels)?.encode_gauge(&i64::from(is_it))?;
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
            gauge.encode_gauge(&whole(now))?;
        }
        Ok(())
    }
}

struct Queues(Read<Vec<(QueueLabel, queue::Reading)>>);

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queues")
    }
}

impl Collector for Queues {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let queues = (self.0)();
        let help = "Keys of a work queue, by where they are";
        let mut depth = encoder.encode_descriptor("queue_depth", help, None, MetricType::Gauge)?;
        for (queue, reading) in &queues {
            for line in LineLabel::ALL {
                let keys = match line {
                    LineLabel::User => reading.user,
                    LineLabel::CatchUp => reading.catch_up,
                    LineLabel::Running => reading.running,
                    LineLabel::Delayed => reading.delayed,
                };
                depth.encode_family(&QueueLine { queue: *queue, line: *line })?.encode_gauge(&whole(keys))?;
            }
        }
        let help = "How long the entry at the head of a work queue has waited";
        let mut age = encoder.encode_descriptor("queue_age_seconds", help, None, MetricType::Gauge)?;
        for (queue, reading) in &queues {
            age.encode_family(&[(QueueLabel::KEY, *queue)])?.encode_gauge(&reading.oldest.as_secs_f64())?;
        }
        Ok(())
    }
}

struct Process(Read<ProcessReading>);

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let reading = (self.0)();
        for (name, help, now) in [
            ("leader", "1 while this replica leads", u64::from(reading.leads)),
            ("hub_synced", "1 once the hub's objects are all listed", u64::from(reading.synced)),
            (
                "hub_kinds_not_permitted",
                "Kinds that policies select and the hub does not let the operator read",
                reading.kinds_not_permitted,
            ),
            ("failover_braked", "1 while so much is bad at once that nothing moves", u64::from(reading.braked)),
            ("runtime_tasks", "Tasks of the runtime", reading.tasks),
            ("runtime_waiting", "Tasks in the runtime's common queue", reading.waiting),
        ] {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&whole(now))?;
        }
        let mut build = encoder.encode_descriptor("build_info", "1 for this build", None, MetricType::Gauge)?;
        build.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?.encode_gauge(&1_i64)
    }
}

fn whole(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn count(mut encoder: MetricEncoder<'_>, so_far: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(&so_far, None)
}
