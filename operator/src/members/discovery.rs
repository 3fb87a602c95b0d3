//! Which APIs a member serves.
//!
//! Enters: a client. Leaves: the set of kinds, or what is known of it when a
//! group failed. A failed question leaves the last answer standing.

use std::collections::BTreeSet;
use std::time::Duration;

use atoll_decide::ids::Gvk;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;
use kube::discovery::Discovery;

use super::failure::Failure;

/// One look takes at most this.
const DEADLINE: Duration = Duration::from_secs(5);

/// One served resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// `apps/v1`
    pub group_version: String,
    /// `deployments`
    pub resource: String,
    /// `Deployment`
    pub kind: String,
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apis {
    /// `gitVersion` of the member.
    pub version: String,
    /// Everything it serves, sorted.
    pub served: Vec<Served>,
}

impl Apis {
    /// The kinds, as the scheduler's filter wants them.
    pub fn kinds(&self) -> BTreeSet<Gvk> {
        self.served.iter().map(|served| Gvk::from_api_version(&served.group_version, &served.kind)).collect()
    }
}

/// Looks once.
pub async fn fetch(client: &Client) -> Result<Apis, Failure> {
    let look = async {
        let version: Info = client.apiserver_version().await?;
        let discovery = Discovery::new(client.clone()).run_aggregated().await?;
        let mut served: Vec<Served> = Vec::new();
        for group in discovery.groups() {
            for version in group.versions() {
                served.extend(group.versioned_resources(version).into_iter().map(|(resource, _)| Served {
                    group_version: resource.api_version,
                    resource: resource.plural,
                    kind: resource.kind,
                }));
            }
        }
        served.sort();
        served.dedup();
        Ok::<_, kube::Error>(Apis { version: version.git_version, served })
    };
    match tokio::time::timeout(DEADLINE, look).await {
        Ok(found) => found.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::Silent(format!("discovery got no answer within {DEADLINE:?}"))),
    }
}
