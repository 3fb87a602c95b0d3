//! Pausing what a policy sends out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pauses the delivery to members; what runs there keeps running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// Pause towards every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatching: Option<bool>,
    /// Pause towards these clusters alone. Not together with `dispatching: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatching_on_clusters: Option<SuspendClusters>,
}

/// Clusters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspendClusters {
    /// Names of the clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<String>,
}

impl Suspension {
    /// Whether nothing may be sent to `cluster`.
    pub fn holds(&self, cluster: &str) -> bool {
        holds(self.dispatching, self.dispatching_on_clusters.as_ref(), cluster)
    }
}

/// Whether delivery to `cluster` is paused: to all, or to it by name.
pub(crate) fn holds(all: Option<bool>, some: Option<&SuspendClusters>, cluster: &str) -> bool {
    all == Some(true) || some.is_some_and(|clusters| clusters.cluster_names.iter().any(|name| name == cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspension_holds_every_cluster_or_the_listed_ones() {
        let all = Suspension { dispatching: Some(true), ..Suspension::default() };
        assert!(all.holds("a"));

        let listed = SuspendClusters { cluster_names: vec!["a".into()] };
        let some = Suspension { dispatching: Some(false), dispatching_on_clusters: Some(listed) };
        assert!(some.holds("a"));
        assert!(!some.holds("b"));
        assert!(!Suspension::default().holds("a"));
    }
}
