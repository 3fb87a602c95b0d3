//! The commands that only look: `why`, `snapshot`, `get`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How the operator is reached.
#[derive(Args, Debug)]
pub struct Reach {
    /// Address of the operator's debug listener, such as <http://127.0.0.1:6060>, for an operator outside of a cluster
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    pub operator: Option<http::Uri>,
    /// Kubeconfig of the cluster that the operator runs in [default: the hub's]
    #[arg(long, value_name = "FILE", conflicts_with = "operator")]
    pub host_kubeconfig: Option<PathBuf>,
    /// Context of that cluster [default: its current one]
    #[arg(long, value_name = "CONTEXT", conflicts_with = "operator")]
    pub host_context: Option<String>,
    /// Namespace of the operator's pods
    #[arg(long, value_name = "NAMESPACE", default_value = "atoll-system", conflicts_with = "operator")]
    pub host_namespace: String,
    /// Port of the debug listener in the pod
    #[arg(long, value_name = "PORT", default_value_t = 6060, conflicts_with = "operator")]
    pub host_port: u16,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// A table with more columns
    Wide,
    /// Names alone
    Name,
}

/// `why`
#[derive(Args, Debug)]
#[command(long_about = "Say why an object runs where it runs, or why it does not.\n\n\
        Which policy has it and why no other one, what keeps each cluster out, how replicas are divided, what overrides \
        change, what became of it on each cluster, and what waits. The operator is asked; without it the hub's objects \
        tell less.")]
pub struct Why {
    /// KIND/NAME or KIND NAME: kinds as kubectl takes them, such as deployment, deploy or deployments.apps
    #[arg(value_name = "KIND/NAME", num_args = 1..=2, required = true)]
    pub object: Vec<String>,
    /// Namespace of the object [default: that of the hub's context, then `default`]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Write everything, for programs
    #[arg(short, long, value_name = "FORMAT", value_parser = only_data)]
    pub output: Option<Format>,
    #[command(flatten)]
    pub reach: Reach,
}

/// `snapshot`
#[derive(Args, Debug)]
#[command(long_about = "Write a bundle of what a running operator knows, without secrets.\n\n\
        Versions, flags, fleet map, copies, bindings, queues, lanes, tasks, recent decisions, metrics. No manifest, \
        credential or annotation is in it; quoted texts of others are cut. The operator works on meanwhile.")]
pub struct Snapshot {
    /// File to write [default: atoll-snapshot-TIME.tar.gz]
    #[arg(short, long, value_name = "FILE.tar.gz")]
    pub output: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
    /// Replace names by hashes, the same hash for the same name
    #[arg(long)]
    pub redact_names: bool,
    #[command(flatten)]
    pub reach: Reach,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The members of the fleet
    #[value(aliases = ["cluster"])]
    Clusters,
    /// `PropagationPolicies` and `ClusterPropagationPolicies`
    #[value(
        name = "propagatedpolicy",
        aliases = ["propagatedpolicies", "propagationpolicy", "propagationpolicies", "pp", "cpp", "policies", "policy"]
    )]
    Policies,
}

/// `get`
#[derive(Args, Debug)]
pub struct Get {
    /// What to list
    pub what: What,
    /// Only these
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Namespace of the policies [default: that of the hub's context, then `default`]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Policies of all namespaces, and those without one
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// How to write it
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
}

fn only_data(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        "yaml" => Ok(Format::Yaml),
        _ => Err("it is json or yaml".to_owned()),
    }
}

/// The listener speaks plain HTTP, on this machine alone.
fn parse_url(text: &str) -> Result<http::Uri, String> {
    let address = || format!("{text:?} is no address of a debug listener; it looks like http://127.0.0.1:6060");
    let url: http::Uri = text.parse().map_err(|_| address())?;
    let named = url.scheme_str() == Some("http") && url.host().is_some() && url.port_u16().is_some();
    if named && matches!(url.path(), "/" | "") { Ok(url) } else { Err(address()) }
}
