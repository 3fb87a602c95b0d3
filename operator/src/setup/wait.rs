//! `atoll hub wait`: an operator that starts too early would end itself, and be
//! started again after pauses that double.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};

use super::args::Await;
use super::connect;
use crate::install;

/// A hub that is not ready is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// One answer takes at most this.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Waits until the operator could begin.
pub async fn run(settings: &Await) -> Result<()> {
    let hub = connect::client(connect::config(Some(&settings.kubeconfig), settings.context.as_deref()).await?)?;
    until("the hub is prepared", settings.wait, async || is_prepared(&hub).await).await?;
    tracing::info!("the hub is prepared");
    Ok(())
}

async fn is_prepared(hub: &Client) -> Result<()> {
    let missing = install::missing(hub).await.context("asking the hub which kinds it serves")?;
    ensure!(missing.is_empty(), "the hub does not serve {} yet", missing.join(", "));
    let namespaces: Api<Namespace> = Api::all(hub.clone());
    namespaces.get("kube-system").await.map(drop).context("reading the namespace kube-system of the hub")
}

/// Asks until the answer is good; at the end of `patience` the last one is the
/// error. Each cause is logged once.
pub async fn until(what: &str, patience: Duration, ask: impl AsyncFn() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + patience;
    let mut told = String::new();
    loop {
        let answer = match timeout(ANSWERS_WITHIN, ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow::anyhow!("no answer within {ANSWERS_WITHIN:?}")),
        };
        let Err(error) = answer else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(error).with_context(|| format!("waited for {patience:?} (--wait) until {what}"));
        }
        let seen = format!("{error:#}");
        if seen != told {
            tracing::info!(seen, "waiting until {what}");
            told = seen;
        }
        sleep(ASK_AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_asks_until_the_answer_is_good_and_gives_up_with_the_last_one() {
        let asked = AtomicU32::new(0);
        let third = async || {
            ensure!(asked.fetch_add(1, Ordering::SeqCst) == 2, "not yet");
            Ok(())
        };
        until("it is so", Duration::from_secs(10), third).await.unwrap();
        let never = async || std::future::pending::<Result<()>>().await;
        let error = until("it is so", Duration::from_secs(10), never).await.unwrap_err();
        assert!(format!("{error:#}").contains("no answer within 5s"), "{error:#}");
    }
}
