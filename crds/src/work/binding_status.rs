//! What became of a binding on its clusters.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::binding::TargetCluster;
use crate::schema::{any_object, upstream};

/// Schedule result and what the clusters report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// Generation of the last successful schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_observed_generation: Option<i64>,
    /// Affinity group in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_observing_affinity_name: Option<String>,
    /// When the last successful schedule was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scheduled_time: Option<Time>,
    /// Conditions `Scheduled` and `FullyApplied`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "upstream::conditions")]
    pub conditions: Vec<Condition>,
    /// What each cluster reports, sorted by cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<AggregatedStatusItem>,
    /// Atoll's: the schedule result in one line, as [`placed_on`] writes it. A
    /// printer column shows the first of several values alone, so the list in
    /// the spec cannot be printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_on: Option<String>,
    /// Atoll's: healthy clusters out of all, such as `3/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<String>,
    /// Atoll's: why not all is well, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What one cluster reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AggregatedStatusItem {
    /// The cluster.
    pub cluster_name: String,
    /// Status of the object there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub status: Option<Value>,
    /// The manifest is applied there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub applied: bool,
    /// Why not, in the member's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_message: Option<String>,
    /// Health of the object there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<ResourceHealth>,
}

/// Health of one object on one cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceHealth {
    /// Does its work.
    Healthy,
    /// Does not.
    Unhealthy,
    /// Nothing is known, which is neither of both.
    #[default]
    Unknown,
}

/// How many clusters [`placed_on`] names before it only counts.
const NAMED_CLUSTERS: usize = 5;

/// Clusters and replicas in one line, such as `m1:2,m2:1`, or
/// `m1,m2,m3,m4,m5,+16` for many.
pub fn placed_on(clusters: &[TargetCluster]) -> String {
    let mut parts: Vec<String> = clusters
        .iter()
        .take(NAMED_CLUSTERS)
        .map(|cluster| match cluster.replicas {
            Some(replicas) => format!("{}:{replicas}", cluster.name),
            None => cluster.name.clone(),
        })
        .collect();
    if clusters.len() > NAMED_CLUSTERS {
        parts.push(format!("+{}", clusters.len() - NAMED_CLUSTERS));
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, replicas: Option<i32>) -> TargetCluster {
        TargetCluster { name: name.into(), replicas, ..TargetCluster::default() }
    }

    #[test]
    fn replicas_are_named_where_they_are_divided() {
        assert_eq!(placed_on(&[target("m1", Some(2)), target("m2", Some(1))]), "m1:2,m2:1");
        assert_eq!(placed_on(&[target("m1", None)]), "m1");
        assert_eq!(placed_on(&[]), "");
    }

    #[test]
    fn many_clusters_are_counted_after_the_first_few() {
        let clusters: Vec<_> = (1..=7).map(|number| target(&format!("m{number}"), None)).collect();
        assert_eq!(placed_on(&clusters), "m1,m2,m3,m4,m5,+2");
    }
}
