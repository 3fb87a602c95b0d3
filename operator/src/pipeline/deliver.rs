//! Delivering a decided binding: render for its targets, order what differs,
//! and take away copies that a recorded decision no longer wants.

mod dropped;

use std::sync::Arc;

use atoll_crds::names::annotation;
use atoll_crds::policy::propagation::ConflictResolution;
use atoll_crds::work::binding::BindingSpec;
use atoll_decide::explain::Overridden;
use atoll_decide::failover::release::replacement_may_start;
use atoll_decide::failover::{Copy, Health};
use atoll_decide::first_write::OnForeign;
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::interpret;
use atoll_decide::placement::{ReplicaScheduling, Target};
use atoll_decide::render::{BindingMark, Destination, Manifest, Provenance, PrunedTemplate, Render, render_all};

pub use self::dropped::explain_dropped;
use self::dropped::remove_dropped;
use super::{Error, tasks, template_api};
use crate::app::App;
use crate::hub::bindings::Binding;
use crate::hub::template_watch::into_value;
use crate::hub::templates::Template;
use crate::members::intent::{Intent, Order};
use crate::members::leave;
use crate::members::member::Member;
use crate::queue::Lane;
use crate::tasks::About;
use crate::telemetry::Step;
use crate::telemetry::metrics::labels::StepLabel;
use crate::validate::policy::Policy;

/// Delivers a binding that a policy stands behind.
pub async fn run(
    app: &Arc<App>,
    template: &Template,
    policy: &Policy,
    binding: &Binding,
    fleet: &Fleet,
) -> Result<(), Error> {
    let targets = binding.targets();
    let divided = policy.placement.replicas != ReplicaScheduling::Duplicated;
    let ordered = order_targets(app, template, binding, &targets, divided, fleet).await;
    // Also where a target could not be ordered: what waits to be deleted may have to be withdrawn.
    remove_dropped(app, template, Some(policy), binding, &targets, fleet);
    ordered
}

/// Delivers a binding whose policy let go of it: its targets stay served, and
/// nothing is taken away.
pub async fn as_bound(app: &Arc<App>, template: &Template, binding: &Binding) -> Result<(), Error> {
    let fleet = app.fleet.view();
    order_targets(app, template, binding, &binding.targets(), is_divided(&binding.spec), &fleet).await
}

pub fn is_divided(spec: &BindingSpec) -> bool {
    use atoll_crds::policy::placement::ReplicaSchedulingType;
    let strategy = spec.placement.as_ref().and_then(|placement| placement.replica_scheduling.as_ref());
    strategy.is_some_and(|strategy| strategy.replica_scheduling_type == ReplicaSchedulingType::Divided)
}

async fn order_targets(
    app: &Arc<App>,
    template: &Template,
    binding: &Binding,
    targets: &[Target],
    divided: bool,
    fleet: &Fleet,
) -> Result<(), Error> {
    let open: Vec<(&Target, Arc<Member>)> = targets
        .iter()
        .filter(|target| {
            !is_suspended(&binding.spec, &target.cluster)
                && !is_let_go(app, &target.cluster, fleet)
                && may_start(app, template, binding, target, fleet)
        })
        .filter_map(|target| Some((target, app.members.get(&target.cluster)?)))
        .collect();
    let inputs = Inputs::of(app, template, binding, divided, fleet);
    let stale = open.iter().any(|(target, member)| !app.is_delivered(&template.key, target, member, &inputs));
    if !stale {
        app.templates.drop_content(template);
        return Ok(());
    }
    let delivery = Delivery { app, template, binding, divided, fleet };
    let about = About::object(&template.key).under(App::policy_of(binding)).bound(&binding.reference);
    let rendered = Step::rendering(about).run(render_and_order(delivery, &open, &inputs));
    super::timed(app, StepLabel::Render, rendered).await
}

async fn render_and_order(
    delivery: Delivery<'_>,
    open: &[(&Target, Arc<Member>)],
    inputs: &Inputs,
) -> Result<(), Error> {
    let Delivery { app, template, .. } = delivery;
    let content = content(app, template).await?;
    let Some(content) = content else { return Ok(()) };
    let manifests = render(delivery, &content, open);
    let mut failure = None;
    for ((target, member), manifest) in open.iter().zip(manifests) {
        match manifest {
            Ok(manifest) => order(delivery, member, target, &manifest, inputs),
            Err(error) => {
                app.fleet.observe_failure(&template.key, &target.cluster, error.to_string(), true);
                app.status_due(&template.key);
                failure = Some(error);
            }
        }
    }
    if let Some(error) = failure {
        Err(error.into())
    } else {
        app.templates.drop_content(template);
        Ok(())
    }
}

/// What manifests depend on beside their targets; equal inputs render the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Inputs {
    content: u64,
    generation: i64,
    overrides: u64,
    divided: bool,
    binding: Box<str>,
    on_foreign: OnForeign,
    /// What override rules may look at in the target clusters.
    clusters: u64,
}

impl Inputs {
    /// What to do about an object that is not ours.
    pub fn on_foreign(&self) -> OnForeign {
        self.on_foreign
    }

    fn of(app: &App, template: &Template, binding: &Binding, divided: bool, fleet: &Fleet) -> Self {
        Self {
            content: template.content_hash,
            generation: template.generation,
            overrides: app.overrides.version(),
            divided,
            binding: binding.uid.clone(),
            on_foreign: on_foreign(template, &binding.spec),
            clusters: facts_of(binding, fleet),
        }
    }
}

fn facts_of(binding: &Binding, fleet: &Fleet) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let named = binding.spec.clusters.iter().filter_map(|target| fleet.cluster(&target.name.as_str().into()));
    let facts: Vec<_> = named
        .map(|cluster| (&cluster.name, &cluster.labels, &cluster.provider, &cluster.region, &cluster.zones))
        .collect();
    BuildHasherDefault::<DefaultHasher>::default().hash_one(facts)
}

/// The cluster leaves and keeps its objects: what was released there is not taken again.
pub fn is_let_go(app: &App, name: &ClusterName, fleet: &Fleet) -> bool {
    fleet.cluster(name).is_some_and(|cluster| cluster.deleting)
        && app.clusters.get(name).is_some_and(|cluster| leave::keeps_objects(&cluster))
}

pub fn is_suspended(spec: &BindingSpec, cluster: &ClusterName) -> bool {
    spec.suspension.as_ref().is_some_and(|suspension| suspension.holds(cluster.as_str()))
}

/// Health of the copies on these clusters, for a decision over moves and
/// removals. What is suspended is not brought to what is wanted, so its copy
/// says nothing about that (promise I1).
pub fn health<'a>(
    app: &App,
    key: &ObjectKey,
    spec: Option<&BindingSpec>,
    clusters: impl Iterator<Item = &'a ClusterName>,
    fleet: &Fleet,
) -> Vec<Copy<'a>> {
    let copies = app.fleet.copies(key);
    let health_of = |cluster: &ClusterName| {
        if spec.is_some_and(|spec| is_suspended(spec, cluster)) {
            return Health::Unknown;
        }
        app.copy_health(key, cluster, &copies, fleet)
    };
    clusters.map(|cluster| (cluster, health_of(cluster))).collect()
}

/// Purge mode Directly: nothing new starts while the old copy may still run.
pub fn may_start(app: &App, template: &Template, binding: &Binding, target: &Target, fleet: &Fleet) -> bool {
    let tasks = tasks::read(&binding.spec.graceful_eviction_tasks);
    tasks.iter().filter(|task| !task.clusters_before.contains(&target.cluster)).all(|task| {
        let gone = is_gone(app, &template.key, &task.from);
        let fenced = fleet.cluster(&task.from).is_some_and(|cluster| cluster.fenced);
        replacement_may_start(task, gone, fenced)
    })
}

/// Whether a read or a delete there has said that there is no such copy, and
/// nothing has come since. A watch that no longer shows it says less: its label
/// may have been stripped (promise I2).
pub fn is_gone(app: &App, key: &ObjectKey, cluster: &ClusterName) -> bool {
    let nothing_since = |member: Arc<Member>| member.copies.get(key).is_none() && !member.lane.is_applying(key);
    app.fleet.is_confirmed_gone(key, cluster) && app.members.get(cluster).is_some_and(nothing_since)
}

/// The template's content: as the watch brought it, or read again.
async fn content(app: &App, template: &Template) -> Result<Option<Arc<PrunedTemplate>>, Error> {
    if let Some(content) = &template.content {
        return Ok(Some(Arc::clone(content)));
    }
    let read = template_api(app, &template.key).get_opt(&template.key.name).await;
    let Some(object) = read.map_err(Error::hub("reading the template", &template.key))? else { return Ok(None) };
    let kind = app.kind(&template.key);
    let fresh = Template::of(template.key.clone(), into_value(object), &kind);
    if fresh.uid != template.uid || fresh.content_hash != template.content_hash {
        // It moved on; its own event brings the newer state here.
        return Ok(None);
    }
    Ok(fresh.content)
}

/// What one delivery is about.
#[derive(Clone, Copy)]
struct Delivery<'a> {
    app: &'a Arc<App>,
    template: &'a Template,
    binding: &'a Binding,
    divided: bool,
    fleet: &'a Fleet,
}

fn render(
    delivery: Delivery<'_>,
    content: &PrunedTemplate,
    open: &[(&Target, Arc<Member>)],
) -> Vec<Result<Arc<Manifest>, atoll_decide::render::Error>> {
    ask(delivery, content, open, render_all)
}

/// What the overrides change for each target, and why it cannot be made there.
/// None: the template's content is another by now, or gone.
pub async fn explain(
    app: &Arc<App>,
    (template, binding): (&Template, &Binding),
    (targets, divided): (&[Target], bool),
    fleet: &Fleet,
) -> Result<Option<Vec<Overridden>>, Error> {
    let Some(content) = content(app, template).await? else { return Ok(None) };
    let open: Vec<(&Target, Arc<Member>)> =
        targets.iter().filter_map(|target| Some((target, app.members.get(&target.cluster)?))).collect();
    let delivery = Delivery { app, template, binding, divided, fleet };
    let explained = ask(delivery, &content, &open, |input, destinations| {
        let one = |destination: &Destination<'_>| {
            let (manifest, changes) = atoll_decide::render::explain(input, destination);
            let error = manifest.err().map(|error| error.to_string());
            Overridden { cluster: destination.cluster.name.to_string(), changes, error }
        };
        destinations.iter().map(one).collect()
    });
    Ok(Some(explained))
}

/// Gathers what rendering looks at, for every target that is open.
fn ask<T>(
    delivery: Delivery<'_>,
    content: &PrunedTemplate,
    open: &[(&Target, Arc<Member>)],
    render: impl FnOnce(&Render<'_>, &[Destination<'_>]) -> T,
) -> T {
    let Delivery { app, template, binding, divided, fleet } = delivery;
    let overrides = app.overrides.applicable(&template.key, &template.labels);
    let overrides: Vec<_> = overrides.iter().map(|policy| &**policy).collect();
    let kind = app.kind(&template.key);
    let provenance = provenance(app, template, binding);
    let input = Render {
        template: content,
        overrides: &overrides,
        provenance: &provenance,
        scale: kind.scale.as_deref(),
        members_scale: false,
    };
    let completions = completions(template, content, open, divided);
    let destinations = open.iter().enumerate().filter_map(|(index, (target, _))| {
        Some(Destination {
            cluster: fleet.cluster(&target.cluster)?,
            replicas: target.replicas,
            completions: completions.get(index).copied(),
        })
    });
    render(&input, &destinations.collect::<Vec<_>>())
}

/// A divided Job's completions follow its replicas (karmada-api 2.3).
fn completions(
    template: &Template,
    content: &PrunedTemplate,
    open: &[(&Target, Arc<Member>)],
    divided: bool,
) -> Vec<i32> {
    let stated = content.object()["spec"]["completions"].as_i64().and_then(|count| i32::try_from(count).ok());
    match stated {
        Some(count) if divided && template.key.gvk.is("batch", "Job") => {
            let targets: Vec<Target> = open.iter().map(|(target, _)| (*target).clone()).collect();
            interpret::divide_completions(count, &targets)
        }
        _ => Vec::new(),
    }
}

fn provenance(app: &App, template: &Template, binding: &Binding) -> Provenance {
    Provenance {
        binding: Some(BindingMark {
            namespace: binding.reference.namespace.as_deref().map(Into::into),
            name: binding.reference.name.to_string(),
            id: binding.id.as_deref().unwrap_or_default().to_owned(),
        }),
        template_uid: template.uid.to_string(),
        template_generation: template.generation,
        hub_uid: app.hub_uid.to_string(),
    }
}

fn order(delivery: Delivery<'_>, member: &Arc<Member>, target: &Target, manifest: &Arc<Manifest>, inputs: &Inputs) {
    let Delivery { app, template, binding, .. } = delivery;
    let kind = app.kind(&template.key);
    member.watch_kind(app, &kind);
    app.note_delivered(&template.key, target, manifest.hash, inputs);
    let copy = member.copies.get(&template.key);
    if copy.as_ref().is_some_and(|copy| copy.is_in_sync(manifest.hash)) {
        member.want_nothing(&template.key);
        return;
    }
    if member.lane.wants(&template.key, manifest.hash, on_foreign(template, &binding.spec)) {
        // It waits already, with its back-off.
        return;
    }
    let known = copy.is_some() || binding.status.is_some();
    let intent = Intent::Apply { manifest: Arc::clone(manifest), on_foreign: on_foreign(template, &binding.spec) };
    // After a start everything is looked at again: users go first.
    let lane = if known && copy.is_some_and(|copy| copy.is_unverified()) { Lane::CatchUp } else { Lane::User };
    member.lane.submit(template.key.clone(), Order { intent, kind }, lane);
}

/// The user's word on the template goes before the policy's.
fn on_foreign(template: &Template, spec: &BindingSpec) -> OnForeign {
    match template.annotation(annotation::CONFLICT_RESOLUTION) {
        Some("overwrite") => OnForeign::Overwrite,
        Some("abort") => OnForeign::Abort,
        _ => match spec.conflict_resolution {
            ConflictResolution::Overwrite => OnForeign::Overwrite,
            ConflictResolution::Abort => OnForeign::Abort,
        },
    }
}
