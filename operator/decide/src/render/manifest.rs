//! The manifest of one cluster.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Destination, Error, Provenance, PrunedTemplate, canonical, provenance};
use crate::ids::ClusterName;
use crate::interpret;
use crate::overrides::{self, OverridePolicy, Rule};

/// What is rendered: one template of one binding.
#[derive(Clone, Copy, Debug)]
pub struct Render<'a> {
    /// The template.
    pub template: &'a PrunedTemplate,
    /// The policies that mean it, as [`overrides::applicable`] returned them.
    pub overrides: &'a [&'a OverridePolicy],
    /// The marks.
    pub provenance: &'a Provenance,
    /// JSON pointer of the replicas, for kinds with a scale subresource.
    pub scale: Option<&'a str>,
    /// The replicas are left to the members although the template does not say
    /// so (a member autoscaler is propagated along with it).
    pub members_scale: bool,
}

/// An object as a member should hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The object, marks and hash included.
    pub object: Value,
    /// Hash of the object without the hash itself; its annotation holds the
    /// same in hex.
    pub hash: u64,
    /// Kind and name of the override policies that have a rule for the
    /// cluster, in the order they acted.
    pub applied_overrides: Vec<String>,
}

/// What an object is found by.
const IDENTITY: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];

/// A rule for the cluster, with the policy it stands in and its place there.
type Applied<'a> = (&'a OverridePolicy, usize, &'a Rule);

/// What one cluster's manifest depends on besides the template: clusters with
/// equal variants share a manifest.
#[derive(PartialEq, Eq, Hash)]
struct Variant {
    replicas: Option<i32>,
    completions: Option<i32>,
    /// Places of policy and rule.
    rules: Vec<(usize, usize)>,
}

/// Renders for one cluster: replicas, then overrides, then marks, so that
/// an override sees the cluster's replicas and cannot take a mark off
/// (karmada-api 2.3).
pub fn render(input: &Render<'_>, destination: &Destination<'_>) -> Result<Manifest, Error> {
    render_before(input, destination, &mut Nobody)
}

/// Sees an object change on its way to a cluster.
pub(super) trait Observer {
    /// Before anything, and after the replicas.
    fn revised(&mut self, _object: &Value) {}
    /// After the rule at this place of a policy.
    fn applied(&mut self, _policy: &OverridePolicy, _rule: usize, _object: &Value) {}
}

/// Does not look, and costs nothing.
struct Nobody;

impl Observer for Nobody {}

/// The same, and an observer sees the object change.
pub(super) fn render_before<O: Observer>(
    input: &Render<'_>,
    destination: &Destination<'_>,
    observer: &mut O,
) -> Result<Manifest, Error> {
    let rules: Vec<Applied<'_>> = input
        .overrides
        .iter()
        .flat_map(|policy| policy.rules.iter().enumerate().map(move |(at, rule)| (*policy, at, rule)))
        .filter(|(_, _, rule)| rule.targets(destination.cluster))
        .collect();
    let mut object = input.template.object().clone();
    revise(input, destination, &mut object);
    observer.revised(&object);
    let cluster = &destination.cluster.name;
    let applied_overrides = apply((&rules, cluster), input.template.object(), &mut object, observer)?;
    let not_map = |field| Error::NotMap { cluster: destination.cluster.name.clone(), field };
    input.provenance.put_on(&mut object).map_err(not_map)?;
    let hash = canonical::hash(&object);
    provenance::put_hash(&mut object, hash).map_err(not_map)?;
    Ok(Manifest { object, hash, applied_overrides })
}

/// Renders for all targets of a binding, in their order. Clusters for which
/// everything is the same share one manifest.
pub fn render_all(input: &Render<'_>, destinations: &[Destination<'_>]) -> Vec<Result<Arc<Manifest>, Error>> {
    let mut known: HashMap<Variant, Arc<Manifest>> = HashMap::new();
    let mut rendered = Vec::with_capacity(destinations.len());
    for destination in destinations {
        let variant = Variant::of(input, destination);
        if let Some(manifest) = known.get(&variant) {
            rendered.push(Ok(Arc::clone(manifest)));
            continue;
        }
        let manifest = render(input, destination).map(Arc::new);
        if let Ok(manifest) = &manifest {
            known.insert(variant, Arc::clone(manifest));
        }
        rendered.push(manifest);
    }
    rendered
}

impl Variant {
    fn of(input: &Render<'_>, destination: &Destination<'_>) -> Self {
        let rules = input.overrides.iter().enumerate().flat_map(|(policy, overrides)| {
            let targeting = overrides.rules.iter().enumerate().filter(|(_, rule)| rule.targets(destination.cluster));
            targeting.map(move |(rule, _)| (policy, rule))
        });
        Self { replicas: destination.replicas, completions: destination.completions, rules: rules.collect() }
    }
}

fn revise(input: &Render<'_>, destination: &Destination<'_>, object: &mut Value) {
    let gvk = input.template.gvk();
    if input.members_scale || input.template.retains_replicas() {
        interpret::drop_replicas(gvk, object, input.scale);
    } else if let Some(replicas) = destination.replicas {
        interpret::revise(gvk, object, replicas, input.scale);
    }
    if let Some(completions) = destination.completions {
        interpret::revise_completions(gvk, object, completions);
    }
}

fn apply<O: Observer>(
    (rules, cluster): (&[Applied<'_>], &ClusterName),
    template: &Value,
    object: &mut Value,
    observer: &mut O,
) -> Result<Vec<String>, Error> {
    let mut applied: Vec<String> = Vec::new();
    for (policy, rule, Rule { overriders, .. }) in rules {
        let name = policy.to_string();
        overrides::apply(object, overriders).map_err(|source| Error::Override {
            cluster: cluster.clone(),
            policy: name.clone(),
            rule: *rule,
            source: source.into(),
        })?;
        observer.applied(policy, *rule, object);
        if applied.last() != Some(&name) {
            applied.push(name);
        }
    }
    let changed = IDENTITY.into_iter().find(|field| template.pointer(field) != object.pointer(field));
    match changed {
        Some(field) => Err(Error::Identity { cluster: cluster.clone(), field, policies: applied.join(", ") }),
        None => Ok(applied),
    }
}
