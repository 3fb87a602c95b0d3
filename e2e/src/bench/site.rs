//! Where a bench happens: a hub, its members, and the operator's processes where they are known.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

/// A hub and its members.
#[derive(Clone)]
pub struct Site {
    /// The hub.
    pub hub: Client,
    /// The members, by the names the hub has for them.
    pub members: Vec<Member>,
    /// Process ids of the operator; empty when it does not run here.
    pub operator: Vec<u32>,
}

/// One member.
#[derive(Clone)]
pub struct Member {
    /// Its name on the hub.
    pub name: String,
    /// Its client, shared with no other member.
    pub client: Client,
}

impl Site {
    /// From kubeconfigs of administrators.
    pub async fn open(hub: &Path, members: &[(String, impl AsRef<Path>)], operator: Vec<u32>) -> Result<Self> {
        ensure!(!members.is_empty(), "no member is named; say which with --member NAME=KUBECONFIG");
        let hub = client_of(hub).await?;
        let mut opened = Vec::with_capacity(members.len());
        for (name, kubeconfig) in members {
            opened.push(Member { name: name.clone(), client: client_of(kubeconfig.as_ref()).await? });
        }
        Ok(Self { hub, members: opened, operator })
    }

    /// Names of the members.
    pub fn member_names(&self) -> Vec<String> {
        self.members.iter().map(|member| member.name.clone()).collect()
    }

    /// The `ConfigMaps` of one namespace of each member.
    pub fn copies(&self, namespace: &str) -> Vec<(String, Api<ConfigMap>)> {
        let api = |member: &Member| (member.name.clone(), Api::namespaced(member.client.clone(), namespace));
        self.members.iter().map(api).collect()
    }
}

async fn client_of(kubeconfig: &Path) -> Result<Client> {
    let context = || format!("using the kubeconfig {}", kubeconfig.display());
    let file = Kubeconfig::read_from(kubeconfig).with_context(context)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.with_context(context)?;
    Client::try_from(config).with_context(context)
}
