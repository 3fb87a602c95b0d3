//! The account's token and the CA that vouches for the member.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use atoll_crds::names::CLUSTER_NAMESPACE;
use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Node, Secret, ServiceAccount};
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::account::{ACCOUNT_UID, Account};
use crate::connect::Side;
use crate::failure::On;
use crate::planned::Planned;

/// The member's token controller fills the Secret within this, or it does not
/// run.
const FILLED_WITHIN: Duration = Duration::from_secs(30);

/// A new token and new roles are known to the member's API server within this.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

/// A refused token is tried again after this.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Watches until the member has filled the account's Secret.
pub async fn fetch(member: &Side, account: &Account, planned: &Planned) -> Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(member.client.clone(), CLUSTER_NAMESPACE);
    let found = accounts.get(&account.name).await.on(member, format!("reading serviceaccount {}", account.name))?;
    let uid = found.uid().unwrap_or_default();
    let filled = watch(member, account, planned, &uid);
    tokio::time::timeout(FILLED_WITHIN, filled).await.unwrap_or_else(|_| {
        bail!(
            "{}: secret {CLUSTER_NAMESPACE}/{} got no token within {} s: the member's kube-controller-manager makes \
             tokens, see that it runs, then join again",
            member.name,
            account.name,
            FILLED_WITHIN.as_secs()
        )
    })
}

async fn watch(member: &Side, account: &Account, planned: &Planned, uid: &str) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(member.client.clone(), CLUSTER_NAMESPACE);
    let mut seen = Box::pin(watcher::watch_object(secrets, &account.name).default_backoff());
    while let Some(secret) = seen.next().await {
        match secret {
            Ok(Some(secret)) => {
                if let Some(token) = token_of(&secret, uid) {
                    return Ok(token);
                }
            }
            // The Secret of an earlier account of the same name: the member
            // removes it, so that ours has to be made once more.
            Ok(None) => planned.apply(member).await.map(|_| ())?,
            // The watch repeats itself; the deadline ends it.
            Err(_) => {}
        }
    }
    Err(anyhow!("{}: the watch of secret {} ended", member.name, account.name))
}

/// The token, when it is that of the account with `uid`.
fn token_of(secret: &Secret, uid: &str) -> Option<String> {
    if secret.annotations().get(ACCOUNT_UID).map(String::as_str) != Some(uid) {
        return None;
    }
    let token = secret.data.as_ref()?.get("token")?;
    String::from_utf8(token.0.clone()).ok().filter(|token| !token.is_empty())
}

/// Tries the token as the operator will use it: at the Cluster's address, with
/// its CA, for a read that its role must allow.
pub async fn check(as_operator: &Side) -> Result<()> {
    let nodes: Api<Node> = Api::all(as_operator.client.clone());
    let one = ListParams::default().limit(1);
    let deadline = tokio::time::Instant::now() + KNOWN_WITHIN;
    loop {
        match nodes.list_metadata(&one).await {
            Err(kube::Error::Api(status))
                if matches!(status.code, 401 | 403) && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            answer => return answer.map(|_| ()).on(as_operator, "listing nodes with the operator's token"),
        }
    }
}

/// The CA bundle of the member's kubeconfig as PEM; None when it names none,
/// which means that a public CA vouches for the member.
pub fn ca_bundle(member: &Side) -> Result<Option<String>> {
    let Some(certificates) = &member.config.root_cert else { return Ok(None) };
    let mut bundle = String::new();
    for certificate in certificates {
        // Byte strings are base64 in JSON.
        let Value::String(base64) = serde_json::to_value(ByteString(certificate.clone()))? else { continue };
        bundle.push_str("-----BEGIN CERTIFICATE-----\n");
        for (index, character) in base64.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                bundle.push('\n');
            }
            bundle.push(character);
        }
        bundle.push_str("\n-----END CERTIFICATE-----\n");
    }
    Ok(Some(bundle))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(uid: &str, token: &str) -> Secret {
        let data = json!({"token": ByteString(token.into())});
        serde_json::from_value(json!({"metadata": {"annotations": {ACCOUNT_UID: uid}}, "data": data})).unwrap()
    }

    #[test]
    fn the_token_of_an_earlier_account_is_not_taken() {
        assert_eq!(token_of(&secret("new", "t"), "new").as_deref(), Some("t"));
        assert_eq!(token_of(&secret("old", "t"), "new"), None);
    }

    #[test]
    fn a_secret_that_is_not_filled_has_no_token() {
        assert_eq!(token_of(&secret("new", ""), "new"), None);
        assert_eq!(token_of(&Secret::default(), "new"), None);
    }
}
