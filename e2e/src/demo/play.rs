//! What all chapters share: the stage, who tells, what was measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_crds::work::binding::TargetCluster;
use futures::future::try_join_all;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::Instant;

use super::isolation::{TOLERATED_FOR, UNCONFIRMED_AFTER};
use super::narrator::Narrator;
use super::watched::{Copy, Watched};
use super::{Figures, Settings};
use crate::fleet::{Progress, numbered_names};
use crate::stage::Stage;

/// Where the app lives.
pub const NAMESPACE: &str = "shop";
/// The app's Deployment.
pub const APP: &str = "web";
/// How long one step may take before the demo gives up: far more than on a machine that does nothing else.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A running demo.
pub struct Play<'a> {
    /// Who tells.
    pub narrator: &'a Narrator,
    /// What was measured so far; whoever gave it has it also when the demo is interrupted.
    pub figures: &'a mut Figures,
    /// Names of the members.
    pub members: Vec<String>,
    /// What is watched; set once the kinds of the hub are there.
    pub watched: Watched,
    /// Clusters and operator.
    pub stage: Stage,
    /// The fleet's folder when nobody named one. Removed after everything in it has ended.
    folder: Option<TempDir>,
}

impl<'a> Play<'a> {
    /// Starts clusters and operator.
    pub async fn start(settings: &Settings, narrator: &'a Narrator, figures: &'a mut Figures) -> Result<Self> {
        let members = numbered_names(settings.members);
        narrator.chapter(&format!("A hub and {} clusters on this machine", members.len()));
        let (folder, dir) = folder(settings)?;
        let stage = Stage::builder()
            .fleet(|fleet| fleet.members(&members).dir(&dir).progress(Progress::for_stderr()))
            .join(false)
            .operator_args(["--failover-unconfirmed-after", UNCONFIRMED_AFTER, "--failover-after", TOLERATED_FOR])
            .start()
            .await?;
        let watched = Watched::start(&stage, &members).await?;
        Ok(Self { narrator, figures, members, watched, stage, folder })
    }

    /// Ends everything.
    pub async fn end(self) -> Result<()> {
        drop(self.watched);
        self.stage.shutdown().await
    }

    /// Leaves the fleet's folder to whoever ends the fleet, and hands out the stage.
    pub fn keep(self) -> Stage {
        let _kept = self.folder.map(TempDir::keep);
        self.stage
    }

    /// Runs a read-only kubectl command on the hub, and shows both.
    pub async fn show_kubectl(&self, command: &str) -> Result<()> {
        let fleet = self.stage.fleet();
        let cache = tempfile::tempdir().context("making a folder for kubectl")?;
        let output = Command::new(&fleet.description().control_plane)
            .arg("kubectl")
            .args(command.split_whitespace())
            .env("KUBECONFIG", fleet.hub_kubeconfig())
            .env("KUBECACHEDIR", cache.path())
            .output()
            .await
            .context("running kubectl")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`kubectl {command}` failed: {}", said.trim());
        self.narrator.command(&format!("kubectl {command}"), &String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// Waits until these clusters have their replicas Ready; returns when the last of them was seen so.
    pub async fn wait_until_ready(&self, targets: &[TargetCluster]) -> Result<Instant> {
        let waits = targets.iter().map(async |target| {
            let wanted = target.replicas.context("the app's replicas are divided")?;
            let what = format!("{}/{APP} has {wanted} replicas Ready on {}", NAMESPACE, target.name);
            let ready = |copy: Option<&Copy>| match copy {
                Some(copy) if (copy.replicas, copy.ready) == (wanted, wanted) => Ok(()),
                Some(copy) => Err(format!("{} of {} are Ready", copy.ready, copy.replicas)),
                None => Err("it is not there".to_owned()),
            };
            self.watched.copy(&target.name)?.settled((&what, APP), PATIENCE, ready).await
        });
        try_join_all(waits).await?.into_iter().max().context("the app runs nowhere")
    }

    /// A manifest of the demo.
    pub fn manifest(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(name)
    }
}

fn folder(settings: &Settings) -> Result<(Option<TempDir>, PathBuf)> {
    if let Some(dir) = &settings.dir {
        return Ok((None, dir.clone()));
    }
    let folder = tempfile::Builder::new().prefix("atoll-demo-").tempdir().context("making the fleet's folder")?;
    let dir = folder.path().to_owned();
    Ok((Some(folder), dir))
}

/// `m1 2, m2 2`
pub fn render_targets(targets: &[TargetCluster]) -> String {
    let parts = targets.iter().map(|target| match target.replicas {
        Some(replicas) => format!("{} {replicas}", target.name),
        None => target.name.clone(),
    });
    parts.collect::<Vec<_>>().join(", ")
}
