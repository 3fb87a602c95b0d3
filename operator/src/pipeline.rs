//! The drivers: match → schedule → render → apply → observe → aggregate.
//!
//! Enters: keys of templates from the queue. Leaves: at most one claim and one
//! binding write for each decision, then orders in the members' lanes. The
//! deciding is `atoll_decide`'s; each step here fetches, asks, writes.

pub mod aggregate;
pub mod binding;
mod binding_write;
pub mod claim;
pub mod deliver;
mod news;
pub mod policy_status;
pub mod remove;
mod standing;
pub mod status;
pub mod tasks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use atoll_decide::binding::{self as decision};
use atoll_decide::cluster::Cluster;
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::ObjectKey;
use atoll_decide::matching::{Claim, ClaimDecision, PolicyRef, Template as Matched};
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;

pub use self::binding_write::binding_api;
use self::binding_write::{release_binding, write_binding};
use self::news::note;
pub use self::standing::ask;
use crate::app::App;
use crate::hub::bindings::{Binding, BindingRef};
use crate::hub::policies::Known;
use crate::hub::template_watch::into_value;
use crate::hub::templates::Template;
use crate::queue::Lane;
use crate::tasks::{About, Panicked, contain, fault_point};
use crate::telemetry::decisions::{What, Why};
use crate::telemetry::metrics::labels::{HubWriteLabel, OutcomeLabel, StepLabel};
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

/// Clusters that the placement means and whose API lacks the kind. They come
/// in by themselves once the API appears there.
fn left_out(template: &Template, policy: &Policy, fleet: &Fleet) -> Option<String> {
    let lacks = |cluster: &&Cluster| cluster.apis.as_ref().is_some_and(|apis| !apis.contains(&template.key.gvk));
    let meant = fleet.clusters.iter().filter(|cluster| policy.placement.affinity.admits(cluster));
    let names: Vec<&str> = meant.filter(lacks).map(|cluster| cluster.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("APINotInstalled: {} on {}.", template.key.gvk, names.join(", ")))
}
