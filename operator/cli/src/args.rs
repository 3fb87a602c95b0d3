//! The command line. Values are checked here, once; what reaches the commands
//! is well formed.

mod debug;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use debug::{Format, Get, Reach, Snapshot, What, Why};
pub use values::{ClusterName, Label};

/// Heading of the options that every command has.
const GLOBAL: &str = "Options of every command";

/// Everything that can be typed.
#[derive(Parser, Debug)]
#[command(
    name = "kubectl-atoll",
    bin_name = "kubectl atoll",
    version,
    about = "Members join the fleet, get more rights, leave it; decisions are explained",
    after_help = "Exit codes: 0 done, 1 failed, 2 the command line is wrong."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub task: Task,
}

/// The hub, for every command.
#[derive(Args, Debug)]
pub struct Global {
    /// Kubeconfig of the hub [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the hub in that kubeconfig [default: its current one]
    #[arg(long, global = true, value_name = "CONTEXT", help_heading = GLOBAL)]
    pub context: Option<String>,
    /// Show details
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Task {
    /// Register a member cluster, or refresh its registration
    Join(Join),
    /// Let the operator write more kinds on a member
    Grant(Grant),
    /// Take a member out of the fleet
    Unjoin(Unjoin),
    /// Let deletes go on that were paused on a member
    ApproveDeletes(ApproveDeletes),
    /// Say why an object runs where it runs, or why it does not
    Why(Why),
    /// Write a bundle of what a running operator knows, without secrets
    Snapshot(Snapshot),
    /// List clusters or propagation policies with what became of them
    Get(Get),
}

/// A member by its kubeconfig.
#[derive(Args, Debug)]
pub struct Member {
    /// Kubeconfig of the member, of somebody who may make roles there
    #[arg(long, value_name = "FILE")]
    pub cluster_kubeconfig: PathBuf,
    /// Context of the member in that kubeconfig [default: its current one]
    #[arg(long, value_name = "CONTEXT")]
    pub cluster_context: Option<String>,
}

/// `join`
#[derive(Args, Debug)]
#[command(long_about = "Register a member cluster, or refresh its registration.\n\n\
        On the member this makes a service account with the rights the operator needs and no others, \
        on the hub the Secret with its token and the Cluster object. Done again for the same member it mends what is \
        missing; without --allow it takes no right away.")]
pub struct Join {
    /// Name of the cluster in the fleet: lower-case letters, digits and `-`, at most 48
    pub name: ClusterName,
    #[command(flatten)]
    pub member: Member,
    /// Kinds the operator may write there: `workloads` (the default at the first join) or names such as
    /// deployments.apps, configmaps, Widget.example.com; may be repeated
    #[arg(
        long,
        value_name = "workloads|KINDS",
        value_delimiter = ',',
        long_help = "Kinds the operator may write there, as names such as deployments.apps, configmaps, \
            Widget.example.com, or `workloads`; joined by commas, may be repeated. \
            `workloads` is the default at the first join and means deployments, statefulsets, daemonsets, replicasets, \
            jobs, cronjobs, pods, services, configmaps, secrets, serviceaccounts, persistentvolumeclaims, ingresses, \
            networkpolicies, horizontalpodautoscalers and poddisruptionbudgets. Roles and their bindings are not among \
            them: whoever may write them can give itself more."
    )]
    pub allow: Vec<String>,
    /// Let the operator do everything on the member, instead
    #[arg(long, conflicts_with = "allow")]
    pub cluster_admin: bool,
    /// Who runs the member
    #[arg(long, value_name = "NAME")]
    pub cluster_provider: Option<String>,
    /// Where the member stands
    #[arg(long, value_name = "NAME")]
    pub cluster_region: Option<String>,
    /// Its zones, joined by commas
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub cluster_zones: Vec<String>,
    /// Labels of the Cluster object, joined by commas
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    pub labels: Vec<Label>,
    /// Address at which the hub reaches the member [default: the one in its kubeconfig]
    #[arg(long, value_name = "URL", value_parser = values::parse_endpoint)]
    pub api_endpoint: Option<http::Uri>,
    /// Check everything and show what would be written; with -v the objects themselves
    #[arg(long)]
    pub dry_run: bool,
}

/// `grant`
#[derive(Args, Debug)]
pub struct Grant {
    /// Name of the cluster in the fleet
    #[arg(value_name = "CLUSTER")]
    pub name: ClusterName,
    /// Kinds the operator may write there as well: names as for `join`, joined by commas
    #[arg(long, value_name = "KINDS", value_delimiter = ',', required = true)]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub member: Member,
}

/// `unjoin`
#[derive(Args, Debug)]
#[command(long_about = "Take a member out of the fleet.\n\n\
        The operator first makes replacements healthy elsewhere, then removes its copies from the member, no faster than \
        the delete budget allows. With the member's kubeconfig its account on the member is removed in the end.")]
pub struct Unjoin {
    /// Name of the cluster in the fleet
    pub name: ClusterName,
    /// Kubeconfig of the member, to remove the operator's account there
    #[arg(long, value_name = "FILE")]
    pub cluster_kubeconfig: Option<PathBuf>,
    /// Context of the member in that kubeconfig [default: its current one]
    #[arg(long, value_name = "CONTEXT", requires = "cluster_kubeconfig")]
    pub cluster_context: Option<String>,
    /// Leave the federation's objects on the member
    #[arg(long)]
    pub keep_objects: bool,
    /// Wait until the member has left and show how far it is (this is the default)
    #[arg(long, overrides_with = "no_wait")]
    pub wait: bool,
    /// Do not wait until the member has left. Its account stays until `unjoin` runs again with its kubeconfig
    #[arg(long, overrides_with = "wait", conflicts_with = "cluster_kubeconfig")]
    pub no_wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = values::parse_duration)]
    pub timeout: Duration,
}

/// `approve-deletes`
#[derive(Args, Debug)]
pub struct ApproveDeletes {
    /// Name of the cluster in the fleet
    #[arg(value_name = "CLUSTER")]
    pub name: ClusterName,
    /// The token in the message of its condition `DeletesPaused`: it stands for what waits now
    pub token: String,
}

#[cfg(test)]
mod tests;
