//! Why a cluster is no candidate.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cluster::Grade;
use crate::ids::{ClusterName, Gvk};
use crate::placement::SpreadField;
use crate::taint::Effect;

/// A cluster that was refused, and the first reason why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The cluster.
    pub cluster: ClusterName,
    /// Why.
    pub reason: Reason,
}

/// Why a cluster was refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Its Cluster object is being deleted.
    Deleting,
    /// The cluster affinity does not select it.
    NotSelected,
    /// It is being vacated by an eviction.
    Evicting,
    /// A spread constraint groups by a property it does not state.
    NoTopology(SpreadField),
    /// It does not serve the kind.
    ApiMissing(Gvk),
    /// What it serves is not known yet.
    ApisUnknown,
    /// It has a taint nobody tolerates.
    Taint {
        /// Taint key.
        key: String,
        /// Taint value, empty when absent.
        value: String,
        /// Its effect.
        effect: Effect,
    },
    /// Its health admits no new copies.
    Health(Grade),
    /// A new copy would have to leave it again at once.
    Untenable,
}

impl Reason {
    /// What is said of `count` clusters: "lacks the API v1/Service".
    fn clause(&self, count: usize) -> String {
        let verb = |one: &'static str, many: &'static str| if count == 1 { one } else { many };
        let be = verb("is", "are");
        let have = verb("has", "have");
        match self {
            Self::Deleting => format!("{be} being deleted"),
            Self::NotSelected => format!("{be} not selected by the cluster affinity"),
            Self::Evicting => format!("{be} being vacated by an eviction"),
            Self::NoTopology(field) => format!("{have} no {}", field.noun()),
            Self::ApiMissing(gvk) => format!("{} the API {gvk}", verb("lacks", "lack")),
            Self::ApisUnknown => format!("{have} not reported which APIs {} yet", verb("it serves", "they serve")),
            Self::Taint { key, value, effect } if value.is_empty() => {
                format!("{have} the untolerated taint {key}:{effect:?}")
            }
            Self::Taint { key, value, effect } => format!("{have} the untolerated taint {key}={value}:{effect:?}"),
            Self::Untenable => format!("{have} a taint that is not tolerated any more"),
            Self::Health(Grade::IsolatedApi) => format!("{have} an unreachable API"),
            Self::Health(Grade::IsolatedFull) => format!("{be} isolated"),
            Self::Health(grade) => format!("{be} not fit for new copies ({grade:?})"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clause(1))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cluster, self.reason)
    }
}

impl SpreadField {
    /// The word for one group.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Region => "region",
            Self::Zone => "zone",
            Self::Provider => "provider",
        }
    }
}

/// So many names are written out before "and 7 more": three fit on one line
/// of a terminal together with the reason.
const NAMED: usize = 3;

/// The rejections in one phrase, the most frequent reason first:
/// "2 lack the API v1/Service (a, b), 1 is isolated (c)". Empty for none.
pub fn summarize(rejected: &[Rejection]) -> String {
    let mut by_reason: BTreeMap<&Reason, Vec<&str>> = BTreeMap::new();
    for rejection in rejected {
        by_reason.entry(&rejection.reason).or_default().push(rejection.cluster.as_str());
    }
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|(reason, clusters)| (std::cmp::Reverse(clusters.len()), *reason));
    let phrases: Vec<_> = groups
        .into_iter()
        .map(|(reason, mut clusters)| {
            clusters.sort_unstable();
            let count = clusters.len();
            let names = clusters[..count.min(NAMED)].join(", ");
            let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
            format!("{count} {} ({names}{more})", reason.clause(count))
        })
        .collect();
    phrases.join(", ")
}
