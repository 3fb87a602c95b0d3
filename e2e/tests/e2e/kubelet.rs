//! The stand-in kubelet behind a real control plane: workloads come to life, and answer over the data path.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::Fleet;
use atoll_e2e::net::{Fault, Path};
use atoll_e2e::stage::wait;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::PostParams;
use kube::runtime::watcher;
use kube::{Api, Resource};
use libtest_mimic::Trial;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{exclusive, shared, trial};

const PATIENCE: Duration = Duration::from_mins(1);
/// Longer than any answer takes, shorter than a test may.
const SILENCE: Duration = Duration::from_secs(2);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_deployment_becomes_available", available),
        trial("a_job_succeeds", job_succeeds),
        trial("an_image_that_is_on_no_registry_leaves_its_pod_pending", pending),
        trial("a_serving_pod_answers_with_cluster_and_name_until_its_data_path_is_cut", serves),
    ]
}

async fn available() -> Result<()> {
    let fleet = shared().await?;
    let deployments = made(&fleet, "kubelet-available", &deployment("registry.example/app:1", &json!({}))).await?;
    watch(&deployments, "two replicas are available", |deployment: &Deployment| {
        let status = deployment.status.clone().unwrap_or_default();
        if status.available_replicas == Some(2) { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await
}

async fn job_succeeds() -> Result<()> {
    let fleet = shared().await?;
    let job = json!({"metadata": {"name": "web"}, "spec": {"completions": 2, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/app:1"}],
    }}}});
    let jobs = made(&fleet, "kubelet-job", &job).await?;
    watch(&jobs, "it is complete", |job: &Job| {
        let status = job.status.clone().unwrap_or_default();
        let conditions = status.conditions.iter().flatten();
        let mut complete = conditions.filter(|held| held.type_ == "Complete" && held.status == "True");
        if status.succeeded == Some(2) && complete.next().is_some() { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await
}

async fn pending() -> Result<()> {
    let fleet = shared().await?;
    made::<Deployment>(&fleet, "kubelet-pending", &deployment("fake/app:1", &json!({}))).await?;
    let pods: Api<Pod> = Api::namespaced(fleet.member_client("m1").await?, "kubelet-pending");
    watch(&pods, "its image cannot be pulled", |pod: &Pod| {
        let status = pod.status.clone().unwrap_or_default();
        let mut reasons = status
            .container_statuses
            .iter()
            .flatten()
            .filter_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
        let why = reasons.next();
        let is_pending = status.phase.as_deref() == Some("Pending");
        if is_pending && why.as_ref().is_some_and(|why| why.contains("Image")) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await
}

async fn serves() -> Result<()> {
    let fleet = exclusive().await?;
    let serving = deployment("registry.example/app:1", &json!({"fleet.atoll.dev/serve": "http"}));
    made::<Deployment>(&fleet, "kubelet-serves", &serving).await?;
    let pods: Api<Pod> = Api::namespaced(fleet.member_client("m1").await?, "kubelet-serves");
    let (name, address) = watch(&pods, "it has an address and is Ready", |pod: &Pod| {
        let status = pod.status.clone().unwrap_or_default();
        let is_ready = status.conditions.iter().flatten().any(|held| held.type_ == "Ready" && held.status == "True");
        match (&pod.metadata.name, &status.pod_ip) {
            (Some(name), Some(address)) if is_ready => Ok((name.clone(), address.clone())),
            _ => Err(format!("{status:?}")),
        }
    })
    .await?;
    let socket: SocketAddr = format!("{address}:8080").parse().context("the pod's address")?;
    let answer = ask(socket).await?;
    ensure!(answer.contains(&format!("cluster=m1 pod=kubelet-serves/{name}")), "{answer}");
    fleet.faults().set_both("hub", "m1", Path::Data, Fault::Cut).await?;
    let answer = ask(socket).await;
    let api = timeout(SILENCE, fleet.member_client("m1").await?.apiserver_version()).await;
    fleet.faults().heal_all().await?;
    ensure!(answer.is_err(), "the data path is cut, and the pod answers: {answer:?}");
    api.context("the API path is not cut")??;
    let healed = wait::until("the pod answers again", PATIENCE, async || {
        ask(socket).await.map_err(|error| format!("{error:#}"))
    });
    healed.await.map(drop)
}

fn deployment(image: &str, annotations: &Value) -> Value {
    json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": annotations},
            "spec": {"containers": [{"name": "main", "image": image}]},
        },
    }})
}

/// Makes the object in a namespace of its own on m1.
async fn made<K>(fleet: &Fleet, space: &str, object: &Value) -> Result<Api<K>>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize,
{
    let client = fleet.member_client("m1").await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": space}}))?;
    namespaces.create(&PostParams::default(), &namespace).await?;
    let api: Api<K> = Api::namespaced(client, space);
    api.create(&PostParams::default(), &serde_json::from_value(object.clone())?).await?;
    Ok(api)
}

/// Waits for the first object of a namespace that `judge` takes.
async fn watch<K, T>(api: &Api<K>, what: &str, mut judge: impl FnMut(&K) -> Result<T, String>) -> Result<T>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    wait::watch(what, PATIENCE, (api.clone(), watcher::Config::default()), |seen| {
        seen.values().map(&mut judge).reduce(Result::or).unwrap_or_else(|| Err("nothing is there".to_owned()))
    })
    .await
}

/// One exchange with a pod's server.
async fn ask(socket: SocketAddr) -> Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(socket).await?;
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: {socket}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    timeout(SILENCE, exchange).await.with_context(|| format!("{socket} is silent"))?
}
