//! Propagation policies at admission: defaults and rules (karmada-api 1.4, 2.22).

use std::collections::BTreeMap;

use atoll_crds::names::{finalizer, label};
use atoll_crds::policy::propagation::Policy;
use atoll_crds::{ClusterPropagationPolicy, PropagationPolicy};
use kube::ResourceExt;
use uuid::Uuid;

use super::admit::Change;
use super::patch::{self, Addition};
use super::refusal::Refusal;
use crate::validate::{Invalid, policy};

/// What a kind of policy carries on it.
pub(super) trait Marks: Policy {
    /// Key of the label that holds the permanent id.
    const ID: &'static str;
    /// The finalizer that lets the operator release what the policy holds.
    const FINALIZER: &'static str;
}

impl Marks for PropagationPolicy {
    const ID: &'static str = label::PROPAGATION_POLICY_ID;
    const FINALIZER: &'static str = finalizer::PROPAGATION_POLICY;
}

impl Marks for ClusterPropagationPolicy {
    const ID: &'static str = label::CLUSTER_PROPAGATION_POLICY_ID;
    const FINALIZER: &'static str = finalizer::CLUSTER_PROPAGATION_POLICY;
}

/// What is filled in: the defaults, the permanent id and, on create, the
/// finalizer.
pub(super) fn additions<P: Marks>(new: &P, old: Option<&P>, fresh_id: impl FnOnce() -> Uuid) -> Vec<Addition> {
    let written = new.propagation();
    let full = policy::defaulted(written.clone(), new.namespace().as_deref());
    let json = |spec| serde_json::to_value(spec).unwrap_or_default();
    let mut additions = patch::additions("/spec", &json(written), &json(&full));
    additions.extend(id_addition(new, old, fresh_id));
    if old.is_none() && !new.finalizers().iter().any(|held| held == P::FINALIZER) {
        additions.push(match &new.meta().finalizers {
            None => Addition::new("/metadata/finalizers", vec![P::FINALIZER]),
            Some(_) => Addition::new("/metadata/finalizers/-", P::FINALIZER),
        });
    }
    additions
}

/// A new policy always gets an id of its own, also when it is a copy of
/// another one, label included: two policies with one id would share their
/// claims. A later write that leaves the id out keeps it; one that puts in
/// another id is left as it is, for [`check`] to refuse.
fn id_addition<P: Marks>(new: &P, old: Option<&P>, fresh_id: impl FnOnce() -> Uuid) -> Option<Addition> {
    let id = match old {
        None => fresh_id().to_string(),
        Some(_) if id_of(new).is_some() => return None,
        Some(old) => id_of(old).map_or_else(|| fresh_id().to_string(), str::to_owned),
    };
    Some(match &new.meta().labels {
        None => Addition::new("/metadata/labels", serde_json::json!({ P::ID: id })),
        Some(_) => Addition::new(format!("/metadata/labels/{}", patch::step(P::ID)), id),
    })
}

fn id_of<P: Marks>(policy: &P) -> Option<&str> {
    let labels: &BTreeMap<_, _> = policy.labels();
    labels.get(P::ID).map(String::as_str).filter(|id| !id.is_empty())
}

/// The rules of a propagation policy, every broken one named.
///
/// A policy without an id passes: it was written while nobody answered the
/// mutating hook, and the operator gives it one.
pub(super) fn check<P: Marks>(change: &Change<P>) -> Result<(), Refusal> {
    let Change { new, old } = change;
    let mut problems = policy::policy(new, id_of(new).unwrap_or_default()).err().unwrap_or_default();
    if let Some(old) = old {
        problems.extend(immutable(new, old));
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems)) }
}

fn immutable<P: Marks>(new: &P, old: &P) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let (before, after) = (&old.propagation().scheduler_name, &new.propagation().scheduler_name);
    if before != after {
        let problem = format!("{after:?} differs from {before:?}; it cannot change, make a new policy instead");
        problems.push(Invalid::new("spec.schedulerName", problem));
    }
    if let Some(before) = id_of(old)
        && id_of(new) != Some(before)
    {
        let after = id_of(new).unwrap_or_default();
        let problem = format!("{after:?} differs from {before:?}; the permanent id cannot change, leave the label out");
        problems.push(Invalid::new(format!("metadata.labels[{}]", P::ID), problem));
    }
    problems
}
