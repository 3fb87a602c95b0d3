//! A small fleet to write tests on.

mod divide;
mod filters;
mod groups;
mod properties;
mod spread;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Decision, Failure, Reason, Request, explanation, schedule};
use crate::affinity::ClusterAffinity;
use crate::cluster::{Capacity, Cluster, Grade, Resources};
use crate::ids::{ClusterName, Gvk};
use crate::placement::{Placement, ReplicaScheduling, Spread, SpreadField, StaticWeight, Target};
use crate::taint::{Effect, Taint};

fn deployments() -> Gvk {
    Gvk::from_api_version("apps/v1", "Deployment")
}

/// A healthy cluster that serves Deployments and has `pods` free pod slots.
fn member(name: &str, pods: i64) -> Cluster {
    Cluster {
        name: name.into(),
        labels: [("name".to_owned(), name.to_owned())].into(),
        provider: String::new(),
        region: String::new(),
        zones: Vec::new(),
        taints: Vec::new(),
        deleting: false,
        apis: Some(Arc::new([deployments()].into())),
        capacity: Some(Capacity { allocatable: Resources::from([("pods".to_owned(), pods)]), ..Capacity::default() }),
        health: Grade::Healthy,
        fenced: false,
    }
}

fn with(mut cluster: Cluster, change: impl FnOnce(&mut Cluster)) -> Cluster {
    change(&mut cluster);
    cluster
}

fn tainted(name: &str, effect: Effect) -> Cluster {
    let taint = Taint { key: "maintenance".to_owned(), value: "now".to_owned(), effect, added: None };
    with(member(name, 100), |cluster| cluster.taints.push(taint))
}

fn only(names: &[&str]) -> ClusterAffinity {
    ClusterAffinity { names: names.iter().map(|name| (*name).into()).collect(), ..ClusterAffinity::default() }
}

fn spread(by: SpreadField, min_groups: u32, max_groups: Option<u32>) -> Spread {
    Spread { by, min_groups, max_groups }
}

fn divided(replicas: ReplicaScheduling) -> Placement {
    Placement { replicas, ..Placement::default() }
}

fn weight(names: &[&str], weight: i64) -> StaticWeight {
    StaticWeight { target: only(names), weight }
}

fn targets(list: &[(&str, i32)]) -> Vec<Target> {
    list.iter().map(|(name, replicas)| Target { cluster: (*name).into(), replicas: Some(*replicas) }).collect()
}

/// A request's owned parts.
#[derive(Debug)]
struct Case {
    clusters: Vec<Cluster>,
    placement: Placement,
    previous: Vec<Target>,
    replicas: Option<i32>,
    evicting: BTreeSet<ClusterName>,
    untenable: BTreeSet<ClusterName>,
    observed_group: Option<String>,
    fresh: bool,
    uid: &'static str,
}

impl Case {
    fn new(clusters: Vec<Cluster>, placement: Placement, replicas: i32) -> Self {
        Self {
            clusters,
            placement,
            previous: Vec::new(),
            replicas: Some(replicas),
            evicting: BTreeSet::new(),
            untenable: BTreeSet::new(),
            observed_group: None,
            fresh: false,
            uid: "",
        }
    }

    fn after(mut self, previous: &[(&str, i32)]) -> Self {
        self.previous = targets(previous);
        self
    }

    fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    fn schedule(&self) -> Result<Decision, Failure> {
        self.ask(schedule)
    }

    fn ask<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        ask(&Request {
            gvk: &deployments(),
            placement: &self.placement,
            clusters: &self.clusters,
            previous: &self.previous,
            replicas: self.replicas,
            requests: None,
            evicting: &self.evicting,
            untenable: &self.untenable,
            observed_group: self.observed_group.as_deref(),
            fresh: self.fresh,
            template_uid: self.uid,
        })
    }

    fn targets(&self) -> Vec<(String, i32)> {
        let decision = self.schedule().expect("the case can be scheduled");
        let pair = |target: Target| (target.cluster.to_string(), target.replicas.unwrap_or(-1));
        decision.targets.into_iter().map(pair).collect()
    }

    fn names(&self) -> Vec<String> {
        self.targets().into_iter().map(|(name, _)| name).collect()
    }

    fn failure(&self) -> Failure {
        self.schedule().expect_err("the case cannot be scheduled")
    }
}

fn pairs(list: &[(&str, i32)]) -> Vec<(String, i32)> {
    list.iter().map(|(name, replicas)| ((*name).to_owned(), *replicas)).collect()
}
