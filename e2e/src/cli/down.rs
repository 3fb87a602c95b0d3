//! `fleet down`: ends the fleet of a folder and waits until nothing of it is left.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use atoll_e2e::fleet::{Layout, Request, guard, request};
use clap::Args;
use tokio::time::{Instant, sleep};

const DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

#[derive(Args)]
pub struct Down {
    #[command(flatten)]
    place: super::Place,
}

impl Down {
    pub async fn run(self) -> Result<ExitCode> {
        let layout = Layout::new(&self.place.dir)?;
        let root = layout.root().display();
        if !guard::is_guarded(&layout) {
            ensure!(layout.is_marked(), "no fleet runs in {root}");
            layout.remove(true)?;
            println!("the fleet in {root} had ended already; its files are removed");
            return Ok(ExitCode::SUCCESS);
        }
        request(&layout, &Request::Stop).await?;
        let deadline = Instant::now() + DEADLINE;
        while guard::is_guarded(&layout) {
            ensure!(Instant::now() < deadline, "the fleet in {root} did not end within {DEADLINE:?}");
            sleep(POLL).await;
        }
        println!("the fleet in {root} has ended");
        Ok(ExitCode::SUCCESS)
    }
}
