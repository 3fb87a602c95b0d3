//! An operator that cannot work says why, and ends.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::Progress;
use atoll_e2e::stage::Programs;
use libtest_mimic::Trial;
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{shared, trial};

/// What cannot begin is known within seconds.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

pub fn trials() -> Vec<Trial> {
    vec![trial("a_hub_without_the_definitions_is_told_with_the_flag_that_installs_them", no_definitions)]
}

async fn no_definitions() -> Result<()> {
    let fleet = shared().await?;
    let programs = Programs::ensure_built(Progress::Silent).await?;
    let kubeconfig = fleet.hub_kubeconfig().to_string_lossy().into_owned();
    let operator = Command::new(&programs.operator)
        .args(["run", "--kubeconfig", &kubeconfig, "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = timeout(ENDS_WITHIN, operator).await.context("the operator runs on")?.context("starting it")?;
    let told = String::from_utf8_lossy(&ended.stderr);
    ensure!(!ended.status.success(), "it ended well: {told}");
    for word in ["clusters.cluster.karmada.io", "resourcebindings.work.karmada.io", "--install-crds"] {
        ensure!(told.contains(word), "it does not speak of {word}: {told}");
    }
    Ok(())
}
