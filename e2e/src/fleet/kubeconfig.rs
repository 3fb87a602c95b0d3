//! Kubeconfig files of the fleet.
//!
//! In: a cluster's address, authority and one identity. Out: a kubeconfig with
//! everything embedded, so the file works from any folder and after a copy.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use k8s_openapi::ByteString;
use serde_json::json;

use super::pki::{Identity, write_private};

/// Renders the kubeconfig of the user `identity` at `server`. Context, cluster
/// and user carry the name `cluster`, so files of several clusters can be merged.
pub fn render(cluster: &str, server: &str, authority: &str, identity: &Identity) -> Result<String> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{
            "name": cluster,
            "cluster": { "server": server, "certificate-authority-data": encode(authority) },
        }],
        "users": [{
            "name": cluster,
            "user": {
                "client-certificate-data": encode(&identity.certificate),
                "client-key-data": encode(&identity.key),
            },
        }],
        "contexts": [{ "name": cluster, "context": { "cluster": cluster, "user": cluster } }],
    });
    serde_saphyr::to_string(&config).context("rendering a kubeconfig")
}

/// Writes a kubeconfig at once: a reader who polls for the file never sees half of it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let partial = path.with_extension("partial");
    write_private(&partial, text)?;
    fs::rename(&partial, path).with_context(|| format!("writing {}", path.display()))
}

/// Base64, by the type the Kubernetes API carries bytes in.
fn encode(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use kube::config::Kubeconfig;

    use super::*;

    #[test]
    fn a_rendered_kubeconfig_is_read_back_by_the_client_library() {
        let identity = Identity { certificate: "certificate".to_owned(), key: "key".to_owned() };
        let text = render("m1", "https://10.0.0.1:6443", "authority", &identity).unwrap();
        let config = Kubeconfig::from_yaml(&text).unwrap();
        let cluster = config.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(config.current_context.as_deref(), Some("m1"));
        assert_eq!(cluster.server.as_deref(), Some("https://10.0.0.1:6443"));
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("YXV0aG9yaXR5"));
    }
}
