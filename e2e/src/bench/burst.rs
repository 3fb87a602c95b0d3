//! As many templates as the hub takes, at once.
//!
//! In: a site whose members have joined, and how many. Out: how long until the last copy was seen, what was
//! written on the hub for it, and what the operator used.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use atoll_crds::PropagationPolicy;
use atoll_crds::policy::placement::Placement;
use atoll_crds::policy::propagation::{DEFAULT_SCHEDULER, PropagationSpec};
use atoll_crds::policy::selector::{ClusterAffinity, ResourceSelector};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::Api;
use kube::api::PostParams;
use tokio::time::Instant;

use super::api_writes::Writes;
use super::arrivals::Arrivals;
use super::names::{LOAD_LABEL, Load, WARM_UP};
use super::process::Usage;
use super::site::Site;
use super::{namespace, process, templates};

/// A new policy acts, and every watch it needs is open, within seconds; slower operators get their time.
const WARM_UP_DEADLINE: Duration = Duration::from_mins(2);
/// Statuses come a moment after the last copy.
const SETTLE_DEADLINE: Duration = Duration::from_mins(2);

/// What a burst cost.
#[derive(Debug)]
pub struct Burst {
    /// From the first create to the last copy seen.
    pub took: Duration,
    /// Until the hub had answered the last create.
    pub creates: Duration,
    /// Writes on the hub until it was quiet again, the load itself left out; unknown where the hub does not show it.
    pub writes: Option<Writes>,
    /// How long those writes were counted.
    pub counted: Duration,
    /// The operator once everything is in place; its processor time is that of the burst alone.
    pub usage: Option<Usage>,
}

/// Makes a namespace and a policy that takes every load in it to all members; returns when the first objects have arrived.
pub async fn warm_up(site: &Site, space: &str) -> Result<()> {
    namespace::create(&site.hub, space, &[]).await?;
    namespace::wait_until_synced(site, space).await?;
    let policies: Api<PropagationPolicy> = Api::namespaced(site.hub.clone(), space);
    let policy = policies.create(&PostParams::default(), &build_policy(&site.member_names())).await;
    policy.context("creating a PropagationPolicy on the hub: does it speak Karmada's API?")?;
    let mut arrivals = Arrivals::watch(site, space, Load::WarmUp).await?;
    templates::create_all(&site.hub, space, Load::WarmUp, WARM_UP).await?;
    let arrived = arrivals.wait_for(&Load::WarmUp.names(WARM_UP), WARM_UP_DEADLINE).await;
    arrived.map(drop).context("the first objects did not arrive on all members: does an operator run on this hub?")
}

/// Waits until nothing more is written on the hub, where it shows its writes.
pub async fn settle(site: &Site) -> Result<()> {
    Writes::fetch_settled(&site.hub, SETTLE_DEADLINE).await.map(drop)
}

fn build_policy(members: &[String]) -> PropagationPolicy {
    let every_load =
        LabelSelectorRequirement { key: LOAD_LABEL.to_owned(), operator: "Exists".to_owned(), values: None };
    let spec = PropagationSpec {
        resource_selectors: vec![ResourceSelector {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            label_selector: Some(LabelSelector {
                match_expressions: Some(vec![every_load]),
                ..LabelSelector::default()
            }),
            ..ResourceSelector::default()
        }],
        placement: Some(Placement {
            cluster_affinity: Some(ClusterAffinity { cluster_names: members.to_vec(), ..ClusterAffinity::default() }),
            ..Placement::default()
        }),
        scheduler_name: DEFAULT_SCHEDULER.to_owned(),
        // At the end thousands of copies go at once, which an operator may hold back until a person agrees. So they are
        // let go on the hub, and the bench, whose they are, removes them from the members.
        preserve_resources_on_deletion: Some(true),
        ..PropagationSpec::default()
    };
    PropagationPolicy::new("propagation", spec)
}

/// Measures a burst in a namespace that is warm.
pub async fn measure(site: &Site, space: &str, count: usize, deadline: Duration) -> Result<Burst> {
    let before = Before::fetch(site).await?;
    let (took, creates) = time(site, space, count, deadline).await?;
    let (writes, usage) = before.fetch_difference(site, count).await?;
    Ok(Burst { took, creates, writes, counted: before.at.elapsed(), usage })
}

/// A burst with nothing counted: how long until the last copy was seen, and until the hub had answered the last create.
pub async fn time(site: &Site, space: &str, count: usize, deadline: Duration) -> Result<(Duration, Duration)> {
    let mut arrivals = Arrivals::watch(site, space, Load::Burst).await?;
    let names = Load::Burst.names(count);
    let load = templates::create_all(&site.hub, space, Load::Burst, count);
    let (load, last) = tokio::try_join!(load, arrivals.wait_for(&names, deadline))?;
    Ok((last.duration_since(load.first_asked), load.last_answered.duration_since(load.first_asked)))
}

/// What was there before the burst.
struct Before {
    at: Instant,
    writes: Option<Writes>,
    usage: Option<Usage>,
}

impl Before {
    async fn fetch(site: &Site) -> Result<Self> {
        // A hub may keep its metrics to itself; that is no reason to measure nothing.
        let writes = Writes::fetch_settled(&site.hub, SETTLE_DEADLINE).await.ok();
        Ok(Self { at: Instant::now(), writes, usage: process::fetch(&site.operator)? })
    }

    /// What the burst of `count` templates added, once nothing more is written.
    async fn fetch_difference(&self, site: &Site, count: usize) -> Result<(Option<Writes>, Option<Usage>)> {
        let writes = match &self.writes {
            Some(before) => {
                let after = Writes::fetch_settled(&site.hub, SETTLE_DEADLINE).await?;
                Some(after.since(before).without_creates("configmaps", count as u64))
            }
            None => None,
        };
        let usage = process::fetch(&site.operator)?;
        let of_burst = |(before, after): (Usage, Usage)| Usage { cpu_s: after.cpu_s - before.cpu_s, ..after };
        Ok((writes, self.usage.zip(usage).map(of_burst)))
    }
}

impl Burst {
    /// Writes on the hub for each object; events and the statuses of policies left out.
    pub fn writes_per_object(&self, count: usize) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts of a few thousands")]
        self.writes.as_ref().map(|writes| writes.of_objects().total() as f64 / count as f64)
    }

    /// Statuses of the one policy, a second.
    pub fn policy_statuses_per_s(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        self.writes.as_ref().map(|writes| writes.policy_statuses() as f64 / self.counted.as_secs_f64())
    }

    /// The same by what was written, events included.
    pub fn writes_by_kind(&self) -> Option<BTreeMap<String, u64>> {
        self.writes.as_ref().map(|writes| writes.by_kind().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_selects_every_load_and_names_the_members() {
        let policy = serde_json::to_value(build_policy(&["m1".to_owned()])).unwrap();
        let selector = &policy["spec"]["resourceSelectors"][0]["labelSelector"]["matchExpressions"][0];
        assert_eq!((&selector["key"], &selector["operator"]), (&LOAD_LABEL.into(), &"Exists".into()));
        assert_eq!(policy["spec"]["placement"]["clusterAffinity"]["clusterNames"][0], "m1");
        assert_eq!(policy["spec"]["schedulerName"], "default-scheduler");
        assert_eq!(policy["spec"]["preserveResourcesOnDeletion"], true);
    }
}
