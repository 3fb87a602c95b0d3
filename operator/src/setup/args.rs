//! The command line of `atoll hub`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// Prepares a hub; what the chart's Jobs run.
#[derive(Subcommand, Debug)]
pub enum Hub {
    /// Makes the certificates of a hub and of the webhook as Secrets, where they are missing or end soon.
    Pki(Pki),
    /// Puts definitions, namespaces, rights and, when asked, an account for the operator on the hub.
    Bootstrap(Bootstrap),
    /// Waits until the operator could begin on the hub: it answers, serves the definitions and lets the operator read.
    Wait(Await),
}

/// Settings of `atoll hub pki`.
#[derive(Args, Debug, Clone)]
pub struct Pki {
    /// Kubeconfig of the cluster that holds the Secrets. Without it: in-cluster configuration.
    #[arg(long, env = "ATOLL_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the Secrets.
    #[arg(long)]
    pub namespace: String,
    /// Start of the Secrets' names: PREFIX-hub-ca, PREFIX-webhook and so on.
    #[arg(long)]
    pub prefix: String,
    /// URL of the hub's API server in the kubeconfigs. Without it only the webhook's certificate is made.
    #[arg(long, requires = "hub_names", requires = "etcd_names")]
    pub hub_server: Option<String>,
    /// Names and addresses of the hub's API server.
    #[arg(long, value_delimiter = ',')]
    pub hub_names: Vec<String>,
    /// Names and addresses of the hub's etcd.
    #[arg(long, value_delimiter = ',')]
    pub etcd_names: Vec<String>,
    /// Names and addresses of the webhook. Without them its certificate is not made.
    #[arg(long, value_delimiter = ',')]
    pub webhook_names: Vec<String>,
}

/// Settings of `atoll hub bootstrap`.
#[derive(Args, Debug, Clone)]
pub struct Bootstrap {
    /// Kubeconfig of an administrator of the hub.
    #[arg(long, env = "ATOLL_KUBECONFIG")]
    pub kubeconfig: PathBuf,
    /// Context of the kubeconfig.
    #[arg(long)]
    pub context: Option<String>,
    /// Folder with YAML files to apply after the definitions; the chart's `ConfigMap` is such a folder.
    #[arg(long)]
    pub manifests: PathBuf,
    /// How long to wait for the hub to answer.
    #[arg(long, default_value = "1m", value_parser = crate::args::duration)]
    pub wait: Duration,
    /// Service account in the namespace karmada-system of the hub whose kubeconfig is written.
    #[arg(long, requires = "write_kubeconfig")]
    pub account: Option<String>,
    /// Where to write the kubeconfig of that account.
    #[arg(long, requires = "account")]
    pub write_kubeconfig: Option<PathBuf>,
}

/// Settings of `atoll hub wait`.
#[derive(Args, Debug, Clone)]
pub struct Await {
    /// Kubeconfig of the operator.
    #[arg(long, env = "ATOLL_KUBECONFIG")]
    pub kubeconfig: PathBuf,
    /// Context of the kubeconfig.
    #[arg(long)]
    pub context: Option<String>,
    /// How long to wait.
    #[arg(long, default_value = "10m", value_parser = crate::args::duration)]
    pub wait: Duration,
}
