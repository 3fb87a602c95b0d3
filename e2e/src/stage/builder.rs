//! What a [`Stage`] is made from.

use std::time::Instant;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use tokio::task::spawn_blocking;

use super::{Operator, Programs, Stage};
use crate::fleet::{Fleet, FleetBuilder, control_plane, numbered_names};

/// What the operator is told unless a stage says otherwise: nobody waits half a minute in a test for a loss that the
/// hub alone sees.
const SETTINGS: [(&str, &str); 1] = [("--failover-unconfirmed-after", "3s")];

/// Settings of a stage to be.
#[derive(Clone, Debug)]
pub struct StageBuilder {
    fleet: FleetBuilder,
    join: bool,
    operator_arguments: Vec<String>,
}

impl Default for StageBuilder {
    fn default() -> Self {
        let fleet = Fleet::builder().members(numbered_names(3));
        Self { fleet, join: true, operator_arguments: Vec::new() }
    }
}

impl StageBuilder {
    /// Changes what the fleet is made from; without it, three members and a folder that goes with them.
    #[must_use]
    pub fn fleet(mut self, change: impl FnOnce(FleetBuilder) -> FleetBuilder) -> Self {
        self.fleet = change(self.fleet);
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

    /// Builds what is missing, starts everything and returns when the members have joined and are Ready.
    pub async fn start(self) -> Result<Stage> {
        let progress = self.fleet.progress;
        let programs = Programs::ensure_built(progress).await?;
        // Before the clock starts: it builds for minutes on a new machine.
        spawn_blocking(move || control_plane::ensure_built(progress)).await.context("building the control plane")??;
        let started = Instant::now();
        let fleet = self.fleet.clone().start().await?;
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
        let step = self.fleet.progress.start("starting the operator");
        stage.operator.start().await?;
        step.finish("the operator is ready");
        if self.join { self.join_all(stage).await } else { Ok(()) }
    }

    async fn join_all(&self, stage: &Stage) -> Result<()> {
        let step = self.fleet.progress.start("joining the members");
        try_join_all(self.fleet.members.iter().map(|name| stage.join(name))).await?;
        stage.wait_until_ready(&self.fleet.members).await?;
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
