//! What a [`Stage`] is made from.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use tokio::task::spawn_blocking;

use super::{Operator, Programs, Stage};
use crate::fleet::{Fleet, Progress, control_plane, numbered_names};

/// What the operator is told unless a stage says otherwise: nobody waits half a minute in a test for a loss that the
/// hub alone sees.
const SETTINGS: [(&str, &str); 1] = [("--failover-unconfirmed-after", "3s")];

/// Settings of a stage to be.
#[derive(Clone, Debug)]
pub struct StageBuilder {
    members: Vec<String>,
    faults: bool,
    join: bool,
    operator_arguments: Vec<String>,
    dir: Option<PathBuf>,
    progress: Progress,
}

impl Default for StageBuilder {
    fn default() -> Self {
        Self {
            members: numbered_names(3),
            faults: true,
            join: true,
            operator_arguments: Vec::new(),
            dir: None,
            progress: Progress::Silent,
        }
    }
}

impl StageBuilder {
    /// Names of the members.
    #[must_use]
    pub fn members<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.members = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether packets pass the relay that can spoil them. Benches go without.
    #[must_use]
    pub fn faults(mut self, faults: bool) -> Self {
        self.faults = faults;
        self
    }

    /// Whether all members join before the stage is handed out.
    #[must_use]
    pub fn join(mut self, join: bool) -> Self {
        self.join = join;
        self
    }

    /// More arguments of `atoll run`; they go before the stage's own.
    #[must_use]
    pub fn operator_args<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.operator_arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Folder of the fleet; by default one that goes with it.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    /// Where to show what takes time.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Builds what is missing, starts everything and returns when the members have joined and are Ready.
    pub async fn start(self) -> Result<Stage> {
        let progress = self.progress;
        let programs = Programs::ensure_built(progress).await?;
        // Before the clock starts: it builds for minutes on a new machine.
        spawn_blocking(move || control_plane::ensure_built(progress)).await.context("building the control plane")??;
        let started = Instant::now();
        let mut builder = Fleet::builder().members(&self.members).faults(self.faults).progress(progress);
        if let Some(dir) = &self.dir {
            builder = builder.dir(dir);
        }
        let fleet = builder.start().await?;
        let fleet_up = started.elapsed();
        let hub = fleet.hub_client().await?;
        let operator = Operator::new("atoll", &fleet, &programs, &self.operator_arguments())?;
        let stage = Stage { operator, programs, hub, fleet_up, fleet };
        if let Err(error) = self.prepare(&stage).await {
            // They go with the fleet, and whoever got no stage has no other place to look.
            let saved = stage.save_logs()?;
            return Err(error.context(format!("the stage did not start, all logs were saved in {}", saved.display())));
        }
        Ok(stage)
    }

    async fn prepare(&self, stage: &Stage) -> Result<()> {
        let step = self.progress.start("starting the operator");
        stage.operator.start().await?;
        step.finish("the operator is ready");
        if self.join { self.join_all(stage).await } else { Ok(()) }
    }

    async fn join_all(&self, stage: &Stage) -> Result<()> {
        let step = self.progress.start("joining the members");
        try_join_all(self.members.iter().map(|name| stage.join(name))).await?;
        stage.wait_until_ready(&self.members).await?;
        step.finish("all members have joined");
        Ok(())
    }

    fn operator_arguments(&self) -> Vec<&str> {
        let given =
            |name: &str| self.operator_arguments.iter().any(|argument| argument.split('=').next() == Some(name));
        let settings = SETTINGS.iter().filter(|(name, _)| !given(name)).flat_map(|&(name, value)| [name, value]);
        self.operator_arguments.iter().map(String::as_str).chain(settings).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stage_says_goes_before_what_all_stages_are_told() {
        let arguments = |given: &[&str]| {
            let builder = Stage::builder().operator_args(given.iter().copied());
            builder.operator_arguments().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(arguments(&["--health-profile", "fast"]).len(), 4);
        assert_eq!(arguments(&["--failover-unconfirmed-after", "9s"]), ["--failover-unconfirmed-after", "9s"]);
        assert_eq!(arguments(&["--failover-unconfirmed-after=9s"]), ["--failover-unconfirmed-after=9s"]);
    }
}
