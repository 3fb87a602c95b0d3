//! The load: `ConfigMaps` of 1 kB.
//!
//! In: how many, where. Out: when they were asked for, and when the hub had taken them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use tokio::time::Instant;

use super::names::{LOAD_LABEL, Load};

/// Creates on their way at once: more only queue in the API server.
pub const CREATES_IN_FLIGHT: usize = 32;
/// Bytes of data in each template.
const SIZE: usize = 1024;

/// What was created, and when.
#[derive(Debug)]
pub struct Created {
    /// Just before the first request.
    pub first_asked: Instant,
    /// When the hub had answered all of them.
    pub last_answered: Instant,
}

/// One template.
pub fn build(namespace: &str, name: &str, load: Load) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([(LOAD_LABEL.to_owned(), load.as_str().to_owned())])),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("payload".to_owned(), payload(name))])),
        ..ConfigMap::default()
    }
}

/// The name over and over: different in each template, as real ones are.
fn payload(name: &str) -> String {
    name.chars().chain(['\n']).cycle().take(SIZE).collect()
}

/// Creates one template; returns it as the hub took it.
pub async fn create(api: &Api<ConfigMap>, template: &ConfigMap) -> Result<ConfigMap> {
    let created = api.create(&PostParams::default(), template).await;
    created.with_context(|| format!("creating the template {} on the hub", template.name_any()))
}

/// Creates all templates of a load as fast as the hub takes them.
pub async fn create_all(hub: &Client, namespace: &str, load: Load, count: usize) -> Result<Created> {
    let api: Api<ConfigMap> = Api::namespaced(hub.clone(), namespace);
    let first_asked = Instant::now();
    let creates = load.names(count).into_iter().map(async |name| create(&api, &build(namespace, &name, load)).await);
    let mut creates = stream::iter(creates).buffer_unordered(CREATES_IN_FLIGHT);
    while creates.try_next().await?.is_some() {}
    Ok(Created { first_asked, last_answered: Instant::now() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_holds_a_kilobyte_of_its_own() {
        let data = |name: &str| build("shop", name, Load::Burst).data.unwrap().remove("payload").unwrap();
        assert_eq!(data("burst-000001").len(), 1024);
        assert_ne!(data("burst-000001"), data("burst-000002"));
    }
}
