//! `fleet status`: which processes run.

use std::process::ExitCode;

use anyhow::{Result, bail};
use atoll_e2e::fleet::{Answer, ComponentState, Layout, Request, request};
use clap::Args;
use comfy_table::{Table, presets};

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    place: super::Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Fails when a process is dead, so that a script can ask.
    pub async fn run(self) -> Result<ExitCode> {
        let layout = Layout::new(&self.place.dir)?;
        let Answer::Status { clusters } = request(&layout, &Request::Status).await? else {
            bail!("the fleet answered something else than its status");
        };
        let dead = clusters.values().flat_map(|components| components.values()).any(|&s| s == ComponentState::Dead);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&clusters)?);
        } else {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header(["CLUSTER", "PROCESS", "STATE"]);
            for (cluster, components) in &clusters {
                for (kind, state) in components {
                    table.add_row([cluster.clone(), kind.to_string(), format!("{state:?}").to_lowercase()]);
                }
            }
            println!("{table}");
        }
        Ok(if dead { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
