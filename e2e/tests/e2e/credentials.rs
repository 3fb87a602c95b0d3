//! What is wrong with the way into a member is said exactly, and mended without a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use atoll_e2e::stage::Stage;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::trial;
use crate::own_stage::on_stage;
use crate::scenery::{clusters, condition, replace_cluster, stays, told, trusted, watch_condition};

/// Twice what it takes to find an API lost.
const SEVERAL_PROBES: Duration = Duration::from_secs(6);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_token_that_the_member_does_not_know_is_said_to_be_that", || async { on_stage(wrong_token).await }),
        trial("a_certificate_of_another_authority_is_said_to_be_that", || async { on_stage(wrong_authority).await }),
        trial("a_ca_bundle_that_is_none_is_said_to_be_that", || async { on_stage(garbage_authority).await }),
        trial("an_endpoint_that_refuses_is_said_to_be_that", || async { on_stage(refusing_endpoint).await }),
        trial("an_endpoint_where_nobody_answers_is_said_to_be_that", || async { on_stage(no_endpoint).await }),
    ]
}

async fn wrong_token(stage: &Stage) -> Result<()> {
    let good = data_of(stage, "m3").await?;
    let wrong = with(&good, "token", b"not-a-token");
    complain(stage, "m3", (&good, wrong), ("CredentialsRejected", "token")).await
}

async fn wrong_authority(stage: &Stage) -> Result<()> {
    let good = data_of(stage, "m3").await?;
    let of_another = data_of(stage, "m1").await?;
    let bundle = of_another.get("caBundle").context("the caBundle of m1")?;
    let wrong = with(&good, "caBundle", &bundle.0);
    complain(stage, "m3", (&good, wrong), ("CertificateNotTrusted", "caBundle")).await
}

/// What works goes on with the last good bundle, and a person is told; a start finds none.
async fn garbage_authority(stage: &Stage) -> Result<()> {
    let good = data_of(stage, "m3").await?;
    put_data(stage, "m3", &with(&good, "caBundle", b"garbage")).await?;
    told(stage, "m3", "CredentialsInvalid", "no PEM certificate").await?;
    stays("m3 stays Ready", SEVERAL_PROBES, (clusters(stage), "m3"), |seen| {
        let ready = seen.and_then(|cluster| condition(cluster, "Ready"));
        if ready.is_some_and(|held| held.status == "True") { Ok(()) } else { Err(format!("{ready:?}")) }
    })
    .await?;
    stage.operator().restart().await?;
    watch_condition(stage, ("m3", "Ready"), "says that the caBundle is none", |held| {
        held.status == "False" && held.reason == "CredentialsInvalid" && held.message.contains("no PEM certificate")
    })
    .await?;
    put_data(stage, "m3", &good).await?;
    trusted(stage, "m3").await
}

async fn refusing_endpoint(stage: &Stage) -> Result<()> {
    let right = clusters(stage).get("m3").await?.spec.api_endpoint.context("the endpoint of m3")?;
    let refusing = right.replace(":6443", ":6444");
    replace_cluster(stage, "m3", |cluster| cluster.spec.api_endpoint = Some(refusing.clone())).await?;
    watch_condition(stage, ("m3", "Ready"), "says that the connection is refused there", |held| {
        let is_exact = held.message.contains("refused") && held.message.contains(":6444");
        held.status == "False" && held.reason != "ClusterNotReachable" && is_exact
    })
    .await?;
    replace_cluster(stage, "m3", |cluster| cluster.spec.api_endpoint = Some(right.clone())).await?;
    trusted(stage, "m3").await
}

async fn no_endpoint(stage: &Stage) -> Result<()> {
    let right = clusters(stage).get("m3").await?.spec.api_endpoint.context("the endpoint of m3")?;
    // The kernel takes connections, and nobody ever says a word on them.
    let nobody = TcpListener::bind("127.0.0.1:0").await?;
    let nowhere = format!("https://{}", nobody.local_addr()?);
    replace_cluster(stage, "m3", |cluster| cluster.spec.api_endpoint = Some(nowhere.clone())).await?;
    watch_condition(stage, ("m3", "Ready"), "says that nobody answers", |held| {
        held.status == "False" && held.reason == "ClusterNotReachable" && held.message.contains("silent")
    })
    .await?;
    replace_cluster(stage, "m3", |cluster| cluster.spec.api_endpoint = Some(right.clone())).await?;
    trusted(stage, "m3").await
}

/// Puts wrong credentials in the place of good ones, hears the complaint, and mends it.
async fn complain(
    stage: &Stage,
    name: &str,
    (good, wrong): (&BTreeMap<String, ByteString>, BTreeMap<String, ByteString>),
    (reason, word): (&str, &str),
) -> Result<()> {
    put_data(stage, name, &wrong).await?;
    watch_condition(stage, (name, "Ready"), &format!("says {reason}: {word}"), |held| {
        held.status == "False" && held.reason == reason && held.message.contains(word)
    })
    .await?;
    put_data(stage, name, good).await?;
    watch_condition(stage, (name, "Ready"), "is True again", |held| held.status == "True").await?;
    trusted(stage, name).await
}

async fn secret(stage: &Stage, name: &str) -> Result<(Api<Secret>, String)> {
    let cluster = clusters(stage).get(name).await?;
    let reference = cluster.spec.secret_ref.with_context(|| format!("the Secret of {name}"))?;
    Ok((Api::namespaced(stage.hub(), &reference.namespace), reference.name))
}

async fn data_of(stage: &Stage, name: &str) -> Result<BTreeMap<String, ByteString>> {
    let (secrets, secret) = secret(stage, name).await?;
    secrets.get(&secret).await?.data.context("the Secret has data")
}

async fn put_data(stage: &Stage, name: &str, data: &BTreeMap<String, ByteString>) -> Result<()> {
    let (secrets, secret) = secret(stage, name).await?;
    let written = secrets.patch(&secret, &PatchParams::default(), &Patch::Merge(json!({"data": data}))).await?;
    // As joining again would; a Secret that changes alone is noticed within 20 s.
    let version = written.metadata.resource_version.unwrap_or_default();
    replace_cluster(stage, name, |cluster| {
        cluster.annotations_mut().insert("example.dev/credentials".to_owned(), version.clone());
    })
    .await
}

fn with(data: &BTreeMap<String, ByteString>, key: &str, value: &[u8]) -> BTreeMap<String, ByteString> {
    let mut data = data.clone();
    data.insert(key.to_owned(), ByteString(value.to_vec()));
    data
}
