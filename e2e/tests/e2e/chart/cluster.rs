//! A cluster that the chart is installed in: a namespace of its own on a member, and the verbs trials are written in.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use atoll_e2e::helm::{Helm, chart};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::rendering;
use crate::harness::eventually;
use crate::kinds::Kind;

/// Of what a release may leave or change, everything that the chart makes.
pub const MADE: [Kind; 12] = [
    crate::kinds::namespaced("apps/v1", "Deployment"),
    crate::kinds::namespaced("apps/v1", "StatefulSet"),
    crate::kinds::namespaced("batch/v1", "Job"),
    crate::kinds::namespaced("batch/v1", "CronJob"),
    crate::kinds::namespaced("v1", "Service"),
    crate::kinds::namespaced("v1", "ServiceAccount"),
    crate::kinds::namespaced("v1", "ConfigMap"),
    crate::kinds::namespaced("networking.k8s.io/v1", "NetworkPolicy"),
    crate::kinds::namespaced("policy/v1", "PodDisruptionBudget"),
    crate::kinds::namespaced("rbac.authorization.k8s.io/v1", "Role"),
    crate::kinds::namespaced("rbac.authorization.k8s.io/v1", "RoleBinding"),
    crate::kinds::namespaced("v1", "PersistentVolumeClaim"),
];

/// A release called `fed` in a namespace.
pub struct Cluster {
    pub client: Client,
    pub namespace: String,
    kubeconfig: PathBuf,
    helm: Helm,
    home: TempDir,
}

impl Cluster {
    /// A namespace where Pod Security is restricted, on the cluster of `kubeconfig`.
    pub async fn open(client: Client, kubeconfig: &Path, namespace: &str) -> Result<Self> {
        let (helm, home) = rendering::helm().await?;
        let restricted = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        });
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces
            .patch(namespace, &PatchParams::apply("e2e"), &Patch::Apply(&restricted))
            .await
            .context("namespace")?;
        Ok(Self { client, namespace: namespace.to_owned(), kubeconfig: kubeconfig.to_owned(), helm, home })
    }

    /// A folder for files of the trial.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Runs `helm VERB fed [CHART] …`.
    pub async fn helm(&self, verb: &str, settings: &[&str]) -> Result<String> {
        let mut arguments = vec![verb.to_owned(), "fed".to_owned()];
        if verb != "uninstall" {
            arguments.push(chart().to_string_lossy().into_owned());
        }
        arguments.extend(["--namespace".to_owned(), self.namespace.clone(), "--kubeconfig".to_owned()]);
        arguments.push(self.kubeconfig.to_string_lossy().into_owned());
        arguments.extend(settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]));
        let helm = self.helm.clone();
        let run = move || helm.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        spawn_blocking(run).await.context("running helm")?
    }

    pub fn api(&self, kind: Kind) -> Api<DynamicObject> {
        kind.api(self.client.clone(), &self.namespace)
    }

    /// Objects of a kind whose names begin with `start`.
    pub async fn list(&self, kind: Kind, start: &str) -> Result<Vec<Value>> {
        let listed = self.api(kind).list(&ListParams::default()).await.with_context(|| format!("listing {kind:?}"))?;
        let named = listed.items.into_iter().filter(|object| object.name_any().starts_with(start));
        named.map(|object| serde_json::to_value(object).context("an object is JSON")).collect()
    }

    /// The one object of a kind whose name begins with `start`.
    pub async fn one(&self, kind: Kind, start: &str) -> Result<Value> {
        let mut found = self.list(kind, start).await?;
        ensure!(found.len() == 1, "{} objects of {kind:?} begin with {start}", found.len());
        Ok(found.remove(0))
    }

    /// Version of the spec of everything the chart made.
    pub async fn generations(&self) -> Result<BTreeMap<String, Value>> {
        let mut seen = BTreeMap::new();
        for kind in MADE {
            for object in self.list(kind, "fed-").await? {
                let metadata = &object["metadata"];
                // What has no generation has no status either: its version moves with its content alone.
                let version = if metadata["generation"].is_null() { "resourceVersion" } else { "generation" };
                seen.insert(format!("{} {}", kind.kind, metadata["name"]), metadata[version].clone());
            }
        }
        Ok(seen)
    }

    /// Waits until `judge` finds what it looks for in the object called `name`.
    pub async fn until(&self, kind: Kind, name: &str, what: &str, judge: impl Fn(&Value) -> bool) -> Result<Value> {
        let api = self.api(kind);
        eventually(what, || async {
            let object = serde_json::to_value(api.get(name).await?)?;
            ensure!(judge(&object), "{name}: {}", object["status"]);
            Ok(object)
        })
        .await
    }

    /// Writes the keys of a Secret into a folder of its name, as a pod would see them.
    pub async fn mount_secret(&self, name: &str) -> Result<PathBuf> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = secrets.get(name).await.with_context(|| format!("reading Secret {name}"))?;
        let data = secret.data.unwrap_or_default().into_iter();
        self.mount(name, data.map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes.0).into_owned())).collect())
    }

    /// The same of a `ConfigMap`.
    pub async fn mount_config(&self, name: &str) -> Result<PathBuf> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let map = maps.get(name).await.with_context(|| format!("reading ConfigMap {name}"))?;
        self.mount(name, map.data.unwrap_or_default())
    }

    fn mount(&self, name: &str, files: BTreeMap<String, String>) -> Result<PathBuf> {
        let folder = self.folder().join(name);
        std::fs::create_dir_all(&folder).context("making a folder")?;
        for (key, text) in files {
            std::fs::write(folder.join(key), text).context("writing a file")?;
        }
        Ok(folder)
    }

    /// A kubeconfig of a service account of the namespace.
    pub async fn kubeconfig_of(&self, account: &str) -> Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
        let token =
            answer.with_context(|| format!("asking for a token of {account}"))?.status.context("no token")?.token;
        let mut config = Kubeconfig::read_from(&self.kubeconfig).context("reading the kubeconfig")?;
        let user = config.auth_infos.first_mut().and_then(|named| named.auth_info.as_mut()).context("no user")?;
        *user = serde_json::from_value(json!({"token": token})).context("a user with a token")?;
        let path = self.folder().join(format!("{account}.kubeconfig"));
        std::fs::write(&path, serde_json::to_string(&config)?).context("writing a kubeconfig")?;
        Ok(path)
    }

    /// Deletes all objects of a kind of the whole cluster whose names begin with `start`, which the trial made.
    pub async fn delete_all<K>(&self, api: Api<K>, is_ours: impl Fn(&K) -> bool) -> Result<()>
    where
        K: kube::Resource + Clone + DeserializeOwned + Debug,
    {
        for object in api.list(&ListParams::default()).await?.items.into_iter().filter(is_ours) {
            api.delete(&object.name_any(), &DeleteParams::default()).await.context("tidying up")?;
        }
        Ok(())
    }

    /// Takes the namespace away.
    pub async fn close(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        match namespaces.delete(&self.namespace, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(error) => bail!("deleting namespace {}: {error}", self.namespace),
        }
    }
}

/// The arguments of the first container of a pod's owner.
pub fn arguments(owner: &Value) -> Vec<String> {
    let container = &owner["spec"]["template"]["spec"]["containers"][0];
    let texts = |key: &str| container[key].as_array().cloned().unwrap_or_default();
    let all = texts("command").into_iter().chain(texts("args"));
    all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
