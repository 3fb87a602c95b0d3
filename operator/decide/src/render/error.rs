//! Why there is no manifest for a cluster.

use crate::ids::ClusterName;
use crate::overrides;

/// A manifest that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An overrider does not fit the object.
    #[error("cannot render for cluster {cluster}: {policy}, rule {rule}: {source}")]
    Override {
        /// The cluster.
        cluster: ClusterName,
        /// Kind and name of the policy.
        policy: String,
        /// Which of its rules, from 0.
        rule: usize,
        /// What does not fit.
        source: Box<overrides::Error>,
    },
    /// The override policies together changed what the object is called: it
    /// could be applied, but never found again.
    #[error(
        "cannot render for cluster {cluster}: an override changes {field} of the object; overrides must leave \
         apiVersion, kind, name and namespace alone (policies: {policies})"
    )]
    Identity {
        /// The cluster.
        cluster: ClusterName,
        /// The changed field, as a JSON pointer.
        field: &'static str,
        /// The policies that were applied, separated by commas.
        policies: String,
    },
    /// The metadata of the object, or its labels or annotations, are no maps.
    #[error("cannot render for cluster {cluster}: {field} of the object is not a map")]
    NotMap {
        /// The cluster.
        cluster: ClusterName,
        /// The field, as a JSON pointer.
        field: &'static str,
    },
}
