//! What one cluster serves.

use anyhow::Result;
use kube::core::discovery::{ApiCapabilities, ApiResource, Scope, verbs};
use kube::discovery::{ApiGroup, Discovery};

use super::GroupResource;
use crate::connect::Side;
use crate::failure::On;

/// One kind a cluster serves, in its most stable version.
#[derive(Clone, Debug)]
pub struct Served {
    pub name: GroupResource,
    pub kind: String,
    pub namespaced: bool,
    pub api: ApiResource,
}

impl Served {
    fn of(api: ApiResource, capabilities: &ApiCapabilities) -> Self {
        Self {
            name: GroupResource::new(&api.group, &api.plural),
            kind: api.kind.clone(),
            namespaced: capabilities.scope == Scope::Namespaced,
            api,
        }
    }

    #[cfg(test)]
    pub fn for_tests(group: &str, resource: &str, kind: &str) -> Self {
        let gvk = kube::core::GroupVersionKind::gvk(group, "v1", kind);
        let api = ApiResource::from_gvk_with_plural(&gvk, resource);
        Self { name: GroupResource::new(group, resource), kind: kind.to_owned(), namespaced: true, api }
    }
}

/// The kinds of one cluster that can be made, listed and deleted; others, such
/// as metrics and reviews, mean nothing to a federation.
#[derive(Clone, Debug)]
pub struct Catalogue(Vec<Served>);

impl Catalogue {
    /// Asks a cluster.
    pub async fn fetch(side: &Side) -> Result<Self> {
        let aggregated = Discovery::new(side.client.clone()).run_aggregated().await;
        let discovery = match aggregated {
            Ok(discovery) => discovery,
            // Servers before 1.26 answer group by group alone.
            Err(_) => Discovery::new(side.client.clone()).run().await.on(side, "asking which kinds it serves")?,
        };
        let served = discovery.groups_alphabetical().into_iter().flat_map(ApiGroup::resources_by_stability);
        let usable = served.filter(|(_, capabilities)| {
            [verbs::CREATE, verbs::LIST, verbs::DELETE].iter().all(|verb| capabilities.supports_operation(verb))
        });
        Ok(usable.map(|(api, capabilities)| Served::of(api, &capabilities)).collect())
    }

    /// All of it.
    pub fn all(&self) -> impl Iterator<Item = &Served> {
        self.0.iter()
    }

    /// What `word` can mean: a plural or a kind, with `.` and the group behind
    /// it or without, in any case.
    pub fn find(&self, word: &str) -> Vec<&Served> {
        let (name, group) = match word.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (word, None),
        };
        let is_meant = |served: &&Served| {
            let in_group = group.is_none_or(|group| served.name.group.eq_ignore_ascii_case(group));
            let named = [&served.name.resource, &served.kind].iter().any(|known| known.eq_ignore_ascii_case(name));
            in_group && named
        };
        self.0.iter().filter(is_meant).collect()
    }
}

impl FromIterator<Served> for Catalogue {
    fn from_iter<T: IntoIterator<Item = Served>>(served: T) -> Self {
        Self(served.into_iter().collect())
    }
}
