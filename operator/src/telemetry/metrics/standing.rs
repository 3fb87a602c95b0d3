//! How things stand, read when somebody scrapes: does this process lead, what
//! may it not read, how is each member.

use std::fmt;

use atoll_decide::ids::ClusterName;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::labels::{ClosedLabel, ClusterLabel, GradeLabel};

/// Everything at one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// This process holds the Lease.
    pub leads: bool,
    /// Kinds that policies select and the hub does not let us read.
    pub kinds_not_permitted: u64,
    /// Panics since the process began.
    pub panics: u64,
    /// The members.
    pub members: Vec<MemberStanding>,
}

/// One member.
#[derive(Clone, Debug)]
pub struct MemberStanding {
    /// Its name.
    pub cluster: ClusterName,
    /// Its grade.
    pub grade: GradeLabel,
    /// Deletes there wait for a person.
    pub deletes_paused: bool,
}

/// Names the readings under `atoll_`.
pub fn register(registry: &mut Registry, read: impl Fn() -> Standing + Send + Sync + 'static) {
    registry.sub_registry_with_prefix("atoll").register_collector(Box::new(Readings(Box::new(read))));
}

struct Readings(Box<dyn Fn() -> Standing + Send + Sync>);

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCluster {
    cluster: ClusterLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfGrade {
    cluster: ClusterLabel,
    grade: GradeLabel,
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Standing { leads, kinds_not_permitted, panics, members } = (self.0)();
        let mut leader = encoder.encode_descriptor("leader", "1 where this process leads", None, MetricType::Gauge)?;
        leader.encode_gauge(&i64::from(leads))?;
        let help = "Kinds that policies select and the hub does not let the operator read";
        let mut kinds = encoder.encode_descriptor("hub_kinds_not_permitted", help, None, MetricType::Gauge)?;
        kinds.encode_gauge(&i64::try_from(kinds_not_permitted).unwrap_or(i64::MAX))?;
        let mut told = encoder.encode_descriptor("panics", "Panics of tasks", None, MetricType::Counter)?;
        told.encode_counter::<NoLabelSet, _, u64>(&panics, None)?;
        let help = "1 for the grade that the member has";
        let mut grades = encoder.encode_descriptor("member_grade", help, None, MetricType::Gauge)?;
        for member in &members {
            for grade in GradeLabel::ALL {
                let labels = OfGrade { cluster: ClusterLabel(member.cluster.clone()), grade: *grade };
                grades.encode_family(&labels)?.encode_gauge(&i64::from(member.grade == *grade))?;
            }
        }
        let help = "1 where deletes wait for a person";
        let mut paused = encoder.encode_descriptor("member_deletes_paused", help, None, MetricType::Gauge)?;
        for member in &members {
            let labels = OfCluster { cluster: ClusterLabel(member.cluster.clone()) };
            paused.encode_family(&labels)?.encode_gauge(&i64::from(member.deletes_paused))?;
        }
        Ok(())
    }
}
