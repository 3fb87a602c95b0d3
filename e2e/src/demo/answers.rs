//! Asks the app's pods over HTTP, from the hub's network, as its users would.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::play::{APP, NAMESPACE, Play};
use crate::stage::http;

/// The port in the app's manifest.
const PORT: u16 = 8080;

/// What every pod of the app on `member` answers.
pub async fn fetch(play: &Play<'_>, member: &str) -> Result<Vec<String>> {
    let mut answers = Vec::new();
    for (pod, address) in addresses(play, member).await? {
        let context = || format!("pod {pod} of {member}");
        answers.push(http::fetch(address, "/").await.with_context(context)?.trim().to_owned());
    }
    ensure!(!answers.is_empty(), "{member} has no pod of the app");
    Ok(answers)
}

/// Whether not one pod of the app on `member` answers from here.
pub async fn is_silent(play: &Play<'_>, member: &str) -> Result<bool> {
    let addresses = addresses(play, member).await?;
    let asked = addresses.into_iter().map(async |(_, address)| http::fetch(address, "/").await.is_err());
    Ok(futures::future::join_all(asked).await.into_iter().all(|silent| silent))
}

async fn addresses(play: &Play<'_>, member: &str) -> Result<Vec<(String, SocketAddr)>> {
    let pods: Api<Pod> = Api::namespaced(play.stage.observer(member).await?, NAMESPACE);
    let found = pods.list(&ListParams::default().labels(&format!("app={APP}"))).await;
    let found = found.with_context(|| format!("listing the app's pods on {member}"))?;
    // A pod on its way out answers no more, and need not.
    let live = found.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let address = |pod: Pod| {
        let ip = pod.status.as_ref()?.pod_ip.as_deref()?.parse::<IpAddr>().ok()?;
        Some((pod.name_any(), SocketAddr::new(ip, PORT)))
    };
    Ok(live.filter_map(address).collect())
}
