//! Writes the plan: the member first, then the hub, so that a Cluster never
//! names an account that is not there.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use atoll_crds::Cluster;
use atoll_crds::names::CLUSTER_NAMESPACE;
use futures::{Stream, StreamExt};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource, ResourceExt};

use super::Ends;
use super::plan::{ClusterWrite, Plan};
use super::token;
use crate::account::Account;
use crate::connect::Side;
use crate::console::Console;
use crate::failure::On;
use crate::planned::{MANAGER, Planned};

/// A deleted namespace is gone within this, or something holds it.
const GONE_WITHIN: Duration = Duration::from_mins(1);

/// Lets the hub judge the Cluster without keeping it: a label or region it
/// refuses should not leave half a join behind.
pub async fn check_cluster(hub: &Side, write: &ClusterWrite) -> Result<()> {
    write_cluster(hub, write, true).await.map(|_| ())
}

/// Writes everything.
pub async fn apply(ends: &Ends<'_>, plan: &Plan, console: Console) -> Result<()> {
    let member = &ends.member;
    await_old_namespace(member, console).await?;
    for object in &plan.member {
        object.apply(member).await?;
        console.say(format_args!("{}: {object} applied", member.name));
    }
    let account = Account::of(&plan.name);
    let token = token::fetch(member, &account, &Planned::of(&account.token_secret())?).await?;
    check_token(member, plan, &token, console).await?;
    for object in &plan.hub {
        object.apply(ends.hub).await?;
        console.detail(format_args!("hub: {object} applied"));
    }
    let credentials = Credentials { name: plan.name.to_string(), token, ca_bundle: token::ca_bundle(member)? };
    register(ends.hub, plan, &credentials, console).await
}

/// A namespace that an earlier `unjoin` deleted takes nothing new until it is
/// gone.
async fn await_old_namespace(member: &Side, console: Console) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(member.client.clone());
    let found = namespaces.get_opt(CLUSTER_NAMESPACE).await;
    let found = found.on(member, format!("reading namespace {CLUSTER_NAMESPACE}"))?;
    let Some(leaving) = found.filter(|namespace| namespace.metadata.deletion_timestamp.is_some()) else {
        return Ok(());
    };
    console.say(format_args!("{}: waiting until the old namespace {CLUSTER_NAMESPACE} is gone", member.name));
    let uid = leaving.uid().unwrap_or_default();
    let seen = watcher::watch_object(namespaces, CLUSTER_NAMESPACE).default_backoff();
    tokio::time::timeout(GONE_WITHIN, until_gone(seen, &uid, &member.name, console)).await.unwrap_or_else(|_| {
        bail!(
            "{}: namespace {CLUSTER_NAMESPACE} is being deleted and not gone within {} s: see what holds it \
             (`kubectl get namespace {CLUSTER_NAMESPACE} -o yaml`), then join again",
            member.name,
            GONE_WITHIN.as_secs()
        )
    })
}

/// Follows the namespace with `uid` until it is not there any more.
async fn until_gone(
    seen: impl Stream<Item = watcher::Result<Option<Namespace>>>,
    uid: &str,
    member: &str,
    console: Console,
) -> Result<()> {
    let mut seen = pin!(seen);
    while let Some(namespace) = seen.next().await {
        match namespace {
            Ok(Some(namespace)) if namespace.uid().as_deref() == Some(uid) => {}
            // Another one of the same name is not the one that leaves.
            Ok(_) => return Ok(()),
            // A namespace that does not change is silent for longer than the
            // read timeout. The watch repeats itself; the deadline ends it.
            Err(error) => console.detail(format_args!("{member}: watching: {error}")),
        }
    }
    Err(anyhow!("{member}: the watch of namespace {CLUSTER_NAMESPACE} ended"))
}

async fn check_token(member: &Side, plan: &Plan, token: &str, console: Console) -> Result<()> {
    let as_operator = member.with_token(plan.address.endpoint.clone(), token)?;
    match token::check(&as_operator).await {
        Ok(()) => Ok(()),
        // The address may be one that the hub alone reaches.
        Err(error) if plan.address.overridden => {
            console.warn(format_args!("{} could not be tried from here: {error:#}", plan.address.url()));
            Ok(())
        }
        Err(error) => Err(error.context("the new account does not work, so the cluster was not registered")),
    }
}

/// The Secret before the Cluster, as the operator starts with the latter; then
/// the Secret once more, owned by the Cluster (karmada-api 1.3).
async fn register(hub: &Side, plan: &Plan, credentials: &Credentials, console: Console) -> Result<()> {
    let owner = match &plan.cluster {
        ClusterWrite::Create(_) => None,
        ClusterWrite::Patch { current, .. } | ClusterWrite::Nothing { current } => current.owner_ref(&()),
    };
    let secret = Planned::of(&credentials.secret(owner.clone()))?;
    secret.apply(hub).await?;
    console.say(format_args!("hub: {secret} applied"));
    let cluster = write_cluster(hub, &plan.cluster, false).await?;
    console.say(format_args!(
        "hub: cluster {} {}",
        plan.name,
        match plan.cluster {
            ClusterWrite::Create(_) => "created",
            ClusterWrite::Patch { .. } => "updated",
            ClusterWrite::Nothing { .. } => "unchanged",
        }
    ));
    if owner.is_none() {
        // All of it again and not the owner alone: a Secret left by an earlier
        // Cluster of this name may have been collected with that one meanwhile.
        Planned::of(&credentials.secret(cluster.owner_ref(&())))?.apply(hub).await?;
    }
    Ok(())
}

async fn write_cluster(hub: &Side, write: &ClusterWrite, dry_run: bool) -> Result<Cluster> {
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    match write {
        ClusterWrite::Create(cluster) => {
            let parameters = PostParams { dry_run, field_manager: Some(MANAGER.to_owned()) };
            let name = cluster.metadata.name.as_deref().context("a planned cluster has a name")?;
            clusters.create(&parameters, cluster).await.on(hub, format!("creating cluster {name}"))
        }
        ClusterWrite::Patch { current, patch } => {
            let Some(name) = &current.metadata.name else { bail!("a registered cluster has a name") };
            let field_manager = Some(MANAGER.to_owned());
            let parameters = PatchParams { dry_run, field_manager, ..PatchParams::default() };
            clusters.patch(name, &parameters, &Patch::Merge(patch)).await.on(hub, format!("updating cluster {name}"))
        }
        ClusterWrite::Nothing { current } => Ok((**current).clone()),
    }
}

/// What the operator needs to reach the member.
struct Credentials {
    name: String,
    token: String,
    ca_bundle: Option<String>,
}

impl Credentials {
    fn secret(&self, owner: Option<OwnerReference>) -> Secret {
        let bundle =
            self.ca_bundle.iter().map(|bundle| ("caBundle".to_owned(), ByteString(bundle.clone().into_bytes())));
        let token = ("token".to_owned(), ByteString(self.token.clone().into_bytes()));
        let data: BTreeMap<_, _> = bundle.chain([token]).collect();
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(CLUSTER_NAMESPACE.to_owned()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        };
        Secret { metadata, data: Some(data), type_: Some("Opaque".to_owned()), ..Secret::default() }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn namespace(uid: &str) -> Namespace {
        let metadata = ObjectMeta { uid: Some(uid.to_owned()), ..ObjectMeta::default() };
        Namespace { metadata, ..Namespace::default() }
    }

    async fn follow(seen: Vec<watcher::Result<Option<Namespace>>>) -> Result<()> {
        until_gone(stream::iter(seen), "old", "member m1", Console::new(false)).await
    }

    #[tokio::test]
    async fn a_failed_watch_is_no_end_of_the_wait() {
        let trouble = || Err(watcher::Error::NoResourceVersion);
        follow(vec![trouble(), Ok(Some(namespace("old"))), trouble(), Ok(None)]).await.unwrap();
        follow(vec![Ok(Some(namespace("old"))), trouble()]).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_new_namespace_of_the_same_name_ends_the_wait() {
        follow(vec![Ok(Some(namespace("old"))), Ok(Some(namespace("new")))]).await.unwrap();
        follow(vec![Ok(Some(namespace("old")))]).await.unwrap_err();
    }
}
