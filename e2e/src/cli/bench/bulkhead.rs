//! `fleet bench bulkhead`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use atoll_e2e::bench::bulkhead::{Plan, measure_on_stage};
use atoll_e2e::fleet::Progress;
use clap::Args;

use super::file::Figures;

#[derive(Args)]
pub struct Bulkhead {
    /// Number of templates of a burst
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    objects: u32,
    /// Pairs of runs, with the fault and without; figures are medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    pairs: u8,
    /// How long templates come at five a second after each burst
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    paced_seconds: u16,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Bulkhead {
    pub async fn run(self) -> Result<()> {
        let file = Figures::open(self.json.as_deref())?;
        let plan = Plan {
            objects: usize::try_from(self.objects)?,
            pairs: self.pairs.into(),
            paced: Duration::from_secs(self.paced_seconds.into()),
            progress: Progress::for_stderr(),
        };
        file.show(&measure_on_stage(&plan).await?)
    }
}
