//! Mode dedicated: a hub of its own.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::{Fleet, Progress, control_plane};
use atoll_e2e::stage::Programs;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::cluster::{Cluster, arguments};
use super::processes::{Here, Running, free_port, run};
use super::rendering;
use crate::harness::{eventually, shared};
use crate::kinds::{
    CLUSTER, CONFIG_MAP, DEPLOYMENT, JOB, Kind, NAMESPACE, POD, POLICY, SECRET, STATEFUL_SET, namespaced,
};

/// A whole control plane starts within it, on a machine that runs a test suite.
const HUB_READY: Duration = Duration::from_mins(2);
const CLAIM: Kind = namespaced("v1", "PersistentVolumeClaim");
/// The Secrets that the certificate job makes.
const PKI: [&str; 11] = [
    "fed-atoll-hub-admin",
    "fed-atoll-hub-apiserver",
    "fed-atoll-hub-ca",
    "fed-atoll-hub-controller-manager",
    "fed-atoll-hub-etcd",
    "fed-atoll-hub-etcd-ca",
    "fed-atoll-hub-front-proxy-ca",
    "fed-atoll-hub-operator",
    "fed-atoll-hub-service-account",
    "fed-atoll-webhook",
    "fed-atoll-webhook-ca",
];

pub async fn installs() -> Result<()> {
    let fleet = shared().await?;
    let cluster =
        Cluster::open(fleet.member_client("m1").await?, fleet.member_kubeconfig("m1")?, "chart-install").await?;
    let told = cluster.helm("install", &[]).await?;
    ensure!(told.contains("kubectl atoll join") && told.contains("fed-atoll-hub-admin"), "its notes: {told}");
    // Pods that Pod Security refuses are never made.
    for name in ["fed-atoll", "fed-atoll-hub-apiserver", "fed-atoll-hub-controller-manager"] {
        let all = |one: &Value| one["status"]["availableReplicas"] == one["spec"]["replicas"];
        cluster.until(DEPLOYMENT, name, "all its pods are Ready", all).await?;
    }
    cluster.until(POD, "fed-atoll-hub-etcd-0", "etcd has its pod", |pod| pod["spec"].is_object()).await?;
    ensure!(cluster.one(DEPLOYMENT, "fed-atoll-hub-api").await?["spec"]["replicas"] == 1);
    ensure!(cluster.api(DEPLOYMENT).get("fed-atoll").await?.data["spec"]["replicas"] == 2, "one replica is none");

    let before = cluster.generations().await?;
    cluster.helm("upgrade", &[]).await?;
    let after = cluster.generations().await?;
    ensure!(before == after, "an upgrade to the same changed something:\n{before:?}\n{after:?}");

    cluster.helm("upgrade", &["operator.failoverAfter=5s", "hub.dedicated.apiserver.extraNames={hub.example}"]).await?;
    let changed = cluster.generations().await?;
    let only: BTreeSet<&String> =
        changed.iter().filter(|(key, value)| before.get(*key) != Some(*value)).map(|(key, _)| key).collect();
    ensure!(only.len() == 3, "the operator, the certificate job and its clock were to change: {only:?}");

    cluster.helm("uninstall", &[]).await?;
    eventually("nothing but what the notes speak of is left", || async {
        let left = cluster.generations().await?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await?;
    cluster.one(CLAIM, "data-fed-atoll-hub-etcd-0").await.context("the hub's data does not stay")?;
    cluster.close().await
}

pub async fn works() -> Result<()> {
    let fleet = shared().await?;
    let cluster =
        Cluster::open(fleet.member_client("m1").await?, fleet.member_kubeconfig("m1")?, "chart-works").await?;
    let webhook = free_port()?;
    let url = format!("webhook.url=https://127.0.0.1:{webhook}");
    cluster.helm("install", &["hub.dedicated.etcd.persistence.enabled=false", &url]).await?;
    let programs = Programs::ensure_built(Progress::Silent).await?;

    make_certificates(&cluster, &programs).await?;
    let hub = Hub::start(&cluster).await?;
    hub.bootstrap(&cluster, &programs).await?;
    let mut operator = hub.operator(&cluster, &programs, webhook).await?;
    let played = play(&fleet, &hub, &programs).await;
    let told = operator.told();
    played.with_context(|| told)?;
    operator.end().await?;
    hub.account_for_others(&cluster, &programs).await?;
    hub.end().await?;
    cluster.helm("uninstall", &[]).await?;
    cluster.close().await
}

/// Runs the certificate job's command as its own service account, twice: what is there is not made again.
async fn make_certificates(cluster: &Cluster, programs: &Programs) -> Result<()> {
    let account = cluster.kubeconfig_of("fed-atoll-pki").await?.to_string_lossy().into_owned();
    let env = [("ATOLL_KUBECONFIG", account.as_str())];
    let command = arguments(&cluster.one(JOB, "fed-atoll-pki-").await?);
    run(&programs.operator, &command, &env).await?;
    let versions = async || {
        let secrets = cluster.list(SECRET, "fed-atoll-").await?;
        let pairs =
            secrets.iter().map(|one| (rendering::name(one).to_owned(), one["metadata"]["resourceVersion"].clone()));
        anyhow::Ok(pairs.collect::<Vec<_>>())
    };
    let made = versions().await?;
    ensure!(made.iter().map(|(name, _)| name.as_str()).eq(PKI), "{made:?}");
    run(&programs.operator, &command, &env).await?;
    ensure!(versions().await? == made, "certificates that are good were made anew");
    // Another name is another certificate, of the same authority.
    let renamed: Vec<String> =
        command.iter().map(|one| one.replace("--hub-names=fed", "--hub-names=hub.example,fed")).collect();
    run(&programs.operator, &renamed, &env).await?;
    let again = versions().await?;
    let changed: Vec<&str> =
        made.iter().zip(&again).filter(|(one, other)| one != other).map(|((name, _), _)| name.as_str()).collect();
    ensure!(changed == ["fed-atoll-hub-apiserver"], "{changed:?}");
    // A Secret that is not named in its role is out of its reach.
    let other: Vec<String> = command.iter().map(|one| one.replace("--prefix=fed-atoll", "--prefix=other")).collect();
    let error = run(&programs.operator, &other, &env).await.err().context("it may write Secrets of others")?;
    ensure!(format!("{error:#}").contains("forbidden"), "{error:#}");
    // An authority cannot be replaced, by nobody's mistake either.
    let forged = Patch::Merge(json!({"stringData": {"tls.crt": "another"}}));
    let refused = cluster.api(SECRET).patch("fed-atoll-hub-ca", &PatchParams::default(), &forged).await;
    ensure!(refused.is_err(), "the hub's authority was overwritten");
    Ok(())
}

/// The hub's three programs, with the arguments of their pods.
struct Hub {
    server: String,
    admin: PathBuf,
    processes: Vec<Running>,
}

impl Hub {
    async fn start(cluster: &Cluster) -> Result<Self> {
        let [client, peer, metrics, api, manager] =
            [free_port()?, free_port()?, free_port()?, free_port()?, free_port()?];
        let program = control_plane::ensure_built(Progress::Silent)?;
        let folder = cluster.folder();
        let server = format!("https://127.0.0.1:{api}");
        let mount = async |name: &str| anyhow::Ok(cluster.mount_secret(name).await?.to_string_lossy().into_owned());

        let data = folder.join("etcd-data").to_string_lossy().into_owned();
        let pki = mount("fed-atoll-hub-etcd").await?;
        let [client_url, peer_url] = [client, peer].map(|port| format!("https://127.0.0.1:{port}"));
        let etcd = Here::new(&[
            ("/var/lib/etcd/data", &data),
            ("/etc/etcd/pki", &pki),
            ("https://0.0.0.0:2379", &client_url),
            ("https://0.0.0.0:2380", &peer_url),
            ("https://fed-atoll-hub-etcd-0.fed-atoll-hub-etcd.chart-works.svc:2379", &client_url),
            ("https://fed-atoll-hub-etcd-0.fed-atoll-hub-etcd.chart-works.svc:2380", &peer_url),
            ("http://0.0.0.0:2381", &format!("http://127.0.0.1:{metrics}")),
        ]);
        let etcd = etcd.arguments(&arguments(&cluster.one(STATEFUL_SET, "fed-").await?))?;
        let mut processes = vec![Running::start("etcd", folder, &program, &etcd, &[])?];

        let pki = mount("fed-atoll-hub-apiserver").await?;
        let apiserver = Here::new(&[
            ("/etc/kubernetes/pki", &pki),
            ("https://fed-atoll-hub-etcd.chart-works.svc:2379", &client_url),
            ("--secure-port=6443", &format!("--secure-port={api}")),
        ]);
        let mut apiserver =
            apiserver.arguments(&arguments(&cluster.one(DEPLOYMENT, "fed-atoll-hub-apiserver").await?))?;
        // In a pod it listens on the pod's address; here nobody else is to meet it.
        apiserver.extend(["--bind-address=127.0.0.1".to_owned(), "--advertise-address=127.0.0.1".to_owned()]);
        processes.push(Running::start("kube-apiserver", folder, &program, &apiserver, &[])?);

        let admin = point_at(&cluster.mount_secret("fed-atoll-hub-admin").await?, &server)?;
        wait_until_ready(&admin, &mut processes).await?;

        let pki = cluster.mount_secret("fed-atoll-hub-controller-manager").await?;
        point_at(&pki, &server)?;
        let here = Here::new(&[("/etc/kubernetes/pki", &pki.to_string_lossy())]);
        let mut command = here.arguments(&arguments(&cluster.one(DEPLOYMENT, "fed-atoll-hub-controller").await?))?;
        command.extend([format!("--secure-port={manager}"), "--bind-address=127.0.0.1".to_owned()]);
        processes.push(Running::start("kube-controller-manager", folder, &program, &command, &[])?);
        Ok(Self { server, admin, processes })
    }

    /// Runs the bootstrap job's command, twice: it mends, and is content with what is there.
    async fn bootstrap(&self, cluster: &Cluster, programs: &Programs) -> Result<()> {
        let manifests = cluster.mount_config("fed-atoll-hub-manifests").await?.to_string_lossy().into_owned();
        let admin = self.admin.to_string_lossy().into_owned();
        let here = Here::new(&[("/etc/atoll/admin/kubeconfig", &admin), ("/etc/atoll/manifests", &manifests)]);
        let command = here.arguments(&arguments(&cluster.one(JOB, "fed-atoll-hub-bootstrap-").await?))?;
        run(&programs.operator, &command, &[]).await?;
        run(&programs.operator, &command, &[]).await.map(drop)
    }

    /// Runs the operator's command as the user it has in its pod.
    async fn operator(&self, cluster: &Cluster, programs: &Programs, webhook: u16) -> Result<Running> {
        let kubeconfig = point_at(&cluster.mount_secret("fed-atoll-hub-operator").await?, &self.server)?;
        let [kubeconfig, tls] = [kubeconfig, cluster.mount_secret("fed-atoll-webhook").await?]
            .map(|path| path.to_string_lossy().into_owned());
        let here = Here::new(&[
            ("/etc/atoll/hub/kubeconfig", &kubeconfig),
            ("/etc/atoll/webhook", &tls),
            ("0.0.0.0:9443", &format!("127.0.0.1:{webhook}")),
        ]);
        let deployment = serde_json::to_value(cluster.api(DEPLOYMENT).get("fed-atoll").await?)?;
        let first = deployment["spec"]["template"]["spec"]["initContainers"][0]["args"].as_array();
        let first: Vec<_> = first.into_iter().flatten().filter_map(Value::as_str).map(|one| here.put(one)).collect();
        run(&programs.operator, &first, &[]).await?;
        let command = here.arguments(&arguments(&deployment))?;
        is_narrow(&client(Path::new(&kubeconfig)).await?).await?;
        Running::start("operator", cluster.folder(), &programs.operator, &command, &[("ATOLL_LISTEN", "127.0.0.1:0")])
    }

    /// What an administrator of an external hub does: the rendered manifests, and a kubeconfig for the operator.
    async fn account_for_others(&self, cluster: &Cluster, programs: &Programs) -> Result<()> {
        let (helm, _home) = rendering::helm().await?;
        let external =
            ["hub.mode=external", "hub.external.kubeconfigSecret.name=hub", "hub.kinds={configmaps,jobs.batch}"];
        let rendered = rendering::render(&helm, &external)?;
        let map = rendered.iter().find(|one| one["kind"] == "ConfigMap").context("no manifests for the hub")?;
        let folder = cluster.folder().join("external");
        std::fs::create_dir(&folder).context("making a folder")?;
        let text = map["data"]["manifests.yaml"].as_str().context("no manifests in it")?;
        std::fs::write(folder.join("manifests.yaml"), text).context("writing the manifests")?;
        let written = folder.join("operator.kubeconfig");
        let [admin, manifests, target] =
            [&self.admin, &folder, &written].map(|path| path.to_string_lossy().into_owned());
        let command = ["hub", "bootstrap", "--kubeconfig", &admin, "--manifests", &manifests, "--account", "atoll"];
        let command = [command.as_slice(), &["--write-kubeconfig", &target]].concat();
        run(&programs.operator, &command.into_iter().map(str::to_owned).collect::<Vec<_>>(), &[]).await?;
        let mode = std::fs::metadata(&written).context("looking at the kubeconfig")?.permissions().mode();
        ensure!(mode & 0o777 == 0o600, "others may read it: {mode:o}");
        let cases = [
            ("patch", "", "configmaps", true),
            ("watch", "batch", "jobs", true),
            ("create", "work.karmada.io", "resourcebindings", true),
            ("get", "", "secrets", false),
            ("list", "apps", "deployments", false),
            ("delete", "", "configmaps", false),
        ];
        may(&client(&written).await?, &cases).await
    }

    async fn end(self) -> Result<()> {
        for process in self.processes.into_iter().rev() {
            process.end().await?;
        }
        Ok(())
    }
}

async fn wait_until_ready(admin: &Path, processes: &mut [Running]) -> Result<()> {
    let hub = client(admin).await?;
    let ready = async {
        while hub.apiserver_version().await.is_err() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    let told = |processes: &mut [Running]| processes.iter_mut().map(Running::told).collect::<Vec<_>>().join("\n");
    timeout(HUB_READY, ready).await.with_context(|| told(processes))
}

/// What the operator's user may and may not do.
async fn is_narrow(operator: &Client) -> Result<()> {
    let cases = [
        ("patch", "apps", "deployments", true),
        ("watch", "example.com", "anything", true),
        ("create", "work.karmada.io", "resourcebindings", true),
        ("create", "apps", "deployments", false),
        ("delete", "apps", "deployments", false),
        ("delete", "work.karmada.io", "resourcebindings", false),
        ("update", "", "configmaps", false),
        ("create", "", "secrets", false),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings", false),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles", false),
        ("impersonate", "", "users", false),
    ];
    may(operator, &cases).await
}

/// Asks the hub whether somebody may do what, and compares: verb, group, resource, answer.
async fn may(user: &Client, cases: &[(&str, &str, &str, bool)]) -> Result<()> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(user.clone());
    for &(verb, group, resource, may) in cases {
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: Some("shop".to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let answer =
            reviews.create(&PostParams::default(), &review).await.context("asking what the operator may do")?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        ensure!(allowed == may, "{verb} {resource}.{group}: allowed is {allowed}");
    }
    Ok(())
}

/// Joins a member, propagates a template, and is refused a policy that is wrong.
async fn play(fleet: &Fleet, hub: &Hub, programs: &Programs) -> Result<()> {
    let member = fleet.member_kubeconfig("m2")?.to_string_lossy().into_owned();
    let admin = hub.admin.to_string_lossy().into_owned();
    let join = ["join", "m2", "--kubeconfig", &admin, "--cluster-kubeconfig", &member].map(str::to_owned);
    run(&programs.cli, &join, &[]).await?;
    let hub = client(&hub.admin).await?;
    apply(&hub, NAMESPACE, "chart-shop", json!({})).await?;
    apply(&hub, CONFIG_MAP, "greeting", json!({"data": {"a": "b"}})).await?;
    let policy =
        json!({"spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "greeting"}]}});
    apply(&hub, POLICY, "greeting", policy).await?;
    let copies = CONFIG_MAP.api(fleet.member_client("m2").await?, "chart-shop");
    eventually("the template is on the member", || async {
        let copy = copies.get("greeting").await?;
        ensure!(copy.data["data"]["a"] == "b", "{copy:?}");
        Ok(())
    })
    .await?;
    let wrong = json!({"spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}],
        "placement": {"clusterAffinity": {"clusterNames": ["m2"]}, "clusterAffinities": [{"affinityName": "a"}]}}});
    eventually("admission refuses a policy that contradicts itself", || async {
        let refused = apply(&hub, POLICY, "wrong", wrong.clone()).await;
        ensure!(refused.is_err(), "it was taken");
        Ok(())
    })
    .await?;
    let clusters = CLUSTER.api(hub, "");
    ensure!(clusters.list(&kube::api::ListParams::default()).await?.items.iter().map(ResourceExt::name_any).eq(["m2"]));
    Ok(())
}

async fn apply(hub: &Client, kind: Kind, name: &str, mut object: Value) -> Result<()> {
    object["apiVersion"] = kind.version.into();
    object["kind"] = kind.kind.into();
    object["metadata"]["name"] = name.into();
    let api = kind.api(hub.clone(), "chart-shop");
    api.patch(name, &PatchParams::apply("e2e"), &Patch::Apply(&object))
        .await
        .map(drop)
        .with_context(|| format!("applying {name}"))
}

/// Puts the hub's address on this machine into the kubeconfig of a mounted Secret. Its certificate is still asked for the
/// name that it has in the cluster.
fn point_at(mounted: &Path, server: &str) -> Result<PathBuf> {
    let path = mounted.join("kubeconfig");
    let text = std::fs::read_to_string(&path).context("reading a kubeconfig")?;
    let mut config: Value = serde_json::from_str(&text).context("reading a kubeconfig")?;
    let cluster = &mut config["clusters"][0]["cluster"];
    ensure!(
        cluster["server"] == "https://fed-atoll-hub.chart-works.svc:443",
        "the kubeconfig leads to {}",
        cluster["server"]
    );
    cluster["server"] = server.into();
    cluster["tls-server-name"] = "fed-atoll-hub.chart-works.svc".into();
    std::fs::write(&path, config.to_string()).context("writing a kubeconfig")?;
    Ok(path)
}

pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).context("reading a kubeconfig")?;
    let config =
        Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.context("using a kubeconfig")?;
    Client::try_from(config).context("building a client")
}
