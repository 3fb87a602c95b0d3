//! One sick member costs only itself.

use std::time::Duration;

use anyhow::{Result, ensure};
use atoll_e2e::stage::Stage;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::Instant;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{PATIENCE, Template, namespace, settled, trusted};

/// Changes in a row; the median of so many is calm enough for a factor of two.
const ROUNDS: usize = 15;
/// What a busy machine adds to any of them, whoever is cut off.
const NOISE: Duration = Duration::from_millis(50);

pub fn trials() -> Vec<Trial> {
    vec![trial("a_black_holed_member_does_not_slow_the_others", || async { on_stage(black_hole).await })]
}

async fn black_hole(stage: &Stage) -> Result<()> {
    let settings = Template::config_map("bulkhead", "settings");
    let data = "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: bulkhead}\n---";
    let placement = "{clusterAffinity: {clusterNames: [m1, m2, m3]}}";
    stage.apply_yaml(&(namespace("bulkhead") + data + &settings.policy(placement))).await?;
    settled(stage, settings, &["m1", "m2", "m3"]).await?;
    let before = median(stage, "before").await?;
    stage.fleet().faults().isolate("m3").await?;
    // From the first lost packet on: the worst is what nobody has judged yet.
    let during = median(stage, "during").await?;
    stage.fleet().faults().reconnect("m3").await?;
    ensure!(during <= before * 2 + NOISE, "a change took {during:?} with a member cut off, {before:?} without");
    trusted(stage, "m3").await?;
    settled(stage, settings, &["m1", "m2", "m3"]).await.map(drop)
}

async fn median(stage: &Stage, phase: &str) -> Result<Duration> {
    let (one, two) = (stage.member("m1").await?, stage.member("m2").await?);
    let copies = [one, two].map(|member| Api::<ConfigMap>::namespaced(member, "bulkhead"));
    let template: Api<ConfigMap> = Api::namespaced(stage.hub(), "bulkhead");
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let value = format!("{phase}-{round}");
        let started = Instant::now();
        let patch = Patch::Merge(json!({"data": {"round": value}}));
        template.patch("settings", &PatchParams::default(), &patch).await?;
        let arrives = |copies: &Api<ConfigMap>| {
            let (copies, value) = (copies.clone(), value.clone());
            stage.watch_one("the change arrives", PATIENCE, (copies, "settings"), move |seen| {
                let found = seen.and_then(|copy| copy.data.as_ref()?.get("round").cloned());
                if found.as_ref() == Some(&value) { Ok(()) } else { Err(format!("{found:?} instead of {value}")) }
            })
        };
        tokio::try_join!(arrives(&copies[0]), arrives(&copies[1]))?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}
