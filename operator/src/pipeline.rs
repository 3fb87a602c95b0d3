//! The drivers: match → schedule → render → apply → observe → aggregate.
//!
//! Enters: keys of templates from the queue. Leaves: at most one claim and one
//! binding write for each decision, then orders in the members' lanes. The
//! deciding is `atoll_decide`'s; each step here fetches, asks, writes.

pub mod aggregate;
pub mod binding;
pub mod claim;
pub mod deliver;
pub mod policy_status;
pub mod remove;
pub mod status;
pub mod tasks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use atoll_crds::atoll::isolation_snapshot::MovePhase;
use atoll_decide::binding::{self as decision, Note, Outcome, Plan};
use atoll_decide::cluster::Cluster;
use atoll_decide::failover::Copy;
use atoll_decide::failover::eviction::{Held, Now, Twice};
use atoll_decide::failover::task::{PurgeMode, Task};
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::matching::{Claim, ClaimDecision, PolicyRef, Template as Matched};
use atoll_decide::placement::Target;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::DynamicObject;

use self::status::FIRST_WAIT;
use crate::app::App;
use crate::clock;
use crate::failover::moves::News;
use crate::hub::bindings::{Binding, BindingRef};
use crate::hub::policies::Known;
use crate::hub::template_watch::into_value;
use crate::hub::templates::Template;
use crate::queue::Lane;
use crate::tasks::{About, Panicked, contain, fault_point};
use crate::telemetry::decisions::{What, Why};
use crate::telemetry::metrics::labels::{HubWriteLabel, MoveLabel, OutcomeLabel, StepLabel};
use crate::telemetry::{Cause, Step, fields, steps};
use crate::validate::policy::Policy;

/// Templates looked at side by side. Each waits mostly for the hub.
pub const WORKERS: usize = 32;
/// A failed look is repeated after this, doubling up to [`SLOWEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(100);
const SLOWEST_RETRY: Duration = Duration::from_secs(30);

/// One look takes at most this: a hub that hangs must not hold a worker.
const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// Why a look did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub refused or did not answer.
    #[error("{action} of {key} failed: {source}")]
    Hub {
        /// What was tried.
        action: &'static str,
        /// On which template's behalf.
        key: ObjectKey,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// Another template holds the binding's name (D7).
    #[error("the binding {binding} belongs to another template ({owner}); rename one of the two")]
    NameTaken {
        /// The binding.
        binding: BindingRef,
        /// Whose it is.
        owner: ObjectKey,
    },
    /// The hub hung.
    #[error("the look at {0} did not end within {LOOK_WITHIN:?}")]
    Late(ObjectKey),
    /// The look panicked.
    #[error("the look at {0} failed: {1}")]
    Defect(ObjectKey, Panicked),
    /// An override does not apply, or the like.
    #[error(transparent)]
    Render(#[from] atoll_decide::render::Error),
}

impl Error {
    /// Whether a user can do something about it.
    pub fn is_for_the_user(&self) -> bool {
        matches!(self, Self::NameTaken { .. } | Self::Render(_))
    }

    fn hub(action: &'static str, key: &ObjectKey) -> impl FnOnce(kube::Error) -> Self {
        let key = key.clone();
        move |source| Self::Hub { action, key, source: Box::new(source) }
    }
}

/// Failed looks in a row, by template.
#[derive(Default)]
pub struct Retries {
    attempts: Mutex<HashMap<ObjectKey, u32>>,
}

impl Retries {
    fn after(&self, key: &ObjectKey) -> Duration {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry(key.clone()).or_default();
        *attempt += 1;
        SLOWEST_RETRY.min(FIRST_RETRY.saturating_mul(1 << (*attempt - 1).min(16)))
    }

    /// Whether the last look failed.
    pub fn is_failing(&self, key: &ObjectKey) -> bool {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    fn forget(&self, key: &ObjectKey) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// One worker, until its task is cancelled.
pub async fn run(app: Arc<App>) {
    app.synced.wait().await;
    loop {
        let work = app.reconcile.next().await;
        app.wait_to_lead().await;
        let key = work.key.clone();
        let began = Instant::now();
        app.metrics.pipeline.causes.inc(work.cause);
        let step = Step::look(work.cause, About::object(&key));
        // A template that makes a look panic waits longer and longer, and takes no worker along.
        let look = contain(step.run(look(&app, &key))).await;
        let outcome = match look.unwrap_or_else(|panicked| Err(Error::Defect(key.clone(), panicked))) {
            Ok(()) => {
                app.retries.forget(&key);
                OutcomeLabel::Done
            }
            Err(error) => {
                app.tell_template(&key, &error);
                let wait = app.retries.after(&key);
                app.reconcile.add_after_for(key.clone(), Lane::CatchUp, Cause::Retry, wait);
                OutcomeLabel::Failed
            }
        };
        app.metrics.pipeline.observe_reconcile(outcome, began.elapsed());
    }
}

async fn look(app: &Arc<App>, key: &ObjectKey) -> Result<(), Error> {
    let ended = tokio::time::timeout(LOOK_WITHIN, reconcile(app, key)).await;
    let ended = ended.unwrap_or_else(|_| Err(Error::Late(key.clone())));
    if let Err(error) = &ended {
        steps::record_error(error);
        tracing::debug!(object = %key, %error, "look failed");
    }
    ended
}

/// One look at one template, from its claim to the orders.
async fn reconcile(app: &Arc<App>, key: &ObjectKey) -> Result<(), Error> {
    let binding = app.bindings.get(key);
    if let Some(binding) = binding.as_ref().filter(|binding| binding.deleting) {
        let about = About::object(key).under(App::policy_of(binding)).bound(&binding.reference);
        return Step::removing(about).run(remove::drive(app, key, binding)).await;
    }
    // Without a template the binding's owner is gone: the garbage collector
    // marks the binding, and that mark is what lets copies go.
    let Some(template) = app.templates.get(key) else {
        return match app.bindings.former_of(key) {
            Some(former) if binding.is_none() => remove::make_anew_to_go(app, key, &former).await,
            _ => Ok(()),
        };
    };
    if template.is_claimed_elsewhere() {
        return Ok(());
    }
    check_owner(&template, binding.as_deref())?;
    let claimed = Step::matching(About::object(key)).run(settle_claim(app, template));
    let (template, policy) = match timed(app, StepLabel::Match, claimed).await? {
        Claimed::By(template, policy) => (template, policy),
        Claimed::Nobody(template) => {
            // Its copies stay as the binding says (karmada-api 2.2).
            return match binding {
                Some(binding) => {
                    let binding = release_binding(app, key, binding).await?;
                    deliver::as_bound(app, &template, &binding).await
                }
                None => Ok(()),
            };
        }
        Claimed::Waits => return Ok(()),
    };
    let reference = &policy.matching.reference;
    steps::record(fields::POLICY, reference);
    let fleet = app.fleet.view();
    let about = About::object(key).under(Some(reference.clone()));
    let schedule = Step::scheduling(about).run(schedule(app, &template, &policy, binding, &fleet));
    let written = timed(app, StepLabel::Schedule, schedule).await?;
    steps::record(fields::BINDING, &written.reference);
    deliver::run(app, &template, &policy, &written, &fleet).await
}

/// Decides where the copies should be, and records it.
async fn schedule(
    app: &App,
    template: &Template,
    policy: &Policy,
    binding: Option<Arc<Binding>>,
    fleet: &Fleet,
) -> Result<Arc<Binding>, Error> {
    let key = &template.key;
    // A binding that was deleted by hand is made anew where it was.
    let former = app.bindings.former_of(key).filter(|former| binding.is_none() && former.is_about(&template.uid));
    let before = binding.as_deref().or(former.as_deref());
    let plan = ask(app, template, policy, (before, fleet), decision::plan);
    fault_point!("decided", key);
    let written = write_binding(app, template, policy, &plan, binding.as_deref()).await?;
    fault_point!("recorded", key);
    let news = aggregate::ScheduleNews {
        outcome: plan.outcome.clone(),
        group: plan.group.clone(),
        left_out: left_out(template, policy, fleet),
        generation: written.generation,
    };
    note(app, key, &plan, binding.as_deref(), news);
    Ok(written)
}

async fn timed<F: Future>(app: &App, step: StepLabel, work: F) -> F::Output {
    let began = Instant::now();
    let ended = work.await;
    app.metrics.pipeline.observe_step(step, began.elapsed());
    ended
}

/// Takes the claim of a policy that let go off the binding.
async fn release_binding(app: &App, key: &ObjectKey, binding: Arc<Binding>) -> Result<Arc<Binding>, Error> {
    if App::policy_of(&binding).is_none() {
        return Ok(binding);
    }
    let mut patch = claim::patch(None);
    patch["metadata"]["resourceVersion"] = (*binding.resource_version).into();
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let api = binding_api(app, &binding.reference);
    let written = api.patch(&binding.reference.name, &parameters, &Patch::Merge(patch)).await;
    let written = app.metrics.hub.count(HubWriteLabel::BindingUpdate, written);
    let written = written.map_err(Error::hub("releasing the binding", key))?;
    let released = read_binding(written).map_err(Error::hub("reading the binding", key))?;
    app.bindings.put(released.clone());
    Ok(Arc::new(released))
}

/// The name of a binding says nothing of the API group (D7): an object under
/// our name that speaks of another template is not touched.
fn check_owner(template: &Template, binding: Option<&Binding>) -> Result<(), Error> {
    match binding {
        Some(binding) if binding.template() != template.key => {
            Err(Error::NameTaken { binding: binding.reference.clone(), owner: binding.template() })
        }
        _ => Ok(()),
    }
}

pub enum Claimed {
    By(Arc<Template>, Arc<Policy>),
    Nobody(Arc<Template>),
    /// The policy is not usable now; what is there stays.
    Waits,
}

/// Brings the claim on the template to what matching says.
async fn settle_claim(app: &App, template: Arc<Template>) -> Result<Claimed, Error> {
    let recorded = claim::recorded(&template);
    let matched = Matched { key: &template.key, labels: &template.labels, claimed_by: recorded.as_ref() };
    match app.policies.claim(&matched) {
        ClaimDecision::Unmatched => Ok(Claimed::Nobody(template)),
        ClaimDecision::Keep(claim) => Ok(with_policy(app, template, &claim.policy)),
        ClaimDecision::Release { .. } => {
            let template = write_claim(app, &template, None).await?;
            app.decisions.record(Some(&template.key), None, What::Released, Why::Nothing);
            Ok(Claimed::Nobody(template))
        }
        ClaimDecision::Claim { claim, .. } => {
            if claim.id.is_empty() {
                // The policy has no permanent id yet; the policy driver gives
                // it one, and its change brings us back here.
                return Ok(Claimed::Waits);
            }
            if let Claimed::Waits = with_policy(app, Arc::clone(&template), &claim.policy) {
                return Ok(Claimed::Waits);
            }
            let template = write_claim(app, &template, Some(&claim)).await?;
            app.decisions.record(Some(&template.key), None, What::Claimed, Why::Policy(claim.policy.clone()));
            Ok(with_policy(app, template, &claim.policy))
        }
    }
}

pub fn with_policy(app: &App, template: Arc<Template>, policy: &PolicyRef) -> Claimed {
    match app.policies.get(policy) {
        Some(Known::Valid(policy)) if app.missing_override(&policy).is_none() => Claimed::By(template, policy),
        Some(Known::Valid(_) | Known::Invalid { .. }) | None => Claimed::Waits,
    }
}

async fn write_claim(app: &App, template: &Template, claim: Option<&Claim>) -> Result<Arc<Template>, Error> {
    let api = template_api(app, &template.key);
    let mut patch = claim::patch(claim);
    patch["metadata"]["uid"] = (*template.uid).into();
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let written = api.patch(&template.key.name, &parameters, &Patch::Merge(patch)).await;
    let written = app.metrics.hub.count(HubWriteLabel::Claim, written);
    let written = written.map_err(Error::hub("recording the claim", &template.key))?;
    let kind = app.kind(&template.key);
    let written = Template::of(template.key.clone(), into_value(written), &kind);
    app.templates.put(written);
    Ok(app.templates.get(&template.key).unwrap_or_else(|| Arc::new(template.clone())))
}

/// The API of a template's kind.
pub fn template_api(app: &App, key: &ObjectKey) -> Api<DynamicObject> {
    let kind = app.kind(key);
    match &key.namespace {
        Some(namespace) => Api::namespaced_with(app.hub.clone(), namespace.as_str(), &kind.resource),
        None => Api::all_with(app.hub.clone(), &kind.resource),
    }
}

/// Asks `decide` where the copies should be. Gathers what the decision looks
/// at; decides nothing itself.
pub fn ask<T>(
    app: &App,
    template: &Template,
    policy: &Policy,
    (binding, fleet): (Option<&Binding>, &Fleet),
    decide: impl FnOnce(&decision::Scene<'_>, Now) -> T,
) -> T {
    let targets = binding.map(Binding::targets).unwrap_or_default();
    let tasks: Vec<Task> =
        binding.map(|binding| tasks::read(&binding.spec.graceful_eviction_tasks)).unwrap_or_default();
    let spec = binding.map(|binding| &binding.spec);
    let clusters = targets.iter().map(|target| &target.cluster);
    let health = deliver::health(app, &template.key, spec, clusters, fleet);
    let left = tasks.iter().map(|task| &task.from).filter(|name| deliver::is_gone(app, &template.key, name));
    let gone: Vec<ClusterName> = left.cloned().collect();
    let scene = decision::Scene {
        gvk: &template.key.gvk,
        template_uid: &template.uid,
        replicas: template.demand.as_ref().map(|demand| demand.replicas),
        requests: template.demand.as_ref().map(|demand| &demand.requests),
        twice: &twice(template),
        placement: &policy.placement,
        purge: purge(policy),
        standing: decision::Standing { gone: &gone, ..standing(app, binding, policy, &targets, &tasks, &health) },
        fleet,
        after: app.settings.failover_after,
        off: None,
    };
    decide(&scene, Now { wall: clock::wall(), mono: clock::mono() })
}

fn standing<'a>(
    app: &App,
    binding: Option<&'a Binding>,
    policy: &Policy,
    targets: &'a [Target],
    tasks: &'a [Task],
    copies: &'a [Copy<'a>],
) -> decision::Standing<'a> {
    use atoll_crds::names::annotation::APPLIED_PLACEMENT;
    let applied = binding.and_then(|binding| binding.annotations.get(APPLIED_PLACEMENT));
    let asked = binding.and_then(|binding| binding.spec.reschedule_triggered_at.as_ref());
    let last = binding.and_then(|binding| binding.last_scheduled.as_ref());
    let suspension = binding.and_then(|binding| binding.spec.suspension.as_ref());
    // The status that says so is written after the spec: what this process
    // scheduled itself is as good.
    let current = binding
        .is_some_and(|binding| binding.scheduled_generation == Some(binding.generation) || app.scheduled_now(binding));
    decision::Standing {
        targets,
        tasks,
        group: binding.and_then(|binding| binding.group.as_deref()),
        scheduled_before: applied.is_some(),
        same_placement: applied.is_some_and(|text| **text == *policy.placement_text),
        asked: matches!((asked, last), (Some(asked), Some(last)) if asked.0 > last.0),
        suspended: suspension.is_some_and(|suspension| suspension.scheduling == Some(true))
            || binding::is_scheduled_elsewhere(&policy.spec.scheduler_name),
        schedule_is_current: current,
        copies,
        gone: &[],
    }
}

pub fn twice(template: &Template) -> Twice {
    use atoll_crds::names::annotation::ALLOW_UNFENCED_MOVE;
    let allowed = template.annotation(ALLOW_UNFENCED_MOVE) == Some("true");
    match &template.must_not_run_twice {
        Some(why) if !allowed => Twice::Forbidden(why.to_string()),
        _ => Twice::Allowed,
    }
}

fn purge(policy: &Policy) -> PurgeMode {
    use atoll_crds::policy::failover::ClusterPurgeMode;
    let cluster = policy.spec.failover.as_ref().and_then(|failover| failover.cluster.as_ref());
    match cluster.map(|cluster| cluster.purge_mode) {
        Some(ClusterPurgeMode::Directly) => PurgeMode::Directly,
        Some(ClusterPurgeMode::Gracefully) | None => PurgeMode::Gracefully,
    }
}

/// Writes the decision, once, before anything of it is carried out (promise
/// I4). Nothing is written when the binding says so already.
async fn write_binding(
    app: &App,
    template: &Template,
    policy: &Policy,
    plan: &Plan,
    existing: Option<&Binding>,
) -> Result<Arc<Binding>, Error> {
    let stands_anew = existing.is_none() && matches!(plan.outcome, Outcome::Stands) && !plan.targets.is_empty();
    let scheduled = stands_anew || matches!(plan.outcome, Outcome::Scheduled(_));
    let wanted = binding::build(template, policy, &plan.targets, tasks::write(&plan.tasks), existing, scheduled);
    let key = &template.key;
    let written = match existing {
        None => {
            let object = binding::created(&wanted, &uuid::Uuid::new_v4().to_string());
            let object: DynamicObject = serde_json::from_value(object).map_err(|error| Error::Hub {
                action: "building the binding",
                key: key.clone(),
                source: Box::new(kube::Error::SerdeError(error)),
            })?;
            let api = binding_api(app, &wanted.reference);
            let written = api.create(&PostParams::default(), &object).await;
            let written = app.metrics.hub.count(HubWriteLabel::BindingCreate, written);
            written.map_err(Error::hub("creating the binding", key))?
        }
        Some(existing) => {
            let Some(patch) = binding::difference(&wanted, existing) else {
                return Ok(Arc::new(existing.clone()));
            };
            let api = binding_api(app, &existing.reference);
            let parameters = PatchParams::apply(FIELD_MANAGER);
            let written = api.patch(&existing.reference.name, &parameters, &Patch::Merge(patch)).await;
            let written = app.metrics.hub.count(HubWriteLabel::BindingUpdate, written);
            written.map_err(Error::hub("updating the binding", key))?
        }
    };
    if let Outcome::Scheduled(trigger) = plan.outcome {
        app.decisions.record(Some(key), None, What::Scheduled, Why::Rule(trigger));
    }
    let binding = read_binding(written).map_err(Error::hub("reading the binding", key))?;
    app.bindings.put(binding.clone());
    Ok(Arc::new(binding))
}

pub fn binding_api(app: &App, reference: &BindingRef) -> Api<DynamicObject> {
    use atoll_crds::{ClusterResourceBinding, ResourceBinding};
    use kube::core::ApiResource;
    match &reference.namespace {
        Some(namespace) => {
            Api::namespaced_with(app.hub.clone(), namespace, &ApiResource::erase::<ResourceBinding>(&()))
        }
        None => Api::all_with(app.hub.clone(), &ApiResource::erase::<ClusterResourceBinding>(&())),
    }
}

fn read_binding(object: DynamicObject) -> Result<Binding, kube::Error> {
    use atoll_crds::{ClusterResourceBinding, ResourceBinding};
    let namespaced = object.metadata.namespace.is_some();
    let value = into_value(object);
    let binding = if namespaced {
        Binding::of(&serde_json::from_value::<ResourceBinding>(value).map_err(kube::Error::SerdeError)?)
    } else {
        Binding::of(&serde_json::from_value::<ClusterResourceBinding>(value).map_err(kube::Error::SerdeError)?)
    };
    Ok(binding)
}

/// Clusters that the placement means and whose API lacks the kind. They come
/// in by themselves once the API appears there.
fn left_out(template: &Template, policy: &Policy, fleet: &Fleet) -> Option<String> {
    let lacks = |cluster: &&Cluster| cluster.apis.as_ref().is_some_and(|apis| !apis.contains(&template.key.gvk));
    let meant = fleet.clusters.iter().filter(|cluster| policy.placement.affinity.admits(cluster));
    let names: Vec<&str> = meant.filter(lacks).map(|cluster| cluster.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("APINotInstalled: {} on {}.", template.key.gvk, names.join(", ")))
}

/// Tells what is worth telling, and when to look again.
fn note(app: &App, key: &ObjectKey, plan: &Plan, before: Option<&Binding>, news: aggregate::ScheduleNews) {
    app.statuses.note_schedule(key, news);
    let failed = matches!(plan.outcome, Outcome::Failed { .. });
    let wait = if before.is_none() && !failed && !plan.targets.is_empty() { FIRST_WAIT } else { Duration::ZERO };
    if wait.is_zero() {
        app.status_due(key);
    } else {
        app.status.add_after(key.clone(), Lane::User, wait);
    }
    if let Some(at) = plan.look_again {
        app.reconcile.add_after_for(key.clone(), Lane::User, Cause::Due, at.since(clock::mono()));
    }
    app.tell_schedule(key, &plan.outcome);
    for note in &plan.notes {
        tell(app, key, note);
    }
}

fn tell(app: &App, key: &ObjectKey, note: &Note) {
    let (cluster, told, reason) = match note {
        // The cluster is on its way back, or not out for sure: nothing a
        // person has to know of each object.
        Note::Held { why: Held::Returning | Held::NotArmed(_), .. } => return,
        Note::Held { cluster, .. } => (cluster, None, "EvictionHeld"),
        Note::Vacating { cluster, .. } => {
            (cluster, Some((MoveLabel::Planned, MovePhase::Planned)), "EvictWorkloadFromClusterSucceed")
        }
        Note::Lost { cluster, .. } => {
            (cluster, Some((MoveLabel::NoPlace, MovePhase::Kept)), "EvictWorkloadFromClusterFailed")
        }
        Note::Replaced(cluster) => (cluster, Some((MoveLabel::Replaced, MovePhase::Replaced)), "ReplacementHealthy"),
        Note::Released(cluster) => (cluster, Some((MoveLabel::Finished, MovePhase::Replaced)), "EvictedCopyReleased"),
        Note::TakenBack { cluster, .. } => {
            (cluster, Some((MoveLabel::Cancelled, MovePhase::Cancelled)), "EvictionCancelled")
        }
    };
    let message = note.to_string();
    if !app.note_once(key, reason, &message) {
        return;
    }
    let binding = app.bindings.get(key);
    let policy = binding.as_deref().and_then(App::policy_of).map(tracing::field::display);
    let binding = binding.as_ref().map(|binding| tracing::field::display(&binding.reference));
    tracing::info!(object = %key, %cluster, policy, binding, reason, message, "decision");
    app.decisions.record(Some(key), Some(cluster), What::Moved(reason), Why::Words(message.as_str().into()));
    if let Some((label, phase)) = told {
        app.metrics.health.moves.inc(label);
        app.moves.tell(News { key: key.clone(), from: cluster.clone(), phase, reason });
    }
}
