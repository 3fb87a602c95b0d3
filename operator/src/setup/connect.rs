//! Clients of a person or of a Job: nothing here runs for long.

use std::path::Path;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A configuration from a kubeconfig, or from the pod this runs in.
pub async fn config(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Config> {
    let Some(path) = kubeconfig else {
        return Config::incluster().context("no --kubeconfig is given, and this is no pod of a cluster");
    };
    let file = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(file, &options).await.with_context(|| format!("using {}", path.display()))
}

/// A client.
pub fn client(config: Config) -> Result<Client> {
    Client::try_from(config).context("building a client")
}
