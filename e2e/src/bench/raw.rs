//! The raw cost: a plain client that does the least calls, with the same watches open and the same limits on what is on its way.
//!
//! Per object: create the template, claim it by a merge patch, create its binding, apply it to every member, one status of
//! the binding. In: a site and how many. Out: how long it took until the last copy was seen. It decides, compares
//! and remembers nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::names::{Load, MANAGER, WARM_UP};
use super::raw_watches::RawWatches;
use super::site::Site;
use super::{binding, namespace, templates};

/// Requests on their way to the hub, creates of templates apart.
const HUB_IN_FLIGHT: usize = 32;
/// Requests on their way to one member: 16 reached the API server's limit when it was measured alone.
const MEMBER_IN_FLIGHT: usize = 16;
/// A few thousand objects go within half a minute.
const REMOVAL_DEADLINE: Duration = Duration::from_mins(5);
/// Keeps hubs from taking the raw client's namespaces to their members, where it makes them itself.
const NOT_SYNCED: (&str, &str) = ("namespace.karmada.io/skip-auto-propagation", "true");

/// Runs the raw client; returns the time from the first create to the last copy seen.
pub async fn measure(site: &Site, space: &str, count: usize, deadline: Duration) -> Result<Duration> {
    binding::install(&site.hub).await?;
    namespace::create(&site.hub, space, &[NOT_SYNCED]).await?;
    try_join_all(site.members.iter().map(|member| namespace::create(&member.client, space, &[]))).await?;
    let took = run(site, space, count, deadline).await.context("measuring the raw client")?;
    // What lies on the hub is the operator's to read, so it goes before the operator is measured.
    remove(site, space).await?;
    Ok(took)
}

async fn run(site: &Site, space: &str, count: usize, deadline: Duration) -> Result<Duration> {
    let _watches = RawWatches::open(site).await?;
    let client = Arc::new(RawClient::new(site, space).await?);
    propagate(&client, site, Load::RawWarmUp, WARM_UP, deadline).await?;
    propagate(&client, site, Load::Raw, count, deadline).await
}

/// Propagates one load; returns the time until its last copy was seen.
async fn propagate(
    client: &Arc<RawClient>,
    site: &Site,
    load: Load,
    count: usize,
    deadline: Duration,
) -> Result<Duration> {
    let space = client.templates.namespace().unwrap_or_default();
    let mut arrivals = Arrivals::watch(site, space, load).await?;
    let names = load.names(count);
    let first_asked = Instant::now();
    let (_done, last) = tokio::try_join!(client.propagate_all(load, &names), arrivals.wait_for(&names, deadline))?;
    Ok(last.duration_since(first_asked))
}

/// Removes all that the raw client makes, everywhere at once, or what is there of it.
pub async fn remove(site: &Site, space: &str) -> Result<()> {
    let members = site.members.iter().map(|member| (member.name.as_str(), &member.client));
    let clusters = members.chain([("the hub", &site.hub)]);
    let removals = clusters.map(|(name, client)| namespace::remove(client, space, name, REMOVAL_DEADLINE));
    try_join_all(removals).await.context("removing what the raw client made")?;
    binding::uninstall(&site.hub).await
}

/// The plain client.
struct RawClient {
    templates: Api<ConfigMap>,
    bindings: Api<DynamicObject>,
    hub_slots: Semaphore,
    copies: Vec<(String, Api<ConfigMap>, Semaphore)>,
    hub_uid: String,
}

impl RawClient {
    async fn new(site: &Site, space: &str) -> Result<Self> {
        let hub = &site.hub;
        let spaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(hub.clone());
        let system = spaces.get("kube-system").await.context("reading the hub's namespace kube-system")?;
        let copies = site.copies(space).into_iter();
        Ok(Self {
            templates: Api::namespaced(hub.clone(), space),
            bindings: Api::namespaced_with(hub.clone(), space, &binding::resource()),
            hub_slots: Semaphore::new(HUB_IN_FLIGHT),
            copies: copies.map(|(name, api)| (name, api, Semaphore::new(MEMBER_IN_FLIGHT))).collect(),
            hub_uid: system.uid().context("the hub's namespace kube-system has no uid")?,
        })
    }

    /// Creates templates as any load does, and brings each to the members as soon as the hub has it.
    async fn propagate_all(self: &Arc<Self>, load: Load, names: &[String]) -> Result<()> {
        let space = self.templates.namespace().unwrap_or_default();
        let creates = names
            .iter()
            .map(async |name| templates::create(&self.templates, &templates::build(space, name, load)).await);
        let mut answers = stream::iter(creates).buffer_unordered(templates::CREATES_IN_FLIGHT);
        let mut propagations = JoinSet::new();
        while let Some(template) = answers.next().await {
            let (client, template) = (Arc::clone(self), template?);
            propagations.spawn(async move { client.propagate(&template).await });
        }
        while let Some(done) = propagations.join_next().await {
            done.context("a task of the raw client ended")??;
        }
        Ok(())
    }

    async fn propagate(&self, template: &ConfigMap) -> Result<()> {
        let members: Vec<String> = self.copies.iter().map(|(name, ..)| name.clone()).collect();
        let generation = self.bind(template, &members).await?;
        let copy = Patch::Apply(binding::build_copy(template, &self.hub_uid)?);
        let parameters = PatchParams::apply(MANAGER);
        let name = template.name_any();
        let applies = self.copies.iter().map(async |(member, api, slots)| {
            let _slot = slots.acquire().await.context("slots are never closed")?;
            let applied = api.patch(&name, &parameters, &copy).await;
            applied.with_context(|| format!("applying {name} to {member}"))
        });
        try_join_all(applies).await?;
        let status = Patch::Merge(binding::build_status(&members, generation, &Timestamp::now().to_string()));
        let binding = format!("{name}-configmap");
        let _slot = self.hub_slots.acquire().await.context("slots are never closed")?;
        let written = self.bindings.patch_status(&binding, &PatchParams::default(), &status).await;
        written.map(drop).with_context(|| format!("writing the status of {binding}"))
    }

    /// Claims the template and creates its binding; returns the binding's generation.
    async fn bind(&self, template: &ConfigMap, members: &[String]) -> Result<i64> {
        let name = template.name_any();
        let claim = Patch::Merge(binding::build_claim(
            &template.namespace().unwrap_or_default(),
            &template.uid().unwrap_or_default(),
        ));
        let slot = self.hub_slots.acquire().await.context("slots are never closed")?;
        let claimed = self.templates.patch(&name, &PatchParams::default(), &claim).await;
        let claimed = claimed.with_context(|| format!("claiming {name}"))?;
        drop(slot);
        let wanted = binding::build(&claimed, members)?;
        let _slot = self.hub_slots.acquire().await.context("slots are never closed")?;
        let bound = self.bindings.create(&PostParams::default(), &wanted).await;
        Ok(bound.with_context(|| format!("creating the binding of {name}"))?.metadata.generation.unwrap_or_default())
    }
}
