//! Removes the operator's account from a member that has left.
//!
//! Only objects of the account's names that carry the federation's label are
//! removed, and the namespace only when nothing foreign is in it.

use std::fmt::Debug;

use anyhow::{Context, Result};
use atoll_crds::names::label::{SYSTEM, TRUE};
use atoll_crds::names::{CLUSTER_NAMESPACE, HUB_MARK};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{DeleteParams, DynamicObject, ListParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::account::Account;
use crate::args::ClusterName;
use crate::connect::Side;
use crate::console::Console;
use crate::failure::{On, is_not_found};
use crate::kinds::{Catalogue, Served};

/// Lists asked for at once.
const AT_ONCE: usize = 8;

/// The operator's note on which hub the member belongs to.
const HUB_NOTE: &str = HUB_MARK;

/// Removes the account, then the namespace if it can go.
pub async fn clean(member: &Side, name: &ClusterName, console: Console) -> Result<()> {
    let account = Account::of(name);
    let cleaner = Cleaner { member, console };
    let client = || member.client.clone();
    // Rights before the account that has them.
    cleaner.remove(Api::<ClusterRoleBinding>::all(client()), &account.cluster_role).await?;
    cleaner.remove(Api::<ClusterRole>::all(client()), &account.cluster_role).await?;
    cleaner.remove(Api::<RoleBinding>::namespaced(client(), CLUSTER_NAMESPACE), &account.name).await?;
    cleaner.remove(Api::<Role>::namespaced(client(), CLUSTER_NAMESPACE), &account.name).await?;
    cleaner.remove(Api::<Secret>::namespaced(client(), CLUSTER_NAMESPACE), &account.name).await?;
    cleaner.remove(Api::<ServiceAccount>::namespaced(client(), CLUSTER_NAMESPACE), &account.name).await?;
    cleaner.remove_namespace(&account).await
}

struct Cleaner<'a> {
    member: &'a Side,
    console: Console,
}

impl Cleaner<'_> {
    async fn remove<K>(&self, api: Api<K>, name: &str) -> Result<()>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let what = format!("{} {name}", K::kind(&()).to_lowercase());
        let Some(found) = api.get_opt(name).await.on(self.member, format!("reading {what}"))? else {
            self.console.detail(format_args!("{}: there is no {what}", self.member.name));
            return Ok(());
        };
        if found.labels().get(SYSTEM).map(String::as_str) != Some(TRUE) {
            self.console.warn(format_args!("{}: {what} has no label {SYSTEM}={TRUE} and stays", self.member.name));
            return Ok(());
        }
        let this = Preconditions { uid: found.uid(), resource_version: None };
        match api.delete(name, &DeleteParams::default().preconditions(this)).await {
            Err(error) if !is_not_found(&error) => Err(error).on(self.member, format!("deleting {what}")),
            _ => {
                self.console.say(format_args!("{}: {what} deleted", self.member.name));
                Ok(())
            }
        }
    }

    async fn remove_namespace(&self, account: &Account) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.member.client.clone());
        let present = namespaces.get_opt(CLUSTER_NAMESPACE).await;
        if present.on(self.member, format!("reading namespace {CLUSTER_NAMESPACE}"))?.is_none() {
            return Ok(());
        }
        let foreign = self.fetch_foreign(account).await.with_context(|| {
            format!("the account is removed; namespace {CLUSTER_NAMESPACE} stays, as it is not known what is in it")
        })?;
        if foreign.is_empty() {
            return self.remove(namespaces, CLUSTER_NAMESPACE).await;
        }
        self.console.say(format_args!(
            "{}: namespace {CLUSTER_NAMESPACE} stays, others' objects are in it: {}",
            self.member.name,
            foreign.join(", ")
        ));
        Ok(())
    }

    /// What is in the namespace and neither the account's nor the cluster's own
    /// furniture. One list that fails fails all: unknown is not empty.
    async fn fetch_foreign(&self, account: &Account) -> Result<Vec<String>> {
        let catalogue = Catalogue::fetch(self.member).await?;
        let kinds: Vec<&Served> = catalogue.all().filter(|served| served.namespaced).collect();
        let lists = stream::iter(kinds).map(async |served| {
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.member.client.clone(), CLUSTER_NAMESPACE, &served.api);
            let action = format!("listing {} in namespace {CLUSTER_NAMESPACE}", served.name);
            let found = api.list_metadata(&ListParams::default()).await.on(self.member, action)?;
            let names = found.items.iter().map(ResourceExt::name_any);
            let foreign = names.filter(|name| is_foreign(&served.kind, name, account));
            anyhow::Ok(foreign.map(|name| format!("{} {name}", served.kind.to_lowercase())).collect::<Vec<_>>())
        });
        let found: Vec<Vec<String>> = lists.buffered(AT_ONCE).try_collect().await?;
        Ok(found.concat())
    }
}

fn is_foreign(kind: &str, name: &str, account: &Account) -> bool {
    match kind {
        "Event" => false,
        "ConfigMap" => name != HUB_NOTE && name != "kube-root-ca.crt",
        "ServiceAccount" => name != "default" && name != account.name,
        // Deleted a moment ago, they may still be listed.
        "Secret" | "Role" | "RoleBinding" => name != account.name,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_hubs_account_keeps_the_namespace_and_a_clusters_own_furniture_does_not() {
        let account = Account::of(&"m1".parse().unwrap());
        for (kind, name) in [
            ("ServiceAccount", "default"),
            ("ServiceAccount", "karmada-m1"),
            ("ConfigMap", "kube-root-ca.crt"),
            ("ConfigMap", "atoll-hub"),
            ("Secret", "karmada-m1"),
            ("Event", "anything"),
        ] {
            assert!(!is_foreign(kind, name, &account), "{kind} {name}");
        }
        for (kind, name) in [
            ("ServiceAccount", "karmada-other"),
            ("ConfigMap", "notes"),
            ("Pod", "p"),
            ("Lease", "m1"),
            ("Secret", "s"),
        ] {
            assert!(is_foreign(kind, name, &account), "{kind} {name}");
        }
    }
}
