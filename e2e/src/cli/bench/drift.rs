//! `fleet bench drift`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use atoll_e2e::bench::drift::{Plan, measure_on_stage};
use atoll_e2e::fleet::{Progress, numbered_names};
use clap::Args;

use super::file::Figures;

#[derive(Args)]
pub struct Drift {
    /// Number of members of the fleet to start
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    members: u8,
    /// How many changes to make, each on a copy of its own
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    deviations: u32,
    /// How many of them a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Give up on those that are not undone so long after the last was made
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    deadline_seconds: u16,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Drift {
    pub async fn run(self) -> Result<()> {
        let file = Figures::open(self.json.as_deref())?;
        let plan = Plan {
            deviations: usize::try_from(self.deviations)?,
            rate: self.rate,
            deadline: Duration::from_secs(self.deadline_seconds.into()),
            progress: Progress::for_stderr(),
        };
        file.show(&measure_on_stage(&numbered_names(self.members.into()), &plan).await?)
    }
}
