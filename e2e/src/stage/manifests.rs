//! Manifests as a user writes them, applied.
//!
//! In: YAML of any kinds, several documents in one text. Out: the objects as the API server took them.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiResource, Scope, pinned_kind};
use kube::{Client, ResourceExt};

use super::wait;

/// Owner of the fields that stages write.
const MANAGER: &str = "atoll-stage";
/// A definition that was just made is served within a second.
const SERVED_DEADLINE: Duration = Duration::from_secs(10);

/// Applies every document of `text` in its order. Fields that somebody else owns are not taken away from them.
pub async fn apply(client: &Client, text: &str) -> Result<Vec<DynamicObject>> {
    let mut applied = Vec::new();
    for object in read(text)? {
        let name = describe(&object);
        let taken = apply_one(client, object).await.with_context(|| format!("applying {name}"))?;
        applied.push(taken);
    }
    Ok(applied)
}

fn read(text: &str) -> Result<Vec<DynamicObject>> {
    serde_saphyr::from_multiple(text).context("reading manifests: each needs apiVersion, kind and metadata")
}

async fn apply_one(client: &Client, object: DynamicObject) -> Result<DynamicObject> {
    let (resource, scope) = fetch_kind(client, &object).await?;
    let api: Api<DynamicObject> = match (scope, object.namespace()) {
        (Scope::Cluster, _) => Api::all_with(client.clone(), &resource),
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), &resource),
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), &namespace, &resource),
    };
    Ok(api.patch(&object.name_any(), &PatchParams::apply(MANAGER), &Patch::Apply(&object)).await?)
}

/// Waits a moment for a kind whose definition may be a document of the same text.
async fn fetch_kind(client: &Client, object: &DynamicObject) -> Result<(ApiResource, Scope)> {
    let types = object.types.clone().context("it has no apiVersion and kind")?;
    let kind = GroupVersionKind::try_from(&types).context("its apiVersion cannot be read")?;
    let what = format!("the hub serves {} of {}", types.kind, types.api_version);
    wait::until(&what, SERVED_DEADLINE, async || {
        let found = pinned_kind(client, &kind).await.map_err(|error| error.to_string())?;
        Ok((found.0, found.1.scope))
    })
    .await
}

fn describe(object: &DynamicObject) -> String {
    let kind = object.types.as_ref().map_or("an object", |types| types.kind.as_str());
    match object.namespace() {
        Some(namespace) => format!("{kind} {namespace}/{}", object.name_any()),
        None => format!("{kind} {}", object.name_any()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_hold_several_manifests() {
        let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: b}\n";
        let names: Vec<String> = read(text).unwrap().iter().map(describe).collect();
        assert_eq!(names, ["Namespace shop", "ConfigMap shop/settings"]);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        assert!(read("- 1\n- 2\n").is_err());
    }
}
