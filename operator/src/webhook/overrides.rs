//! Override policies at admission: defaults and rules (karmada-api 1.5, 2.22).

use atoll_crds::OverridePolicy;
use atoll_crds::policy::override_policy::Overrides;
use kube::ResourceExt;

use super::admit::Change;
use super::patch::Addition;
use super::refusal::Refusal;
use crate::validate;

/// Selectors without a namespace get the policy's own.
pub(super) fn additions(policy: &OverridePolicy) -> Vec<Addition> {
    let Some(own) = policy.namespace() else { return Vec::new() };
    let selectors = policy.spec.resource_selectors.iter().enumerate();
    selectors
        .filter(|(_, selector)| selector.namespace.as_deref().unwrap_or_default().is_empty())
        .map(|(index, _)| Addition::new(format!("/spec/resourceSelectors/{index}/namespace"), own.clone()))
        .collect()
}

/// The rules of an override policy, every broken one named.
pub(super) fn check<P: Overrides>(change: &Change<P>) -> Result<(), Refusal> {
    validate::overrides::policy(&change.new).map(|_| ()).map_err(Refusal::Invalid)
}
