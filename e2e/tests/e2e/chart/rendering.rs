//! What the chart renders, without a cluster.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::Progress;
use atoll_e2e::helm::{Helm, chart};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const EXTERNAL: [&str; 2] = ["hub.mode=external", "hub.external.kubeconfigSecret.name=hub"];

/// Helm with a folder of its own.
pub async fn helm() -> Result<(Helm, TempDir)> {
    let home = tempfile::tempdir().context("making a folder for Helm")?;
    let path = home.path().to_owned();
    let built =
        spawn_blocking(move || Helm::ensure_built(&path, Progress::Silent)).await.context("building Helm")??;
    Ok((built, home))
}

/// The rendered documents with these settings.
pub fn render(helm: &Helm, settings: &[&str]) -> Result<Vec<Value>> {
    let chart = chart().to_string_lossy().into_owned();
    let mut arguments = vec!["template", "fed", &chart, "--namespace", "fed"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let text = helm.run(&arguments)?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).context("reading what was rendered")?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn kinds(documents: &[Value]) -> BTreeSet<String> {
    let told = documents.iter().map(|one| format!("{}/{}", one["kind"].as_str().unwrap_or("?"), name(one)));
    told.collect()
}

pub fn name(document: &Value) -> &str {
    document["metadata"]["name"].as_str().unwrap_or_default()
}

pub async fn every_mode() -> Result<()> {
    let (helm, _home) = helm().await?;
    let chart = chart().to_string_lossy().into_owned();
    helm.run(&["lint", "--strict", &chart])?;
    let dedicated = kinds(&render(&helm, &[])?);
    for wanted in ["StatefulSet/fed-atoll-hub-etcd", "Deployment/fed-atoll-hub-apiserver", "Deployment/fed-atoll"] {
        ensure!(dedicated.contains(wanted), "{wanted} is missing in {dedicated:?}");
    }
    ensure!(
        !dedicated.iter().any(|one| one.starts_with("CustomResource")),
        "the hub has the definitions, not the host"
    );
    let external = kinds(&render(&helm, &EXTERNAL)?);
    ensure!(!external.iter().any(|one| one.contains("etcd") || one.starts_with("Cluster")), "{external:?}");
    let host = render(&helm, &["hub.mode=host"])?;
    let definitions = host.iter().filter(|one| one["kind"] == "CustomResourceDefinition");
    ensure!(definitions.clone().count() == definition_count()?, "{:?}", kinds(&host));
    for definition in definitions {
        let policy = &definition["metadata"]["annotations"]["helm.sh/resource-policy"];
        ensure!(policy == "keep", "{} would go with the release, and all its objects with it", name(definition));
    }
    every_pod_is_restricted(&render(&helm, &[])?)?;
    every_pod_is_restricted(&host)
}

/// How many definitions there are.
pub fn definition_count() -> Result<usize> {
    let folder = chart().join("../../crds/yaml");
    Ok(std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?.count())
}

/// What the server checks at an install is in the way only where a namespace asks for it; this holds everywhere.
fn every_pod_is_restricted(documents: &[Value]) -> Result<()> {
    let mut pods = 0;
    for document in documents {
        let spec = match document["kind"].as_str() {
            Some("Deployment" | "StatefulSet" | "Job") => &document["spec"]["template"]["spec"],
            Some("CronJob") => &document["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            _ => continue,
        };
        ensure!(spec["securityContext"]["runAsNonRoot"] == true, "{}: {spec}", name(document));
        ensure!(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "{}", name(document));
        for container in spec["containers"].as_array().into_iter().flatten() {
            let security = &container["securityContext"];
            ensure!(security["readOnlyRootFilesystem"] == true, "{}", name(document));
            ensure!(security["allowPrivilegeEscalation"] == false, "{}", name(document));
            ensure!(security["capabilities"]["drop"][0] == "ALL", "{}", name(document));
            ensure!(container["resources"]["limits"]["memory"].is_string(), "{} has no limit", name(document));
            pods += 1;
        }
    }
    ensure!(pods > 1, "no pod was looked at");
    Ok(())
}

pub async fn refusals() -> Result<()> {
    let (helm, _home) = helm().await?;
    let chart = chart().to_string_lossy().into_owned();
    let cases: [(&[&str], &str); 10] = [
        (&["hub.mod=external"], "'mod' not allowed"),
        (&["hub.mode=other"], "/hub/mode"),
        (&["operator.replica=3"], "'replica' not allowed"),
        (&["operator.replicas=0"], "/operator/replicas"),
        (&["operator.failoverAfter=soon"], "/operator/failoverAfter"),
        (&["image.digest=sha256:abc"], "/image/digest"),
        (&["webhook.url=http://operator"], "/webhook/url"),
        (&["hub.mode=external"], "hub.external.kubeconfigSecret.name is empty"),
        (&["hub.mode=host", "hub.kinds=null"], "hub.kinds is empty"),
        (&["operator.podDisruptionBudget.minAvailable=2"], "no pod could ever be moved; at most 1"),
    ];
    for (settings, wanted) in cases {
        let mut arguments = vec!["template", "fed", &chart];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        let told = helm.refuse(&arguments)?;
        ensure!(told.contains(wanted), "{settings:?} is refused without {wanted:?}: {told}");
    }
    Ok(())
}

pub async fn switches() -> Result<()> {
    let (helm, _home) = helm().await?;
    let monitored = [
        "monitoring.serviceMonitor.enabled=true",
        "monitoring.rules.enabled=true",
        "monitoring.dashboard.enabled=true",
    ];
    let (plain, all) = (kinds(&render(&helm, &[])?), render(&helm, &monitored)?);
    let more: BTreeSet<_> = kinds(&all).difference(&plain).cloned().collect();
    let wanted = ["ConfigMap/fed-atoll-dashboard", "PrometheusRule/fed-atoll", "ServiceMonitor/fed-atoll"];
    ensure!(more.iter().map(String::as_str).eq(wanted), "{more:?}");
    let rules = all.iter().find(|one| one["kind"] == "PrometheusRule").context("the rules")?;
    let group = &rules["spec"]["groups"][0];
    ensure!(
        group["rules"][0]["expr"].is_string() && group["rules"][0]["annotations"]["summary"].is_string(),
        "{group}"
    );
    let without = render(&helm, &["networkPolicy.enabled=false", "operator.replicas=1", "pki.renewal.enabled=false"])?;
    let gone: BTreeSet<String> =
        plain.difference(&kinds(&without)).map(|one| one.split('/').next().unwrap_or("").to_owned()).collect();
    ensure!(
        gone.contains("NetworkPolicy") && gone.contains("PodDisruptionBudget") && gone.contains("CronJob"),
        "{gone:?}"
    );
    let etcd = |documents: &[Value]| documents.iter().find(|one| one["kind"] == "StatefulSet").cloned().context("etcd");
    let ephemeral = etcd(&render(&helm, &["hub.dedicated.etcd.persistence.enabled=false"])?)?;
    ensure!(ephemeral["spec"]["volumeClaimTemplates"].is_null(), "{ephemeral}");
    ensure!(etcd(&render(&helm, &[])?)?["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "data");
    Ok(())
}
