//! Kubeconfigs that carry everything they need. Pure.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// Who somebody is to the hub.
pub enum User<'a> {
    /// By certificate and key, PEM.
    Certificate {
        /// The certificate.
        certificate: &'a str,
        /// Its key.
        key: &'a str,
    },
    /// By a token.
    Token(&'a str),
}

/// The kubeconfig of `user` at `server`, whose certificate is of `authority`
/// (PEM; the system's authorities when there is none). Cluster, user and context
/// are called `hub`.
pub fn render(server: &str, authority: Option<&str>, user: &User<'_>) -> String {
    let mut cluster = json!({"server": server});
    if let Some(authority) = authority {
        cluster["certificate-authority-data"] = encoded(authority);
    }
    let user = match user {
        User::Certificate { certificate, key } => {
            json!({"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)})
        }
        User::Token(token) => json!({"token": token}),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "hub",
        "clusters": [{"name": "hub", "cluster": cluster}],
        "users": [{"name": "hub", "user": user}],
        "contexts": [{"name": "hub", "context": {"cluster": "hub", "user": "hub"}}],
    });
    // JSON is YAML.
    format!("{config:#}\n")
}

/// Base64, by the type the API carries bytes in.
fn encoded(text: &str) -> Value {
    json!(ByteString(text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use kube::config::Kubeconfig;

    use super::*;

    #[test]
    fn a_rendered_kubeconfig_is_read_back_by_the_client_library() {
        let user = User::Certificate { certificate: "certificate", key: "key" };
        let config = Kubeconfig::from_yaml(&render("https://hub:443", Some("authority"), &user)).unwrap();
        let cluster = config.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://hub:443"));
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("YXV0aG9yaXR5"));
        let user = config.auth_infos[0].auth_info.as_ref().unwrap();
        assert_eq!(user.client_certificate_data.as_deref(), Some("Y2VydGlmaWNhdGU="));
    }
}
