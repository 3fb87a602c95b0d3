//! `fleet bench restart`.

use std::path::PathBuf;

use anyhow::Result;
use atoll_e2e::bench::restart::{Plan, measure_on_stage};
use atoll_e2e::fleet::{Progress, numbered_names};
use clap::Args;

use super::file::Figures;

#[derive(Args)]
pub struct Restart {
    /// Number of members of the fleet to start
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    members: u8,
    /// Number of templates in place
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    objects: u32,
    /// How often; figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    runs: u8,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Restart {
    pub async fn run(self) -> Result<()> {
        let file = Figures::open(self.json.as_deref())?;
        let objects = usize::try_from(self.objects)?;
        let plan = Plan { objects, runs: self.runs.into(), progress: Progress::for_stderr() };
        file.show(&measure_on_stage(&numbered_names(self.members.into()), &plan).await?)
    }
}
