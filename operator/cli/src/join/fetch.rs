//! What both clusters know before anything is written.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use atoll_crds::Cluster;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::Ends;
use crate::account::Account;
use crate::args;
use crate::connect::Side;
use crate::failure::{On, is_forbidden, is_not_found};
use crate::kinds::{self, Catalogue, GroupResource};

/// The namespace whose uid stands for the cluster (karmada-api 1.3).
const IDENTITY_NAMESPACE: &str = "kube-system";

/// All of it.
pub struct Found {
    /// `gitVersion` of the member.
    pub version: String,
    /// Identity of the member.
    pub id: String,
    /// Identity of the hub; None when this user may not ask for it.
    pub hub_id: Option<String>,
    /// Every Cluster of the hub.
    pub clusters: Vec<Cluster>,
    /// The role of the account, when it is there.
    pub role: Option<ClusterRole>,
    /// The kinds of `--allow`.
    pub allowed: BTreeSet<GroupResource>,
}

/// Asks both clusters.
pub async fn fetch(ends: &Ends<'_>, task: &args::Join) -> Result<Found> {
    let member = &ends.member;
    let version = member.client.apiserver_version().await.on(member, "asking for its version")?.git_version;
    let id = fetch_id(member).await?;
    let roles: Api<ClusterRole> = Api::all(member.client.clone());
    let role_name = Account::of(&task.name).cluster_role;
    let role = roles.get_opt(&role_name).await.on(member, format!("reading clusterrole {role_name}"))?;
    Ok(Found {
        version,
        id,
        hub_id: fetch_hub_id(ends.hub).await?,
        clusters: fetch_clusters(ends.hub).await?,
        role,
        allowed: fetch_kinds(ends.hub, member, &task.allow).await?,
    })
}

/// Identity of a cluster: the uid of its kube-system namespace.
pub async fn fetch_id(side: &Side) -> Result<String> {
    let namespaces: Api<Namespace> = Api::all(side.client.clone());
    let action = format!("reading namespace {IDENTITY_NAMESPACE}");
    Ok(namespaces.get(IDENTITY_NAMESPACE).await.on(side, action)?.uid().unwrap_or_default())
}

async fn fetch_hub_id(hub: &Side) -> Result<Option<String>> {
    let namespaces: Api<Namespace> = Api::all(hub.client.clone());
    match namespaces.get_opt(IDENTITY_NAMESPACE).await {
        // It serves to notice a mistake and nothing hangs on it.
        Err(error) if is_forbidden(&error) => Ok(None),
        answer => {
            let namespace = answer.on(hub, format!("reading namespace {IDENTITY_NAMESPACE}"))?;
            Ok(namespace.and_then(|namespace| namespace.uid()))
        }
    }
}

async fn fetch_clusters(hub: &Side) -> Result<Vec<Cluster>> {
    let clusters: Api<Cluster> = Api::all(hub.client.clone());
    match clusters.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(error) if is_not_found(&error) => bail!(
            "hub: {} does not know the kind Cluster (cluster.karmada.io): is it the hub? Then install the kinds first, \
             with `atoll run --install-crds` or `kubectl apply --server-side -f crds/yaml`",
            hub.url()
        ),
        Err(error) => Err(error).on(hub, "listing clusters"),
    }
}

/// The kinds that `words` mean on the member or, where it does not know one,
/// on the hub.
pub async fn fetch_kinds(hub: &Side, member: &Side, words: &[String]) -> Result<BTreeSet<GroupResource>> {
    let catalogues = if kinds::needs_discovery(words) {
        vec![Catalogue::fetch(member).await?, Catalogue::fetch(hub).await?]
    } else {
        Vec::new()
    };
    Ok(kinds::resolve(words, &catalogues)?)
}
