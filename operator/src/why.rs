//! `GET /debug/why`: why one object runs where it runs (promise I8).
//!
//! Enters: kind, name, namespace. Leaves: the deciders' own explanations, made
//! from what they would look at now, beside what the drivers did. Must not:
//! decide in another way than they do, or write anything.

mod applies;
mod find;

use std::sync::Arc;

use atoll_decide::binding as decision;
use atoll_decide::explain::{self, Binding as BindingSeen, Explanation, Object, Past, Pause};
use atoll_decide::fleet::Fleet;
use atoll_decide::ids::ObjectKey;
use atoll_decide::matching::Template as Matched;
use atoll_decide::placement::ReplicaScheduling;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;

use crate::app::App;
use crate::clock;
use crate::hub::bindings::Binding;
use crate::hub::policies::Known;
use crate::hub::templates::Template;
use crate::pipeline::{self, claim, deliver, tasks};
use crate::telemetry::decisions::Entry;
use crate::validate;
use crate::validate::policy::Policy;

/// So much of the past is told.
const HISTORY: usize = 20;

/// Why a question has no answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: String) -> Self {
        Self { status, message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": self.message}))).into_response()
    }
}

/// What the debug listener answers here.
pub fn routes(app: &Arc<App>) -> Router {
    Router::new().route("/debug/why", get(answer)).with_state(Arc::clone(app))
}

async fn answer(
    State(app): State<Arc<App>>,
    Query(question): Query<find::Question>,
) -> Result<Json<Explanation>, Refusal> {
    let found = find::find(&app, &question).await?;
    Ok(Json(explain(&app, &found).await))
}

/// What is known of the object that was asked for.
pub struct Found {
    key: ObjectKey,
    template: Option<Arc<Template>>,
    binding: Option<Arc<Binding>>,
}

async fn explain(app: &Arc<App>, found: &Found) -> Explanation {
    let Found { key, template, binding } = found;
    let fleet = app.fleet.view();
    let mut seen = Explanation { object: object(key, template.as_deref()), ..Explanation::default() };
    let mut policy = None;
    if let Some(template) = template {
        let recorded = claim::recorded(template);
        let matched = Matched { key, labels: &template.labels, claimed_by: recorded.as_ref() };
        seen.claim = app.policies.explain(&matched);
        let reference = claim_of(app, &matched);
        let (usable, held_up) = usable(app, template, reference.as_ref());
        policy = usable;
        seen.held_up = held_up;
    } else {
        "the template is gone; its copies go with its binding".clone_into(&mut seen.claim.decision);
    }
    let former = app.bindings.former_of(key);
    let before = binding.as_deref().or(former.as_deref());
    if let (Some(template), Some(policy)) = (template, &policy) {
        let (plan, explained) = pipeline::ask(app, template, policy, (before, &fleet), decision::explain);
        seen.binding = Some(compare(app, key, (binding.as_deref(), before), &plan));
        seen.placement = Some(explained);
    } else if let Some(binding) = binding {
        seen.binding = Some(as_written(binding));
    }
    if let (Some(template), Some(binding)) = (template, binding) {
        overrides(app, &mut seen, (template, binding, policy.as_deref()), &fleet).await;
    }
    seen.applies = applies::applies(app, key, (template.as_deref(), policy.as_deref(), binding.as_deref()), &fleet);
    seen.pauses = pauses(app, binding.as_deref(), &fleet);
    seen.history = history(app, key);
    seen.summary = explain::summarize(&seen);
    seen
}

fn object(key: &ObjectKey, template: Option<&Template>) -> Object {
    Object {
        api_version: key.gvk.api_version(),
        kind: key.gvk.kind.to_string(),
        namespace: key.namespace.as_ref().map(ToString::to_string),
        name: key.name.to_string(),
        replicas: template.and_then(|template| template.demand.as_ref()).map(|demand| demand.replicas),
    }
}

fn claim_of(app: &App, matched: &Matched<'_>) -> Option<atoll_decide::matching::Claim> {
    use atoll_decide::matching::ClaimDecision;
    match app.policies.claim(matched) {
        ClaimDecision::Keep(claim) | ClaimDecision::Claim { claim, .. } => Some(claim),
        ClaimDecision::Release { .. } | ClaimDecision::Unmatched => None,
    }
}

/// The policy, when it can act, or what keeps it.
fn usable(
    app: &App,
    template: &Arc<Template>,
    claim: Option<&atoll_decide::matching::Claim>,
) -> (Option<Arc<Policy>>, Option<String>) {
    if template.is_claimed_elsewhere() {
        return (None, Some("another controller owns the template (its label says so)".to_owned()));
    }
    let Some(claim) = claim else { return (None, None) };
    if claim.id.is_empty() {
        return (None, Some("it has no permanent id yet".to_owned()));
    }
    if let pipeline::Claimed::By(_, policy) = pipeline::with_policy(app, Arc::clone(template), &claim.policy) {
        return (Some(policy), None);
    }
    let why = match app.policies.get(&claim.policy) {
        Some(Known::Invalid { problems, .. }) => validate::sentence(&problems),
        Some(Known::Valid(policy)) => match app.missing_override(&policy) {
            Some(missing) => format!("spec.dependentOverrides: {missing} does not exist yet"),
            None => "it became usable just now".to_owned(),
        },
        None => "it is gone".to_owned(),
    };
    (None, Some(why))
}

/// The binding as it is written, beside what would be written now.
fn compare(
    app: &App,
    key: &ObjectKey,
    (binding, before): (Option<&Binding>, Option<&Binding>),
    plan: &decision::Plan,
) -> BindingSeen {
    let written = binding.map(Binding::targets);
    let open = before.map(|binding| tasks::read(&binding.spec.graceful_eviction_tasks)).unwrap_or_default();
    let settled = written.as_ref() == Some(&plan.targets) && open == plan.tasks;
    let mut pending = Vec::new();
    if binding.is_none() {
        pending.push("the binding is not written yet".to_owned());
    } else if !settled {
        pending.push(match &plan.outcome {
            decision::Outcome::Failed { .. } => "the last placement stands until the schedule succeeds".to_owned(),
            _ => "the binding is about to be written anew".to_owned(),
        });
    }
    if !app.leads() {
        pending.push("this replica does not lead: another one writes and applies; ask that one".to_owned());
    }
    if app.retries.is_failing(key) {
        pending.push("the last look at it failed and is repeated".to_owned());
    }
    let name = before.map(|binding| binding.reference.to_string()).unwrap_or_default();
    let deleting = binding.is_some_and(|binding| binding.deleting);
    BindingSeen { name, written, would_be: Some(plan.targets.clone()), settled, pending, deleting }
}

fn as_written(binding: &Binding) -> BindingSeen {
    BindingSeen {
        name: binding.reference.to_string(),
        written: Some(binding.targets()),
        would_be: None,
        settled: !binding.deleting,
        pending: if binding.deleting { vec!["it goes, and its copies with it".to_owned()] } else { Vec::new() },
        deleting: binding.deleting,
    }
}

async fn overrides(
    app: &Arc<App>,
    seen: &mut Explanation,
    (template, binding, policy): (&Template, &Binding, Option<&Policy>),
    fleet: &Fleet,
) {
    let divided = match policy {
        Some(policy) => policy.placement.replicas != ReplicaScheduling::Duplicated,
        None => deliver::is_divided(&binding.spec),
    };
    let targets = binding.targets();
    match deliver::explain(app, (template, binding), (&targets, divided), fleet).await {
        Ok(Some(explained)) => {
            seen.overrides =
                explained.into_iter().filter(|one| !one.changes.is_empty() || one.error.is_some()).collect();
        }
        Ok(None) => seen.pauses.push(everywhere("the template changes right now; ask again".to_owned())),
        Err(error) => seen.pauses.push(everywhere(error.to_string())),
    }
}

fn everywhere(why: String) -> Pause {
    Pause { cluster: None, why }
}

fn pauses(app: &App, binding: Option<&Binding>, fleet: &Fleet) -> Vec<Pause> {
    let mut pauses = Vec::new();
    pauses.extend(fleet.brake.why().map(everywhere));
    let spec = binding.map(|binding| &binding.spec);
    if spec.and_then(|spec| spec.suspension.as_ref()).is_some_and(|held| held.scheduling == Some(true)) {
        pauses.push(everywhere("scheduling is suspended".to_owned()));
    }
    let scheduler = spec.and_then(|spec| spec.scheduler_name.as_deref()).unwrap_or_default();
    if pipeline::binding::is_scheduled_elsewhere(scheduler) {
        pauses.push(everywhere(format!("the scheduler {scheduler} places it")));
    }
    for name in binding.into_iter().flat_map(Binding::named_clusters) {
        let Some(member) = app.members.get(&name) else { continue };
        // The mark holds up all writes, the budget deletes alone.
        let why = member.hub_mark.pause(&member).or_else(|| member.deletes_paused().map(|(_, why)| why));
        pauses.extend(why.map(|why| Pause { cluster: Some(name.to_string()), why }));
    }
    pauses.dedup();
    pauses
}

fn history(app: &App, key: &ObjectKey) -> Vec<Past> {
    let all = app.decisions.recent(|entry| entry.object.as_ref() == Some(key));
    all[all.len().saturating_sub(HISTORY)..].iter().map(past).collect()
}

/// An entry for a reader.
pub fn past(entry: &Entry) -> Past {
    Past {
        at: clock::rfc3339_of(entry.at),
        cluster: entry.cluster.as_ref().map(ToString::to_string),
        what: entry.what.name().to_owned(),
        why: entry.why.words(),
    }
}
