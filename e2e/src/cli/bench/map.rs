//! `fleet bench map`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use atoll_e2e::bench::map::{Plan, measure};
use atoll_e2e::fleet::Progress;
use clap::Args;

use super::file::Figures;

/// Enough for a mean that does not change from run to run.
const COUNTED_CALLS: u32 = 20_000;

#[derive(Args)]
pub struct Map {
    /// How often; figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    runs: u8,
    /// Tasks that call at the same time
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: u32,
    /// How long each map is called under each load, once as fast as it answers and once at a fixed rate
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    milliseconds: u16,
    /// Calls due in a second at the fixed rate; a tenth of it where views of everything are among them
    #[arg(long, default_value_t = 342_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    arrivals_per_second: u32,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Map {
    pub async fn run(self) -> Result<()> {
        let file = Figures::open(self.json.as_deref())?;
        let plan = Plan {
            tasks: self.tasks.try_into()?,
            time: Duration::from_millis(self.milliseconds.into()),
            arrivals_per_s: self.arrivals_per_second,
            counted_calls: COUNTED_CALLS,
            runs: self.runs.into(),
            progress: Progress::for_stderr(),
        };
        file.show(&measure(&plan).await?)
    }
}
