//! Namespaces of the benches: made, found on the members, and removed again.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, Client};

use super::site::Site;
use crate::stage::wait;

/// A hub whose controllers are idle brings a namespace to its members in a second.
const SYNC_DEADLINE: Duration = Duration::from_mins(1);

/// Makes a namespace on one cluster.
pub async fn create(client: &Client, name: &str, labels: &[(&str, &str)]) -> Result<()> {
    let labels: BTreeMap<String, String> =
        labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let created = Api::all(client.clone()).create(&PostParams::default(), &namespace).await;
    created.map(drop).with_context(|| format!("creating the namespace {name}"))
}

/// Waits until a namespace of the hub is on every member.
pub async fn wait_until_synced(site: &Site, name: &str) -> Result<()> {
    let waits = site.members.iter().map(async |member| {
        let api: Api<Namespace> = Api::all(member.client.clone());
        let what = format!("the namespace {name} of the hub is on {}: is that a member which is Ready?", member.name);
        wait::until(&what, SYNC_DEADLINE, async || match api.get_opt(name).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("no such namespace there".to_owned()),
            Err(error) => Err(error.to_string()),
        })
        .await
    });
    try_join_all(waits).await.map(drop)
}

/// Removes a namespace from one cluster; returns when it is gone with all that was in it.
pub async fn remove(client: &Client, name: &str, cluster: &str, deadline: Duration) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    match api.delete(name, &DeleteParams::background()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("removing the namespace {name} from {cluster}")),
    }
    wait_until_gone(client, name, cluster, deadline).await
}

/// Waits until a namespace that is being removed is gone.
pub async fn wait_until_gone(client: &Client, name: &str, cluster: &str, deadline: Duration) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    let what = format!("the namespace {name} is gone from {cluster}");
    wait::until(&what, deadline, async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(namespace)) => Err(why_still_there(&namespace)),
        Err(error) => Err(error.to_string()),
    })
    .await
}

/// The namespace controller says what it waits for.
fn why_still_there(namespace: &Namespace) -> String {
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let told: Vec<&str> = conditions
        .filter(|condition| condition.status == "True")
        .filter_map(|condition| condition.message.as_deref())
        .collect();
    if told.is_empty() { "it is still there".to_owned() } else { told.join("; ") }
}
