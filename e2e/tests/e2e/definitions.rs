//! The definitions on a real hub: it takes them, it takes an object of every kind, and it refuses wrong ones with the
//! field and the value.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use atoll_e2e::fleet::Fleet;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::trial;

/// A definition is served within a second; the API server may be busy with the other twenty.
const ESTABLISHED_DEADLINE: Duration = Duration::from_secs(30);

pub fn trials() -> Vec<Trial> {
    vec![trial("a_hub_takes_every_definition_and_examples_and_refuses_what_is_wrong_by_field_and_value", taken)]
}

async fn taken() -> Result<()> {
    let fleet = Fleet::builder().faults(false).start().await?;
    let client = fleet.hub_client().await?;
    let definitions = atoll_crds::all_crds();
    install(&client, &definitions).await?;
    for definition in &definitions {
        let name = definition.name_any();
        let object = example(&definition.spec.names.plural)?;
        create(&client, definition, &object).await.with_context(|| format!("the example of {name}"))?;
    }
    let wrongs = wrongs();
    let mut failures = Vec::new();
    for wrong in &wrongs {
        let definition = definitions.iter().find(|definition| definition.spec.names.plural == wrong.plural);
        let definition = definition.with_context(|| format!("no kind {}", wrong.plural))?;
        let mut object = example(wrong.plural)?;
        let place = object.pointer_mut(wrong.place).with_context(|| format!("{} has no {}", wrong.plural, wrong.place));
        *place? = wrong.value.clone();
        if let Err(missing) = refused(&client, definition, &object, wrong.words).await {
            failures.push(format!("{} with {} at {}: {missing:#}", wrong.plural, wrong.value, wrong.place));
        }
    }
    fleet.shutdown().await?;
    ensure!(failures.is_empty(), "{} of {}:\n{}", failures.len(), wrongs.len(), failures.join("\n"));
    Ok(())
}

/// Applies the definitions as the operator does and waits until each is served and found whole.
async fn install(client: &Client, definitions: &[CustomResourceDefinition]) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in definitions {
        let name = definition.name_any();
        let parameters = PatchParams::apply("test").force();
        match api.patch(&name, &parameters, &Patch::Apply(definition)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) => bail!("{name} is not taken: {}", status.message),
            Err(error) => return Err(error).with_context(|| format!("applying {name}")),
        }
    }
    for definition in definitions {
        let name = definition.name_any();
        let served = await_condition(api.clone(), &name, conditions::is_crd_established());
        timeout(ESTABLISHED_DEADLINE, served).await.with_context(|| format!("{name} is not served"))??;
        let status = api.get(&name).await?.status.unwrap_or_default();
        let bad = status.conditions.into_iter().flatten().find(|condition| condition.type_ == "NonStructuralSchema");
        ensure!(bad.is_none(), "{name}: {bad:?}");
    }
    Ok(())
}

/// The example of a kind, by its plural.
fn example(plural: &str) -> Result<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/examples");
    let path = folder.join(format!("{plural}.yaml"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| path.display().to_string())
}

fn api(client: &Client, definition: &CustomResourceDefinition) -> Api<DynamicObject> {
    let spec = &definition.spec;
    let kind = GroupVersionKind::gvk(&spec.group, &spec.versions[0].name, &spec.names.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &spec.names.plural);
    if spec.scope == "Namespaced" {
        Api::namespaced_with(client.clone(), "default", &resource)
    } else {
        Api::all_with(client.clone(), &resource)
    }
}

/// Creates an object and finds every field of it again: nothing was pruned.
async fn create(client: &Client, definition: &CustomResourceDefinition, object: &Value) -> Result<()> {
    let sent: DynamicObject = serde_json::from_value(object.clone())?;
    let held = api(client, definition).create(&PostParams::default(), &sent).await?;
    let held = serde_json::to_value(held)?;
    for part in ["spec", "webhooks"] {
        ensure!(held[part] == object[part], "{part} is kept as {}", held[part]);
    }
    Ok(())
}

/// Tries to write an object over the example and looks for `words` in what the API server says.
async fn refused(client: &Client, definition: &CustomResourceDefinition, object: &Value, words: &[&str]) -> Result<()> {
    let api = api(client, definition);
    let mut sent: DynamicObject = serde_json::from_value(object.clone())?;
    let name = sent.name_any();
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let answer = match api.get_opt(&name).await? {
        Some(held) => {
            sent.metadata.resource_version = held.metadata.resource_version;
            api.replace(&name, &parameters, &sent).await
        }
        None => api.create(&parameters, &sent).await,
    };
    let said = match answer {
        Ok(_) => bail!("it is taken"),
        Err(kube::Error::Api(status)) if status.code == 422 => status.message,
        Err(error) => return Err(error.into()),
    };
    let missing: Vec<&&str> = words.iter().filter(|word| !said.contains(**word)).collect();
    ensure!(missing.is_empty(), "no word of {missing:?}: {said}");
    Ok(())
}

/// One thing that is wrong.
struct Wrong {
    plural: &'static str,
    /// Where in the example, as a JSON pointer to something that is there.
    place: &'static str,
    value: Value,
    /// What the answer speaks of: the field, and the value or what would be right.
    words: &'static [&'static str],
}

fn wrong(plural: &'static str, place: &'static str, value: Value, words: &'static [&'static str]) -> Wrong {
    Wrong { plural, place, value, words }
}

fn wrongs() -> Vec<Wrong> {
    let mut wrongs = quotas_and_taints();
    wrongs.extend(autoscalers());
    wrongs.extend(services());
    wrongs.extend(others());
    wrongs
}

fn quotas_and_taints() -> Vec<Wrong> {
    const QUOTA: &str = "federatedresourcequotas";
    const TAINT: &str = "clustertaintpolicies";
    let taint = json!({"key": "a.example.com/b", "effect": "NoSchedule"});
    vec![
        wrong(QUOTA, "/metadata/name", json!("q".repeat(64)), &["metadata.name", "63"]),
        wrong(QUOTA, "/spec/overall/pods", json!("-3"), &["spec.overall.pods", "-3"]),
        wrong(QUOTA, "/spec/overall/pods", json!(-3), &["spec.overall.pods", "-3", "greater than or equal to 0"]),
        wrong(QUOTA, "/spec/staticAssignments/0/clusterName", json!("M1"), &["staticAssignments[0].clusterName", "M1"]),
        wrong(QUOTA, "/spec/staticAssignments/1/hard", json!({"secrets": "1"}), &["overall", "not so for cluster m2"]),
        wrong(TAINT, "/spec/taints", json!([]), &["spec.taints", "at least 1"]),
        wrong(TAINT, "/spec/taints", json!([taint, taint]), &["spec.taints[1]", "Duplicate", "a.example.com/b"]),
        wrong(TAINT, "/spec/taints/0/effect", json!("NoWay"), &["spec.taints[0].effect", "NoWay", "NoExecute"]),
        wrong(TAINT, "/spec/addOnConditions/0/operator", json!("Is"), &["addOnConditions[0].operator", "Is", "NotIn"]),
        wrong(
            TAINT,
            "/spec/removeOnConditions/0/statusValues/0",
            json!("Maybe"),
            &["removeOnConditions[0].statusValues[0]", "Maybe"],
        ),
    ]
}

fn autoscalers() -> Vec<Wrong> {
    const HPA: &str = "federatedhpas";
    const CRON: &str = "cronfederatedhpas";
    vec![
        wrong(HPA, "/spec/minReplicas", json!(0), &["spec.minReplicas", "0", "greater than or equal to 1"]),
        wrong(HPA, "/spec/maxReplicas", json!(0), &["spec.maxReplicas", "0"]),
        wrong(HPA, "/spec/minReplicas", json!(13), &["minReplicas is 13", "maxReplicas, which is 12"]),
        wrong(HPA, "/spec/scaleTargetRef/name", json!("a/b"), &["spec.scaleTargetRef.name", "a/b"]),
        wrong(HPA, "/spec/metrics/0/type", json!("External"), &["spec.metrics[0].type", "External", "Pods"]),
        wrong(HPA, "/spec/metrics/0/type", json!("Pods"), &["spec.metrics[0]", "a metric of type Pods"]),
        wrong(
            HPA,
            "/spec/metrics/0/resource/target/averageUtilization",
            json!(0),
            &["spec.metrics[0].resource.target.averageUtilization", "0"],
        ),
        wrong(HPA, "/spec/metrics/0/resource/target", json!({"type": "Utilization"}), &["metrics[0].resource.target"]),
        wrong(
            HPA,
            "/spec/metrics/3/object/target/value",
            json!("-40"),
            &["spec.metrics[3].object.target.value", "-40"],
        ),
        wrong(
            HPA,
            "/spec/behavior/scaleDown/stabilizationWindowSeconds",
            json!(3601),
            &["spec.behavior.scaleDown.stabilizationWindowSeconds", "3601", "3600"],
        ),
        wrong(HPA, "/spec/behavior/scaleUp/policies", json!([]), &["spec.behavior.scaleUp.policies"]),
        wrong(HPA, "/spec/behavior/scaleUp/selectPolicy", json!("Most"), &["scaleUp.selectPolicy", "Most", "Max"]),
        wrong(CRON, "/spec/rules/1/name", json!("morning"), &["spec.rules[1]", "Duplicate", "morning"]),
        wrong(CRON, "/spec/rules/1/targetMinReplicas", json!(9), &["spec.rules[1]", "targetMinReplicas is 9", "8"]),
        wrong(CRON, "/spec/scaleTargetRef/kind", json!("Deployment"), &["spec.scaleTargetRef", "kind is Deployment"]),
        wrong(CRON, "/spec/scaleTargetRef/apiVersion", json!("apps/v1"), &["targetReplicas", "not so in rule morning"]),
        wrong(CRON, "/spec/rules/0", json!({"name": "a", "schedule": "* * * * *"}), &["not so in rule a"]),
        wrong(CRON, "/spec/rules/0/successfulHistoryLimit", json!(33), &["successfulHistoryLimit", "33", "32"]),
    ]
}

fn services() -> Vec<Wrong> {
    const SERVICE: &str = "multiclusterservices";
    const INGRESS: &str = "multiclusteringresses";
    let port = json!({"name": "http", "port": 1});
    let backend = |port: Value| json!({"service": {"name": "cart", "port": port}});
    vec![
        wrong(SERVICE, "/metadata/name", json!("1st"), &["metadata.name", "1st"]),
        wrong(SERVICE, "/spec/types", json!(["NodePort"]), &["spec.types[0]", "NodePort", "CrossCluster"]),
        wrong(SERVICE, "/spec/types", json!(["LoadBalancer"]), &["spec.types", "cannot change"]),
        wrong(
            SERVICE,
            "/spec/types",
            json!(["CrossCluster", "LoadBalancer"]),
            &["one way alone", "CrossCluster", "LoadBalancer"],
        ),
        wrong(SERVICE, "/spec/ports", json!([port, port]), &["spec.ports", "must be unique", "http"]),
        wrong(SERVICE, "/spec/ports/0/port", json!(65_536), &["spec.ports[0].port", "65536", "65535"]),
        wrong(SERVICE, "/spec/consumerClusters/1/name", json!("M_3"), &["spec.consumerClusters[1].name", "M_3"]),
        wrong(INGRESS, "/spec", json!({}), &["spec must have a defaultBackend or rules"]),
        wrong(INGRESS, "/spec/rules/0/host", json!("10.0.0.1"), &["spec.rules[0].host", "10.0.0.1"]),
        wrong(INGRESS, "/spec/rules/0/host", json!("a.*.example.com"), &["spec.rules[0].host", "a.*.example.com"]),
        wrong(INGRESS, "/spec/rules/0/http/paths", json!([]), &["spec.rules[0].http.paths"]),
        wrong(INGRESS, "/spec/rules/0/http/paths/0/path", json!("cart"), &["paths[0].path", "cart"]),
        wrong(INGRESS, "/spec/rules/0/http/paths/0/path", json!(""), &["paths[0]", "where pathType is Prefix"]),
        wrong(INGRESS, "/spec/rules/0/http/paths/0/pathType", json!("Glob"), &["paths[0].pathType", "Glob", "Exact"]),
        wrong(INGRESS, "/spec/rules/0/http/paths/0/backend", json!({}), &["paths[0].backend", "exactly one"]),
        wrong(INGRESS, "/spec/rules/0/http/paths/0/backend", backend(json!({})), &["backend.service", "port.number"]),
        wrong(
            INGRESS,
            "/spec/rules/0/http/paths/0/backend",
            backend(json!({"name": "http", "number": 80})),
            &["paths[0].backend.service", "exactly one of port.name and port.number"],
        ),
        wrong(INGRESS, "/spec/tls/0/secretName", json!("A"), &["spec.tls[0].secretName", "A"]),
        wrong("serviceimports", "/spec/type", json!("Mesh"), &["spec.type", "Mesh", "Headless"]),
        wrong("serviceimports", "/spec/ips", json!(["10.0.0.1", "10.0.0.2"]), &["spec.ips", "1"]),
    ]
}

fn others() -> Vec<Wrong> {
    const HOOK: &str = "resourceinterpreterwebhookconfigurations";
    vec![
        wrong(HOOK, "/webhooks/0/name", json!("short"), &["webhooks[0].name", "short"]),
        wrong(HOOK, "/webhooks/1/name", json!("cron-tabs.example.com"), &["webhooks[1]", "Duplicate"]),
        wrong(HOOK, "/webhooks/0/clientConfig", json!({}), &["webhooks[0].clientConfig", "exactly one"]),
        wrong(
            HOOK,
            "/webhooks/0/clientConfig/url",
            json!("http://a.example.com"),
            &["webhooks[0].clientConfig.url", "http://a.example.com"],
        ),
        wrong(HOOK, "/webhooks/0/timeoutSeconds", json!(31), &["webhooks[0].timeoutSeconds", "31", "30"]),
        wrong(HOOK, "/webhooks/0/rules/0/operations", json!(["Prune"]), &["operations[0]", "Prune", "Retain"]),
        wrong(HOOK, "/webhooks/0/rules/0/operations", json!(["*", "Retain"]), &["rules[0].operations", "alone"]),
        wrong(HOOK, "/webhooks/0/rules/0/kinds", json!([]), &["rules[0].kinds"]),
        wrong(HOOK, "/webhooks/0/interpreterContextVersions", json!(["v2"]), &["must include v1alpha1"]),
        wrong("workloadrebalancers", "/spec/workloads", json!([]), &["spec.workloads", "at least 1"]),
        wrong(
            "remedies",
            "/spec/decisionMatches/0/clusterConditionMatch/operator",
            json!("Is"),
            &["clusterConditionMatch.operator", "Is", "NotEqual"],
        ),
        wrong("works", "/spec/workload/manifests/0", json!("text"), &["spec.workload.manifests[0]", "string"]),
        wrong("resourceinterpretercustomizations", "/spec/target", json!({"kind": "A"}), &["spec.target.apiVersion"]),
        wrong("propagationpolicies", "/spec/preemption", json!("Maybe"), &["spec.preemption", "Maybe", "Always"]),
        wrong("overridepolicies", "/spec/overrideRules/0", json!({}), &["spec.overrideRules[0].overriders"]),
        wrong("clusters", "/spec/apiEndpoint", json!("https://me@10.0.0.1"), &["spec.apiEndpoint"]),
        wrong("resourcebindings", "/spec/clusters/0", json!({"replicas": 1}), &["spec.clusters[0].name"]),
        wrong("isolationsnapshots", "/spec/part", json!(2), &["spec"]),
    ]
}
