//! The steps of the work, as spans: match, schedule, render, apply, observe.
//!
//! Enters: what a step is about. Leaves: spans for whoever listens (a trace
//! export, a capture, a log filter), and the steps of the running task for the
//! panic hook. While nobody listens a step costs a few reference counts, and
//! no text is made.
//!
//! A trace begins with a look at a template. What happens later, in another
//! task, belongs to it through an [`Origin`].

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::fields;
use super::metrics::labels::{ClosedLabel, label};
use crate::tasks::About;
use crate::tasks::scope::{self, Named};

/// The target of all steps' spans; they are of level debug.
pub const TARGET: &str = "atoll::step";

label!(
    /// Why a template is looked at.
    Cause("cause") {
        /// It appeared or changed.
        Template = "template_changed",
        /// It is gone.
        TemplateGone = "template_gone",
        /// A policy that holds or selects it changed.
        Policy = "policy_changed",
        /// An override that means it changed.
        Override = "override_changed",
        /// Its binding changed.
        Binding = "binding_changed",
        /// Its binding is gone.
        BindingGone = "binding_gone",
        /// A copy was changed on a member, or seen for the first time.
        Copy = "copy_changed",
        /// A watch no longer shows a copy.
        CopyLost = "copy_lost",
        /// A copy was removed.
        CopyGone = "copy_removed",
        /// The health of a copy moved, and something waits for it.
        CopyHealth = "copy_health_changed",
        /// Clusters, verdicts or the leader changed.
        Fleet = "fleet_changed",
        /// Free resources changed, and its placement asks for them.
        Capacity = "capacity_changed",
        /// A cluster leaves.
        ClusterLeaves = "cluster_leaves",
        /// A decision said when to look again.
        Due = "due",
        /// The last look failed.
        Retry = "retry",
    }
);

/// One step that has not begun.
pub struct Step {
    span: Span,
    named: Arc<Named>,
}

/// Makes the constructor of each step: spans have static names.
macro_rules! steps {
    ($($(#[$doc:meta])* $function:ident = $name:literal;)+) => {
        impl Step {
            $($(#[$doc])*
            pub fn $function(about: About) -> Self {
                let span = tracing::debug_span!(
                    target: TARGET,
                    $name,
                    object = about.object.as_ref().map(tracing::field::display),
                    cluster = about.cluster.as_ref().map(tracing::field::display),
                    policy = about.policy.as_ref().map(tracing::field::display),
                    binding = about.binding.as_ref().map(tracing::field::display),
                    trace_id = tracing::field::Empty,
                    error = tracing::field::Empty,
                    otel.status_code = tracing::field::Empty,
                );
                Self { span, named: Arc::new(Named { name: $name, about, trace_id: None }) }
            })+
        }
    };
}

steps! {
    /// Finds the policy and settles the claim.
    matching = "match";
    /// Decides where the copies should be, and records it.
    scheduling = "schedule";
    /// Renders for the targets and orders what differs.
    rendering = "render";
    /// Takes copies away, or lets them go, at the end of a binding.
    removing = "remove";
    /// Carries out an order on a member.
    applying = "apply";
    /// Folds in what a member's watch shows.
    observing = "observe";
    /// Folds what is known of the copies into the status, and writes it.
    aggregating = "aggregate";
    /// Work of another kind on one key; the task says which.
    working = "work";
}

impl Step {
    /// One look at a template: the root of a trace, named by its cause.
    pub fn look(cause: Cause, about: About) -> Self {
        let span = tracing::debug_span!(
            target: TARGET,
            parent: None,
            "look",
            otel.name = cause.text(),
            object = about.object.as_ref().map(tracing::field::display),
            policy = tracing::field::Empty,
            binding = tracing::field::Empty,
            trace_id = tracing::field::Empty,
            error = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        );
        let trace_id = note_trace(&span);
        Self { span, named: Arc::new(Named { name: cause.text(), about, trace_id }) }
    }

    /// The same, as part of the trace that it was ordered in, and linked to
    /// those whose orders it stands for as well.
    #[must_use]
    pub fn of(mut self, origin: &Origin) -> Self {
        if self.span.is_disabled() {
            return self;
        }
        if let Some(known) = &origin.0 {
            // Fails where no such layer is: then there are no traces to belong to.
            let _ = self.span.set_parent(Context::new().with_remote_span_context(known.latest.clone()));
            for replaced in &known.replaced {
                self.span.add_link(replaced.clone());
            }
        }
        let trace_id = note_trace(&self.span);
        if let Some(named) = Arc::get_mut(&mut self.named) {
            named.trace_id = trace_id;
        }
        self
    }

    /// Runs `work` as this step.
    pub fn run<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let Self { span, named } = self;
        // Boxed: futures that hold futures by value grow with each step around them.
        let mut work = Box::pin(work.instrument(span));
        poll_fn(move |context| {
            let _inside = scope::enter(Arc::clone(&named));
            work.as_mut().poll(context)
        })
    }

    /// Runs `work` as this step, at once.
    pub fn run_now<T>(self, work: impl FnOnce() -> T) -> T {
        let _inside = scope::enter(self.named);
        self.span.in_scope(work)
    }
}

/// Says on the step that runs now what has become known.
pub fn record(field: &'static str, value: &dyn fmt::Display) {
    if is_listening() {
        Span::current().record(field, tracing::field::display(value));
    }
}

/// Says on the step that runs now why it failed.
pub fn record_error(error: &dyn fmt::Display) {
    record(fields::ERROR, error);
    record("otel.status_code", &"ERROR");
}

fn note_trace(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let trace = trace_of(span)?.trace_id().to_string();
    span.record("trace_id", trace.as_str());
    Some(trace)
}

fn trace_of(span: &Span) -> Option<SpanContext> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}

fn is_listening() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// Links to replaced orders; more are not kept.
const LINKS: usize = 4;

/// The step that something comes from, for a step in another task. Empty while
/// nobody listens.
#[derive(Clone, Debug, Default)]
pub struct Origin(Option<Box<Known>>);

#[derive(Clone, Debug)]
struct Known {
    latest: SpanContext,
    replaced: Vec<SpanContext>,
}

impl Origin {
    /// The step that runs now.
    pub fn now() -> Self {
        if !is_listening() {
            return Self(None);
        }
        let latest = Some(Span::current()).filter(|span| !span.is_disabled()).and_then(|span| trace_of(&span));
        Self(latest.map(|latest| Box::new(Known { latest, replaced: Vec::new() })))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Stands for what an earlier one asked for as well.
    #[must_use]
    pub fn instead_of(mut self, earlier: Self) -> Self {
        match (&mut self.0, earlier.0) {
            (Some(known), Some(earlier)) => {
                known.replaced = earlier.replaced;
                known.replaced.push(earlier.latest);
                let over = known.replaced.len().saturating_sub(LINKS);
                known.replaced.drain(..over);
                self
            }
            (Some(_), None) => self,
            // Ordered while nobody listened: the earlier one is not what this is about.
            (None, _) => Self(None),
        }
    }
}
