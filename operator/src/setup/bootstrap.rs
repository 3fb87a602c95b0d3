//! `atoll hub bootstrap`: what stands on the hub before the operator runs there.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use atoll_crds::names::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::args::Bootstrap;
use super::kubeconfig::{self, User};
use super::{connect, wait};
use crate::install;

/// Owner of the fields.
const MANAGER: &str = "atoll-install";
/// How often the token is looked for.
const LOOK: Duration = Duration::from_millis(250);
/// A token is filled in within a second.
const TOKEN_WITHIN: Duration = Duration::from_secs(30);

/// Applies definitions and manifests; writes the account's kubeconfig when asked.
pub async fn run(settings: &Bootstrap) -> Result<()> {
    let manifests = read(&settings.manifests)?;
    let config = connect::config(Some(&settings.kubeconfig), settings.context.as_deref()).await?;
    let (url, authority) = (config.cluster_url.to_string(), config.root_cert.clone());
    let hub = connect::client(config)?;
    let answers = async || hub.apiserver_version().await.map(drop).context("asking the hub for its version");
    wait::until("the hub answers", settings.wait, answers).await?;
    let installed = install::install_crds(&hub).await.context("installing the CRDs on the hub")?;
    // Run again it finds the others in place; nobody else would tell of these.
    ensure!(installed.failed.is_empty(), "these definitions could not be installed: {}", installed.failed.join("; "));
    tracing::info!(written = ?installed.written, left = ?installed.left, "CRDs are installed");
    for object in &manifests {
        apply(&hub, object).await?;
    }
    tracing::info!(applied = manifests.len(), "manifests are applied");
    let (Some(account), Some(path)) = (&settings.account, &settings.write_kubeconfig) else { return Ok(()) };
    let token = token(&hub, account).await?;
    let authority = authority.map(|chain| chain.iter().map(|one| pem(one)).collect::<String>());
    let text = kubeconfig::render(url.trim_end_matches('/'), authority.as_deref(), &User::Token(&token));
    write_private(path, &text)?;
    tracing::info!(account, file = %path.display(), "kubeconfig written");
    Ok(())
}

/// Every document of the folder's YAML files, in the order of the files' names.
fn read(folder: &Path) -> Result<Vec<DynamicObject>> {
    let context = || format!("reading --manifests {}", folder.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "--manifests {} holds no file that ends in .yaml", folder.display());
    files.sort();
    let mut objects = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let documents: Vec<DynamicObject> = serde_saphyr::from_multiple(&text).with_context(|| {
            format!("reading {}: each document needs apiVersion, kind and metadata", path.display())
        })?;
        objects.extend(documents);
    }
    Ok(objects)
}

async fn apply(hub: &Client, object: &DynamicObject) -> Result<()> {
    let types = object.types.as_ref().context("a manifest has no apiVersion and kind")?;
    let name = object.name_any();
    let named = || format!("applying {} {name}", types.kind);
    let kind = GroupVersionKind::try_from(types).with_context(named)?;
    let (resource, capabilities) = pinned_kind(hub, &kind).await.with_context(named)?;
    let api: Api<DynamicObject> = match (capabilities.scope, object.namespace()) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(hub.clone(), &namespace, &resource),
        (Scope::Namespaced, None) => bail!("{}: it names no namespace", named()),
        (Scope::Cluster, _) => Api::all_with(hub.clone(), &resource),
    };
    let parameters = PatchParams::apply(MANAGER).force();
    api.patch(&name, &parameters, &Patch::Apply(object)).await.map(drop).with_context(named)
}

/// The token of a service account, one that does not end.
async fn token(hub: &Client, account: &str) -> Result<String> {
    let api: Api<Secret> = Api::namespaced(hub.clone(), SYSTEM_NAMESPACE);
    let name = format!("{account}-token");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": account}},
        "type": "kubernetes.io/service-account-token",
    });
    let parameters = PatchParams::apply(MANAGER).force();
    api.patch(&name, &parameters, &Patch::Apply(&secret)).await.with_context(|| format!("making Secret {name}"))?;
    let deadline = Instant::now() + TOKEN_WITHIN;
    loop {
        let held = api.get_opt(&name).await.with_context(|| format!("reading Secret {name}"))?;
        let token = held.and_then(|secret| secret.data?.remove("token"));
        if let Some(token) = token {
            return String::from_utf8(token.0).with_context(|| format!("the token in Secret {name} is no text"));
        }
        ensure!(
            Instant::now() < deadline,
            "Secret {SYSTEM_NAMESPACE}/{name} got no token within {TOKEN_WITHIN:?}: is there a service account {account} \
             in the manifests, and does a controller manager run on the hub?"
        );
        sleep(LOOK).await;
    }
}

/// A certificate as text.
fn pem(der: &[u8]) -> String {
    use k8s_openapi::ByteString;
    let encoded = json!(ByteString(der.to_vec()));
    let encoded = encoded.as_str().unwrap_or_default();
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

/// Writes a file that its owner alone may read.
fn write_private(path: &Path, text: &str) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_manifests_is_refused_by_name() {
        let folder = std::env::temp_dir().join(format!("atoll-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("note.txt"), "no manifest").unwrap();
        let error = format!("{:#}", read(&folder).unwrap_err());
        assert!(error.contains("holds no file that ends in .yaml"), "{error}");
        fs::write(folder.join("a.yaml"), "---\nkind: Namespace\napiVersion: v1\nmetadata: {name: a}\n").unwrap();
        assert_eq!(read(&folder).unwrap()[0].name_any(), "a");
        fs::remove_dir_all(&folder).unwrap();
    }
}
