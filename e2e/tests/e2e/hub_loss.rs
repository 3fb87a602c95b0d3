//! A hub that goes away under a running operator, and comes back as it was or older.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_crds::ResourceBinding;
use atoll_e2e::fleet::{ComponentKind, HUB, Layout};
use atoll_e2e::stage::Stage;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use libtest_mimic::Trial;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{PATIENCE, Template, namespace, settled, stays, targets, token, told, trusted, watch_condition};

const SPACE: &str = "hub-loss";
/// Enough for a usual back-off to reach half a minute.
const AWAY: Duration = Duration::from_secs(15);
/// A Lease is taken again and every watch resumed within this.
const AT_ONCE: Duration = Duration::from_secs(12);
/// Longer than old content takes to arrive that nobody holds.
const A_WHILE: Duration = Duration::from_secs(4);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_hub_put_back_to_a_backup_under_a_running_operator_changes_nothing_until_a_person_approves", restored),
        trial("a_hub_and_a_member_that_were_away_for_long_are_served_again_within_seconds", away),
    ]
}

async fn away() -> Result<()> {
    on_stage(async |stage| {
        let copies: Api<ConfigMap> = Api::namespaced(stage.observer("m1").await?, SPACE);
        let is_there = |seen: Option<&ConfigMap>| value_is(seen, "there");
        let arrives = async |name: &str| {
            stage.watch_one(&format!("{name} comes at once"), AT_ONCE, (copies.clone(), name), is_there).await
        };
        stage.apply_yaml(&(namespace(SPACE) + &placed("before", "there"))).await?;
        arrives("before").await?;

        stage.fleet().kill(HUB, ComponentKind::Apiserver).await?;
        stays("a copy of a hub that is away", AWAY, (copies.clone(), "before"), is_there).await?;
        stage.fleet().restart(HUB, ComponentKind::Apiserver).await?;
        stage.apply_yaml(&placed("after-the-hub", "there")).await?;
        arrives("after-the-hub").await?;

        stage.fleet().kill("m1", ComponentKind::Apiserver).await?;
        let bindings: Api<ResourceBinding> = Api::namespaced(stage.hub(), SPACE);
        let is_placed = |seen: Option<&ResourceBinding>| match seen.map(targets) {
            Some(on) if on == ["m1"] => Ok(()),
            other => Err(format!("{other:?}")),
        };
        stays("the place of a member that is away", AWAY, (bindings, "before-configmap"), is_placed).await?;
        stage.fleet().restart("m1", ComponentKind::Apiserver).await?;
        copies.delete("before", &DeleteParams::default()).await?;
        arrives("before").await?;
        trusted(stage, "m1").await
    })
    .await
}

async fn restored() -> Result<()> {
    let stage = Stage::builder().fleet(|fleet| fleet.members(["m1"]).keep_data(true)).start().await?;
    let outcome = put_back(&stage).await;
    let ended = stage.shutdown().await;
    outcome.and(ended)
}

async fn put_back(stage: &Stage) -> Result<()> {
    let copies: Api<ConfigMap> = Api::namespaced(stage.member("m1").await?, SPACE);
    stage.apply_yaml(&(namespace(SPACE) + &placed("settings", "old"))).await?;
    says(stage, &copies, "settings", "old").await?;
    let backup = Backup::take(stage).await?;

    stage.apply_yaml(&(placed("settings", "new") + &placed("later", "new"))).await?;
    says(stage, &copies, "settings", "new").await?;
    settled(stage, Template::config_map(SPACE, "later"), &["m1"]).await?;
    marked_after(stage, backup.version).await?;
    let process = stage.operator().id();

    backup.restore(stage).await?;
    let held = watch_condition(stage, ("m1", "DeletesPaused"), "says that the hub came back older", |held| {
        held.status == "True" && held.reason == "HubRolledBack"
    });
    let token = token(&held.await?.message, "m1").context("a token in the message")?;
    for name in ["settings", "later"] {
        stays("a copy from after the backup", A_WHILE, (copies.clone(), name), |seen| value_is(seen, "new")).await?;
    }
    ensure!(stage.operator().id() == process, "the operator ended");

    stage.cli(&["approve-deletes", "m1", &token]).await?;
    says(stage, &copies, "settings", "old").await?;
    // The restored hub never heard of it: an orphan is reported, not deleted.
    told(stage, "m1", "OrphansFound", "later").await?;
    value_is(copies.get_opt("later").await?.as_ref(), "new").map_err(anyhow::Error::msg)
}

/// A `ConfigMap` with this value, and its policy.
fn placed(name: &str, value: &str) -> String {
    let map = format!(
        "\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {SPACE}}}\ndata: {{value: {value}}}\n---"
    );
    map + &Template::config_map(SPACE, name).policy("{clusterAffinity: {clusterNames: [m1]}}")
}

async fn says(stage: &Stage, copies: &Api<ConfigMap>, name: &str, value: &str) -> Result<()> {
    let what = format!("the copy of {name} says {value}");
    stage.watch_one(&what, PATIENCE, (copies.clone(), name), |seen| value_is(seen, value)).await
}

fn value_is(copy: Option<&ConfigMap>, value: &str) -> Result<(), String> {
    let found = copy.and_then(|copy| copy.data.as_ref()?.get("value"));
    if found.is_some_and(|found| found == value) { Ok(()) } else { Err(format!("{found:?}")) }
}

/// Waits until the member remembers a state of the hub that is newer than `version`.
async fn marked_after(stage: &Stage, version: u64) -> Result<()> {
    let marks: Api<ConfigMap> = Api::namespaced(stage.member("m1").await?, "karmada-cluster");
    stage
        .watch_one("the member remembers the newer hub", PATIENCE, (marks, "atoll-hub"), |seen| {
            let found = seen.and_then(|map| map.data.as_ref()?.get("resourceVersion")?.parse::<u64>().ok());
            if found > Some(version) { Ok(()) } else { Err(format!("{found:?}, not above {version}")) }
        })
        .await
}

/// A copy of the hub's store.
struct Backup {
    store: PathBuf,
    copy: PathBuf,
    /// Where the hub was.
    version: u64,
}

impl Backup {
    async fn take(stage: &Stage) -> Result<Self> {
        let all: Api<ConfigMap> = Api::all(stage.hub());
        let list = all.list_metadata(&ListParams::default().limit(1)).await.context("asking the hub where it is")?;
        let version = list.metadata.resource_version.context("a list has a version")?.parse()?;
        let store = Layout::new(stage.fleet().dir())?.cluster_data(HUB).join("etcd");
        let backup = Self { copy: store.with_extension("backup"), store, version };
        backup.with_a_stopped_store(stage, || copy(&backup.store, &backup.copy)).await?;
        Ok(backup)
    }

    async fn restore(&self, stage: &Stage) -> Result<()> {
        let put_back = || {
            std::fs::remove_dir_all(&self.store).with_context(|| format!("removing {}", self.store.display()))?;
            copy(&self.copy, &self.store)
        };
        self.with_a_stopped_store(stage, put_back).await
    }

    async fn with_a_stopped_store(&self, stage: &Stage, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let fleet = stage.fleet();
        fleet.kill(HUB, ComponentKind::Apiserver).await?;
        fleet.kill(HUB, ComponentKind::Etcd).await?;
        work()?;
        fleet.restart(HUB, ComponentKind::Etcd).await?;
        fleet.restart(HUB, ComponentKind::Apiserver).await
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().context("starting cp")?;
    ensure!(copied.success(), "copying {} to {}: {copied}", from.display(), to.display());
    Ok(())
}
