//! Kinds of the hub: from group, version and kind to how they are reached.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use atoll_decide::ids::Gvk;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};

use crate::members::intent::KindInfo;

/// Why a kind cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The hub does not serve it (yet).
    #[error("the hub does not serve the kind {0}; install its CRD there, or correct apiVersion and kind")]
    NotServed(Gvk),
    /// The hub did not answer: nothing is known about the kind.
    #[error("asking the hub for the kind {kind} failed: {cause}")]
    Unknown {
        /// The kind asked for.
        kind: Gvk,
        /// What the client said.
        cause: String,
    },
}

/// Resolved kinds. Entries stay for good.
pub struct Kinds {
    client: Client,
    known: Mutex<HashMap<Gvk, Arc<KindInfo>>>,
    /// Kinds that the hub has said it does not serve.
    missing: Mutex<HashSet<Gvk>>,
    /// Kinds that the hub does not let us read.
    forbidden: Mutex<HashSet<Gvk>>,
}

impl Kinds {
    /// With the hub's client.
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::default(), missing: Mutex::default(), forbidden: Mutex::default() }
    }

    /// What is known without asking.
    pub fn known(&self, gvk: &Gvk) -> Option<Arc<KindInfo>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(gvk).cloned()
    }

    /// Whether the hub has said, when last asked, that it does not serve it.
    pub fn is_missing(&self, gvk: &Gvk) -> bool {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).contains(gvk)
    }

    /// Whether the hub has refused to let us read it, when last asked.
    pub fn is_forbidden(&self, gvk: &Gvk) -> bool {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner).contains(gvk)
    }

    /// How many kinds that is.
    pub fn forbidden(&self) -> usize {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A kind that nothing names any more is none that we want to read.
    pub fn forget_forbidden(&self, wanted: &BTreeSet<Gvk>) {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner).retain(|kind| wanted.contains(kind));
    }

    /// The hub has said whether we may read the kind. Whether that is news.
    pub fn set_forbidden(&self, gvk: &Gvk, forbidden: bool) -> bool {
        let mut held = self.forbidden.lock().unwrap_or_else(PoisonError::into_inner);
        if forbidden { held.insert(gvk.clone()) } else { held.remove(gvk) }
    }

    /// Asks the hub's discovery, once per kind.
    pub async fn resolve(&self, gvk: &Gvk) -> Result<Arc<KindInfo>, Error> {
        if let Some(known) = self.known(gvk) {
            return Ok(known);
        }
        let asked = self.fetch(gvk).await;
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        match &asked {
            Ok(_) => missing.remove(gvk),
            Err(Error::NotServed(_)) => missing.insert(gvk.clone()),
            Err(Error::Unknown { .. }) => false,
        };
        asked
    }

    async fn fetch(&self, gvk: &Gvk) -> Result<Arc<KindInfo>, Error> {
        let list = self.fetch_resources(gvk).await?;
        let Some(resource) =
            list.resources.iter().find(|resource| *resource.kind == *gvk.kind && !resource.name.contains('/'))
        else {
            return Err(Error::NotServed(gvk.clone()));
        };
        let scales = list.resources.iter().any(|other| other.name == format!("{}/scale", resource.name));
        let kind = GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind);
        let info = Arc::new(KindInfo {
            resource: ApiResource::from_gvk_with_plural(&kind, &resource.name),
            namespaced: resource.namespaced,
            scale: if scales { Some(self.fetch_replicas_path(gvk, &resource.name).await?) } else { None },
        });
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(gvk.clone(), Arc::clone(&info));
        Ok(info)
    }

    async fn fetch_resources(&self, gvk: &Gvk) -> Result<APIResourceList, Error> {
        let answer = if gvk.group.is_empty() {
            self.client.list_core_api_resources(&gvk.version).await
        } else {
            self.client.list_api_group_resources(&gvk.api_version()).await
        };
        answer.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 404 => Error::NotServed(gvk.clone()),
            other => Error::Unknown { kind: gvk.clone(), cause: other.to_string() },
        })
    }

    /// Built-in kinds keep their replicas at `spec.replicas`; a custom kind
    /// says in its definition where.
    async fn fetch_replicas_path(&self, gvk: &Gvk, plural: &str) -> Result<String, Error> {
        const BUILT_IN: &str = "/spec/replicas";
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let definition = definitions
            .get_opt(&format!("{plural}.{}", gvk.group))
            .await
            .map_err(|error| Error::Unknown { kind: gvk.clone(), cause: error.to_string() })?;
        let path = definition.and_then(|definition| {
            let version = definition.spec.versions.into_iter().find(|version| version.name == *gvk.version)?;
            Some(version.subresources?.scale?.spec_replicas_path)
        });
        Ok(path.map_or_else(|| BUILT_IN.to_owned(), |path| path.replace('.', "/")))
    }
}
