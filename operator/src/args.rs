//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::app::Settings;
use crate::telemetry::debug;
use crate::telemetry::logs::Format;

/// Atoll: Kubernetes multi-cluster federation.
#[derive(Parser, Debug)]
#[command(name = "atoll", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs the operator.
    Run(Box<Run>),
    /// Prepares a hub: its certificates, its definitions, the operator's rights.
    #[command(subcommand)]
    Hub(crate::setup::args::Hub),
}

/// Settings of `atoll run`.
#[derive(Args, Debug, Clone)]
pub struct Run {
    /// Kubeconfig of the hub. Without it: in-cluster configuration.
    #[arg(long, env = "ATOLL_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long)]
    pub context: Option<String>,
    /// Install or update the CRDs first.
    #[arg(long)]
    pub install_crds: bool,
    /// Where health, readiness and metrics are served. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", env = "ATOLL_LISTEN")]
    pub listen: SocketAddr,
    /// Where questions about the inside are answered (`/debug/...`): a loopback
    /// address. Without it they are not. Port 0 takes a free one.
    #[arg(long, env = "ATOLL_DEBUG_BIND", value_parser = debug::loopback)]
    pub debug_bind: Option<SocketAddr>,
    /// Answer `/debug/trace` as well: what the process does, recorded for some
    /// seconds. It costs processor time while it runs.
    #[arg(long, env = "ATOLL_DEBUG_TRACE", requires = "debug_bind")]
    pub debug_trace: bool,
    /// Where admission is served. Without it there is no webhook; what it would
    /// refuse is then told in conditions.
    #[arg(long)]
    pub webhook_bind: Option<SocketAddr>,
    /// URL under which the hub's API server reaches the webhook, such as
    /// <https://127.0.0.1:9443>. Without a port: the bound one.
    #[arg(long, requires = "webhook_bind")]
    pub webhook_url: Option<String>,
    /// Service under which the hub's API server reaches the webhook:
    /// namespace/name.
    #[arg(long, requires = "webhook_bind", conflicts_with = "webhook_url")]
    pub webhook_service: Option<String>,
    /// Folder with ca.crt, tls.crt and tls.key for admission, shared by all
    /// replicas. Without it each makes its own, and only the leader's is known to
    /// the hub.
    #[arg(long, requires = "webhook_bind")]
    pub webhook_tls: Option<PathBuf>,
    /// Namespace of the leader Lease on the hub.
    #[arg(long, default_value = atoll_crds::names::SYSTEM_NAMESPACE)]
    pub lease_namespace: String,
    /// Name of the leader Lease on the hub.
    #[arg(long, default_value = "atoll")]
    pub lease_name: String,
    /// How long a full isolation that only the hub sees must last before
    /// anything moves.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub failover_unconfirmed_after: Duration,
    /// How long a placement that says nothing of isolation tolerates it.
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub failover_after: Duration,
    /// How quickly silence is noticed: default, or fast for near members.
    #[arg(long, default_value = "default", value_parser = ["default", "fast"])]
    pub health_profile: String,
    /// Where traces are sent: an OpenTelemetry collector that takes OTLP over
    /// HTTP, such as <http://collector:4318>. Goes before the variables
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and `OTEL_EXPORTER_OTLP_ENDPOINT`; without any of them no trace is sent.
    #[arg(long)]
    pub otlp_endpoint: Option<String>,
    /// How log lines look; chosen by where they go when not said.
    #[arg(long, default_value = "auto")]
    pub log_format: Format,
}

impl Run {
    /// The settings that the parts look at.
    pub fn shared(&self) -> Settings {
        Settings {
            unconfirmed_after: self.failover_unconfirmed_after,
            failover_after: self.failover_after,
            fast: self.health_profile == "fast",
        }
    }
}

/// `30s`, `500ms`, `2m`, or seconds alone.
pub fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no duration; write 30s, 500ms or 2m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err(format!("{unit:?} is no unit of time; use ms, s, m or h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("soon").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
