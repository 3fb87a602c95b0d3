//! `fleet demo`: the product's main job on real clusters, told to a person.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use atoll_e2e::demo::{self, Outcome, Settings};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

/// What shells report of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(Args)]
pub struct Demo {
    /// Number of members, called m1, m2, ...
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=20))]
    members: u8,
    /// Write the measured times to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave clusters and operator running, and tell how to look at them
    #[arg(long)]
    keep: bool,
    /// Folder of the fleet [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub async fn run(self) -> Result<ExitCode> {
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let settings = Settings { members: self.members.into(), json: self.json, keep: self.keep, dir: self.dir };
        Ok(match demo::run(&settings, stop).await? {
            Outcome::Shown => ExitCode::SUCCESS,
            Outcome::Failed => ExitCode::FAILURE,
            Outcome::Interrupted => ExitCode::from(INTERRUPTED),
        })
    }
}
