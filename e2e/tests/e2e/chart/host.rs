//! Mode host: the cluster's own API is the hub.

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::{Fleet, Progress};
use atoll_e2e::stage::Programs;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::cluster::{Cluster, arguments};
use super::processes::{Here, Running, run};
use super::rendering::definition_count;
use crate::harness::{eventually, shared};
use crate::kinds::{CONFIG_MAP, DEPLOYMENT, Kind, NAMESPACE, POLICY};

pub async fn not_permitted() -> Result<()> {
    let fleet = shared().await?;
    let cluster = Cluster::open(fleet.member_client("m3").await?, fleet.member_kubeconfig("m3")?, "chart-host").await?;
    cluster
        .helm("install", &["hub.mode=host", "hub.kinds={configmaps,deployments.apps}", "webhook.enabled=false"])
        .await?;
    let programs = Programs::ensure_built(Progress::Silent).await?;
    let account = cluster.kubeconfig_of("fed-atoll").await?.to_string_lossy().into_owned();
    let deployment = cluster.api(DEPLOYMENT).get("fed-atoll").await?;
    let command = Here::new(&[]).arguments(&arguments(&serde_json::to_value(deployment)?))?;
    let env = [("ATOLL_KUBECONFIG", account.as_str()), ("ATOLL_LISTEN", "127.0.0.1:0")];
    let mut operator = Running::start("operator", cluster.folder(), &programs.operator, &command, &env)?;
    let played = play(&fleet, &cluster, &programs).await;
    let told = operator.told();
    played.with_context(|| told)?;
    operator.end().await?;
    cluster.helm("uninstall", &[]).await?;
    tidy(&cluster).await?;
    cluster.close().await
}

async fn play(fleet: &Fleet, cluster: &Cluster, programs: &Programs) -> Result<()> {
    let [hub, member] = [fleet.member_kubeconfig("m3")?, fleet.member_kubeconfig("m1")?]
        .map(|path| path.to_string_lossy().into_owned());
    let join = ["join", "m1", "--kubeconfig", &hub, "--cluster-kubeconfig", &member].map(str::to_owned);
    run(&programs.cli, &join, &[]).await?;
    let hub = &cluster.client;
    apply(hub, NAMESPACE, "chart-desk", json!({})).await?;
    apply(hub, CONFIG_MAP, "note", json!({"data": {"a": "b"}})).await?;
    for (name, kind) in [("maps", "ConfigMap"), ("secrets", "Secret")] {
        let selectors = json!([{"apiVersion": "v1", "kind": kind, "name": "note"}]);
        apply(hub, POLICY, name, json!({"spec": {"resourceSelectors": selectors}})).await?;
    }
    apply(
        hub,
        POLICY,
        "apps",
        json!({"spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}]}}),
    )
    .await?;
    let told = async |name: &str, reason: &str| {
        let policies = POLICY.api(hub.clone(), "chart-desk");
        eventually(&format!("the policy {name} says {reason}"), || async {
            let policy = policies.get(name).await?;
            let status: Value = policy.data["status"].clone();
            ensure!(status["reason"] == reason, "{status}");
            Ok(status["conditions"][0]["message"].as_str().unwrap_or_default().to_owned())
        })
        .await
    };
    let why = told("secrets", "KindNotPermitted").await?;
    ensure!(why.contains("Secret") && why.contains("hub.kinds"), "it does not say what to do: {why}");
    told("apps", "HubRunsWorkloads").await?;
    told("maps", "Success").await?;
    let copy = CONFIG_MAP.api(fleet.member_client("m1").await?, "chart-desk").get("note").await?;
    ensure!(copy.data["data"]["a"] == "b", "{copy:?}");
    Ok(())
}

async fn apply(hub: &Client, kind: Kind, name: &str, mut object: Value) -> Result<()> {
    object["apiVersion"] = kind.version.into();
    object["kind"] = kind.kind.into();
    object["metadata"]["name"] = name.into();
    let api = kind.api(hub.clone(), "chart-desk");
    api.patch(name, &PatchParams::apply("e2e"), &Patch::Apply(&object))
        .await
        .map(drop)
        .with_context(|| format!("applying {name}"))
}

/// What a release in this mode leaves, which other trials on the fleet must not meet.
async fn tidy(cluster: &Cluster) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let ours = |one: &CustomResourceDefinition| one.annotations().contains_key("helm.sh/resource-policy");
    let left = definitions.list(&kube::api::ListParams::default()).await?.items;
    ensure!(
        left.iter().filter(|one| ours(one)).count() == definition_count()?,
        "the definitions went, and all objects with them"
    );
    free(cluster).await?;
    cluster.delete_all(definitions, ours).await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    for name in ["chart-desk", "karmada-cluster"] {
        namespaces
            .delete(name, &DeleteParams::default())
            .await
            .with_context(|| format!("deleting namespace {name}"))?;
    }
    Ok(())
}

/// Nobody is there any more to take the finalizers off.
async fn free(cluster: &Cluster) -> Result<()> {
    let freed = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    for kind in [crate::kinds::CLUSTER, POLICY, crate::kinds::BINDING] {
        let api = kind.api(cluster.client.clone(), "chart-desk");
        for object in api.list(&kube::api::ListParams::default()).await?.items {
            api.patch(&object.name_any(), &PatchParams::default(), &freed).await.context("freeing an object")?;
        }
    }
    Ok(())
}
