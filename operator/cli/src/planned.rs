//! One object that is to be written, whatever its kind.

use std::fmt;

use anyhow::{Context, Result};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::discovery::ApiResource;
use kube::{Api, Resource};
use serde::Serialize;
use serde_json::Value;

use crate::connect::Side;
use crate::failure::On;

/// Field manager of everything written here.
pub const MANAGER: &str = "kubectl-atoll";

/// One object with the fields it should have.
#[derive(Clone, Debug)]
pub struct Planned {
    api: ApiResource,
    namespace: Option<String>,
    name: String,
    body: Value,
}

impl Planned {
    /// Any typed object with a name.
    pub fn of<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Result<Self> {
        let api = ApiResource::erase::<K>(&());
        let meta = object.meta();
        Ok(Self {
            namespace: meta.namespace.clone(),
            name: meta.name.clone().unwrap_or_default(),
            body: serde_json::to_value(object).with_context(|| format!("writing down a {}", api.kind))?,
            api,
        })
    }

    /// Makes the object so, by server-side apply. Fields of others stay.
    pub async fn apply(&self, side: &Side) -> Result<DynamicObject> {
        let api: Api<DynamicObject> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(side.client.clone(), namespace, &self.api),
            None => Api::all_with(side.client.clone(), &self.api),
        };
        // By force: what these objects say is this program's to say.
        let parameters = PatchParams::apply(MANAGER).force();
        api.patch(&self.name, &parameters, &Patch::Apply(&self.body)).await.on(side, format!("applying {self}"))
    }

    /// As `kubectl apply -f -` takes it.
    pub fn manifest(&self) -> String {
        format!("{:#}", self.body)
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.api.kind.to_lowercase();
        match &self.namespace {
            Some(namespace) => write!(f, "{kind} {namespace}/{}", self.name),
            None => write!(f, "{kind} {}", self.name),
        }
    }
}
