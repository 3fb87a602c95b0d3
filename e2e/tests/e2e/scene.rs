//! What a behaviour of the operator is tested on: a namespace of the test's own on the stage that all such tests share,
//! and the few verbs they are written in.
//!
//! The stage has three members: m1 and m2 in region north, m3 in region south; m1 and m3 carry the label `tier=gold`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Deref;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_crds::names::binding_name;
use atoll_e2e::stage::Stage;
use futures::future::try_join_all;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{Mutex, RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::{Instant, timeout};

use crate::harness::off_the_clock;
use crate::kinds::{BINDING, CLUSTER, CONFIG_MAP, EVENT, Kind, NAMESPACE, POLICY, SECRET};

/// The members of the stage.
pub const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];
/// Everything here takes far less than a second; the whole suite and its builds share the machine with it.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// Copies that nobody deletes, so that the deletes of all tests in one minute stay below a fifth of what a
/// member holds (promise I7).
const BALLAST: usize = 120;
const MANAGER: &str = "e2e";

static STAGE: RwLock<Option<Stage>> = RwLock::const_new(None);
/// Held while the stage starts, so that it starts once.
static STARTING: Mutex<()> = Mutex::const_new(());

/// A namespace on the stage.
pub struct Scene {
    hub: Client,
    members: BTreeMap<&'static str, Client>,
    namespace: String,
    stage: Hold,
}

enum Hold {
    Shared(RwLockReadGuard<'static, Stage>),
    Alone(RwLockMappedWriteGuard<'static, Stage>),
}

impl Deref for Hold {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        match self {
            Self::Shared(stage) => stage,
            Self::Alone(stage) => stage,
        }
    }
}

/// Ends the stage.
pub async fn finish() -> Result<()> {
    match STAGE.write().await.take() {
        Some(stage) => stage.shutdown().await,
        None => Ok(()),
    }
}

impl Scene {
    /// A namespace called `name` on the stage that others play on as well.
    pub async fn open(name: &str) -> Result<Self> {
        let stage = off_the_clock(async {
            start_stage().await?;
            anyhow::Ok(STAGE.read().await)
        });
        let stage = RwLockReadGuard::try_map(stage.await?, Option::as_ref).ok().context("the stage has ended")?;
        Self::on(Hold::Shared(stage), name).await
    }

    /// The same with nobody else on the stage, for what concerns all of it. Mend what you change.
    pub async fn open_alone(name: &str) -> Result<Self> {
        let stage = off_the_clock(async {
            start_stage().await?;
            anyhow::Ok(STAGE.write().await)
        });
        let stage = RwLockWriteGuard::try_map(stage.await?, Option::as_mut).ok().context("the stage has ended")?;
        Self::on(Hold::Alone(stage), name).await
    }

    async fn on(stage: Hold, name: &str) -> Result<Self> {
        let clients = try_join_all(MEMBERS.map(|member| stage.member(member))).await?;
        let members = MEMBERS.into_iter().zip(clients).collect();
        let scene = Self { hub: stage.hub(), members, namespace: name.to_owned(), stage };
        scene.hub(NAMESPACE).apply(name, json!({})).await?;
        Ok(scene)
    }

    /// The same stage with another namespace, which is there already.
    pub fn within(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Objects of a kind on the hub.
    pub fn hub(&self, kind: Kind) -> Place<'_> {
        self.place("hub", self.hub.clone(), kind, &self.namespace)
    }

    /// Objects of a kind on a member.
    pub fn member(&self, name: &'static str, kind: Kind) -> Place<'_> {
        self.place(name, self.members[name].clone(), kind, &self.namespace)
    }

    fn place(&self, cluster: &'static str, client: Client, kind: Kind, namespace: &str) -> Place<'_> {
        Place { stage: &self.stage, cluster, kind, api: kind.api(client, namespace) }
    }

    /// Waits until the binding of an object on the hub is as `holds` says.
    pub async fn binding(&self, kind: Kind, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        self.hub(BINDING).until(&binding_name(kind.kind, name), what, holds).await
    }

    /// Where an object goes once it is scheduled by its policy as that is now: cluster and replicas.
    pub async fn placement(&self, kind: Kind, name: &str) -> Result<Vec<(String, i64)>> {
        let binding = self.binding(kind, name, "it is scheduled as it is now", is_scheduled).await?;
        Ok(targets(&binding))
    }

    /// Waits until an object goes exactly to these clusters, and is there and nowhere else.
    pub async fn goes_to(&self, kind: Kind, name: &str, clusters: &[&'static str]) -> Result<()> {
        self.scheduled_to(kind, name, clusters).await?;
        for member in MEMBERS {
            let place = self.member(member, kind);
            if clusters.contains(&member) { place.there(name).await.map(drop)? } else { place.gone(name).await? }
        }
        Ok(())
    }

    /// Waits until a binding says that its object goes to exactly these members.
    pub async fn scheduled_to(&self, kind: Kind, name: &str, clusters: &[&'static str]) -> Result<()> {
        let wanted = format!("it goes to {clusters:?}");
        let named =
            |binding: &Value| targets(binding).iter().map(|(name, _)| name.as_str()).eq(clusters.iter().copied());
        self.binding(kind, name, &wanted, |binding| is_scheduled(binding) && named(binding)).await.map(drop)
    }

    /// Waits until a Cluster says that it serves a group version.
    pub async fn enabled(&self, cluster: &str, version: &str) -> Result<()> {
        let lists = |cluster: &Value| {
            let apis = cluster["status"]["apiEnablements"].as_array().into_iter().flatten();
            apis.into_iter().any(|api| api["groupVersion"] == version)
        };
        self.hub(CLUSTER).until(cluster, &format!("it serves {version}"), lists).await.map(drop)
    }

    /// Waits until a warning Event about an object has all of these words in its reason or note.
    pub async fn warned(&self, about: &str, words: &[&str]) -> Result<()> {
        eventually(self, &format!("a warning about {about} says {words:?}"), async || {
            let events = self.hub(EVENT).list().await.map_err(|error| format!("{error:#}"))?;
            let about_it = |event: &&Value| event["regarding"]["name"] == about && event["type"] == "Warning";
            let told: Vec<String> =
                events.iter().filter(about_it).map(|event| format!("{} {}", event["reason"], event["note"])).collect();
            let found = told.iter().any(|told| words.iter().all(|word| told.contains(word)));
            if found { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await
    }

    /// Waits until what was done before this call has been seen: something new has come to every member, and its status
    /// has come back.
    pub async fn settle(&self) -> Result<()> {
        let name = format!("marker-{}", unique());
        self.hub(POLICY).apply(&name, policy(CONFIG_MAP, &name, json!({}))).await?;
        self.hub(CONFIG_MAP).apply(&name, json!({"data": {"is": "a marker"}})).await?;
        self.binding(CONFIG_MAP, &name, "it is everywhere", is_everywhere).await?;
        let told = |policy: &Value| policy["status"]["state"] == "Applied";
        self.hub(POLICY).until(&name, "its policy says so", told).await.map(drop)
    }

    /// Resource versions of these kinds on the hub and of what the members have of them, but for markers.
    pub async fn versions(&self, on_hub: &[Kind], on_members: &[Kind]) -> Result<BTreeMap<String, String>> {
        self.versions_in(&self.namespace, on_hub, on_members).await
    }

    /// The same of another namespace.
    pub async fn versions_in(
        &self,
        namespace: &str,
        on_hub: &[Kind],
        on_members: &[Kind],
    ) -> Result<BTreeMap<String, String>> {
        let hub = on_hub.iter().map(|kind| self.place("hub", self.hub.clone(), *kind, namespace));
        let members = self.members.iter().flat_map(|(name, client)| {
            on_members.iter().map(|kind| self.place(name, client.clone(), *kind, namespace))
        });
        let lists = try_join_all(hub.chain(members).map(async |place| place.versions().await)).await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// Waits until nothing is written any more between two markers; returns the versions.
    pub async fn calm(&self, on_hub: &[Kind], on_members: &[Kind]) -> Result<BTreeMap<String, String>> {
        let end = Instant::now() + PATIENCE;
        let mut before = self.versions(on_hub, on_members).await?;
        loop {
            self.settle().await?;
            let after = self.versions(on_hub, on_members).await?;
            if before == after {
                return Ok(after);
            }
            ensure!(Instant::now() < end, "the stage does not come to rest: {:?}", changes(&before, &after));
            before = after;
        }
    }

    /// What `kubectl` says on standard output, used on the hub and in this namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.stage.fleet().kubectl())
            .arg("--kubeconfig")
            .arg(self.stage.fleet().hub_kubeconfig())
            .args(["--namespace", &self.namespace])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(PATIENCE, output).await.with_context(|| format!("kubectl {arguments:?} does not end"))?;
        let output = output.context("running kubectl")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kubectl {arguments:?} failed: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Objects of one kind in one cluster, in the scene's namespace where the kind has one.
pub struct Place<'a> {
    stage: &'a Stage,
    cluster: &'static str,
    kind: Kind,
    api: Api<DynamicObject>,
}

impl Place<'_> {
    /// Applies an object, as a user does who keeps it in a file.
    pub async fn apply(&self, name: &str, body: Value) -> Result<Value> {
        self.apply_as(MANAGER, name, body).await
    }

    /// The same in somebody else's name, taking over what others hold.
    pub async fn apply_as(&self, manager: &str, name: &str, mut body: Value) -> Result<Value> {
        body["apiVersion"] = self.kind.version.into();
        body["kind"] = self.kind.kind.into();
        body["metadata"]["name"] = name.into();
        let parameters = PatchParams { field_manager: Some(manager.into()), force: true, ..PatchParams::default() };
        let applied = self.api.patch(name, &parameters, &Patch::Apply(body)).await;
        value(applied.with_context(|| format!("applying {}", self.describe(name)))?)
    }

    /// Changes some fields of an object, as somebody does by hand.
    pub async fn edit(&self, name: &str, patch: Value) -> Result<Value> {
        let parameters = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
        let edited = self.api.patch(name, &parameters, &Patch::Merge(patch)).await;
        value(edited.with_context(|| format!("editing {}", self.describe(name)))?)
    }

    /// Sets some fields of an object's status, as its controller does.
    pub async fn edit_status(&self, name: &str, status: Value) -> Result<Value> {
        let patch = Patch::Merge(json!({"status": status}));
        let edited = self.api.patch_status(name, &PatchParams::default(), &patch).await;
        value(edited.with_context(|| format!("editing the status of {}", self.describe(name)))?)
    }

    /// Writes back an object that was read, as clients do that know no patches.
    pub async fn replace(&self, name: &str, object: &Value) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(object.clone()).context("an object is an object")?;
        let replaced = self.api.replace(name, &PostParams::default(), &object).await;
        replaced.map(drop).with_context(|| format!("replacing {}", self.describe(name)))
    }

    pub async fn delete(&self, name: &str) -> Result<()> {
        let deleted = self.api.delete(name, &DeleteParams::background()).await;
        deleted.map(drop).with_context(|| format!("deleting {}", self.describe(name)))
    }

    /// The object as it is now.
    pub async fn get(&self, name: &str) -> Result<Value> {
        value(self.api.get(name).await.with_context(|| format!("reading {}", self.describe(name)))?)
    }

    /// Whether the object is there now.
    pub async fn has(&self, name: &str) -> Result<bool> {
        Ok(self.api.get_opt(name).await.with_context(|| format!("reading {}", self.describe(name)))?.is_some())
    }

    /// All objects of the kind.
    pub async fn list(&self) -> Result<Vec<Value>> {
        let context = || format!("listing {} on {}", self.kind.kind, self.cluster);
        self.api.list(&ListParams::default()).await.with_context(context)?.items.into_iter().map(value).collect()
    }

    /// Waits until the object is there and as `holds` says.
    pub async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let what = format!("{}: {what}", self.describe(name));
        let judge = |seen: Option<&DynamicObject>| {
            let seen = seen.ok_or("it is not there")?;
            let object = serde_json::to_value(seen).map_err(|error| error.to_string())?;
            if holds(&object) { Ok(object) } else { Err(shown(object)) }
        };
        self.stage.watch_one(&what, PATIENCE, (self.api.clone(), name), judge).await
    }

    /// Waits until the object is there.
    pub async fn there(&self, name: &str) -> Result<Value> {
        self.until(name, "it is there", |_| true).await
    }

    /// Waits until the object is not there.
    pub async fn gone(&self, name: &str) -> Result<()> {
        let what = format!("{}: it is gone", self.describe(name));
        let judge = |seen: Option<&DynamicObject>| match seen {
            None => Ok(()),
            Some(seen) => Err(shown(serde_json::to_value(seen).unwrap_or_default())),
        };
        self.stage.watch_one(&what, PATIENCE, (self.api.clone(), name), judge).await
    }

    async fn versions(&self) -> Result<Vec<(String, String)>> {
        let list = self.api.list(&ListParams::default()).await;
        let list = list.with_context(|| format!("listing {} on {}", self.kind.kind, self.cluster))?;
        let kept = list.items.into_iter().filter(|object| !object.name_any().starts_with("marker-"));
        Ok(kept
            .map(|object| (self.describe(&object.name_any()), object.resource_version().unwrap_or_default()))
            .collect())
    }

    fn describe(&self, name: &str) -> String {
        format!("{} {name} on {}", self.kind.kind, self.cluster)
    }
}

/// The spec of a propagation policy for one object; `more` is what it says beside that.
pub fn policy(kind: Kind, name: &str, more: Value) -> Value {
    let selector = json!({"apiVersion": kind.version, "kind": kind.kind, "name": name});
    let mut spec = json!({"resourceSelectors": [selector]});
    if let (Some(spec), Value::Object(more)) = (spec.as_object_mut(), more) {
        spec.extend(more);
    }
    json!({"spec": spec})
}

/// A placement on these clusters, every copy whole.
pub fn on(clusters: &[&str]) -> Value {
    json!({"placement": {"clusterAffinity": {"clusterNames": clusters}}})
}

/// What changed between two [`Scene::versions`].
pub fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let all = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let changed = all.filter(|key| before.get(*key) != after.get(*key));
    changed.map(|key| format!("{key}: {:?} -> {:?}", before.get(key), after.get(key))).collect()
}

/// Cluster and replicas of a binding's targets.
pub fn targets(binding: &Value) -> Vec<(String, i64)> {
    let target =
        |one: &Value| (one["name"].as_str().unwrap_or_default().to_owned(), one["replicas"].as_i64().unwrap_or(0));
    binding["spec"]["clusters"].as_array().into_iter().flatten().map(target).collect()
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

/// What a binding says of one cluster.
pub fn item<'a>(binding: &'a Value, cluster: &str) -> &'a Value {
    let items = binding["status"]["aggregatedStatus"].as_array().into_iter().flatten();
    items.into_iter().find(|item| item["clusterName"] == cluster).unwrap_or(&Value::Null)
}

/// The schedule is of the binding as it stands.
pub fn is_scheduled(binding: &Value) -> bool {
    condition(binding, "Scheduled")["status"] == "True"
        && binding["status"]["schedulerObservedGeneration"] == binding["metadata"]["generation"]
}

/// Every target has the manifest.
pub fn is_everywhere(binding: &Value) -> bool {
    is_scheduled(binding) && condition(binding, "FullyApplied")["status"] == "True"
}

/// A label or annotation key as part of a JSON pointer is awkward; this is the value behind it.
pub fn annotation<'a>(object: &'a Value, key: &str) -> &'a Value {
    &object["metadata"]["annotations"][key]
}

pub fn label<'a>(object: &'a Value, key: &str) -> &'a Value {
    &object["metadata"]["labels"][key]
}

fn value(object: DynamicObject) -> Result<Value> {
    serde_json::to_value(object).context("an object is JSON")
}

fn shown(mut object: Value) -> String {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object.to_string()
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn start_stage() -> Result<()> {
    let _starting = STARTING.lock().await;
    if STAGE.read().await.is_some() {
        return Ok(());
    }
    let admission = ["--webhook-bind", "127.0.0.1:0"];
    let stage = Stage::builder()
        .fleet(|fleet| fleet.members(MEMBERS).faults(false))
        .join(false)
        .operator_args(admission)
        .start()
        .await?;
    let join = async |name: &str, region: &str, tier: &str| {
        let kubeconfig = stage.fleet().member_kubeconfig(name)?.to_string_lossy().into_owned();
        let place = ["--cluster-region", region, "--labels", tier, "--cluster-admin"];
        let arguments = [["join", name, "--cluster-kubeconfig", &kubeconfig].as_slice(), &place].concat();
        stage.cli(&arguments).await
    };
    tokio::try_join!(
        join("m1", "north", "tier=gold"),
        join("m2", "north", "tier=silver"),
        join("m3", "south", "tier=gold"),
    )?;
    stage.wait_until_ready(&MEMBERS.map(str::to_owned)).await?;
    load(&stage).await.context("loading the members")?;
    *STAGE.write().await = Some(stage);
    Ok(())
}

/// Puts the ballast on every member.
async fn load(stage: &Stage) -> Result<()> {
    let place = |kind: Kind| Place { stage, cluster: "hub", kind, api: kind.api(stage.hub(), "ballast") };
    place(NAMESPACE).apply("ballast", json!({})).await?;
    let all = json!([{"apiVersion": "v1", "kind": "Secret"}]);
    place(POLICY).apply("ballast", json!({"spec": {"resourceSelectors": all}})).await?;
    let names: Vec<String> = (0..BALLAST).map(|number| format!("ballast-{number}")).collect();
    let secrets = place(SECRET);
    for some in names.chunks(25) {
        try_join_all(some.iter().map(|name| secrets.apply(name, json!({"stringData": {"a": "b"}})))).await?;
    }
    let told = |policy: &Value| policy["status"]["templates"] == BALLAST && policy["status"]["state"] == "Applied";
    place(POLICY).until("ballast", "it is on every member", told).await?;
    ensure!(place(CLUSTER).list().await?.len() == MEMBERS.len());
    Ok(())
}

/// Waits for something that no object shows.
pub async fn eventually<T: Debug>(scene: &Scene, what: &str, probe: impl AsyncFn() -> Result<T, String>) -> Result<T> {
    scene.stage().wait_for(what, PATIENCE, || probe()).await
}
