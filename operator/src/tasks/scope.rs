//! What the running task is about and where in its work it is, for whoever has
//! to say so when it panics. Known whether or not anybody listens to spans.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::matching::PolicyRef;

use super::TaskKind;
use crate::hub::bindings::BindingRef;
use crate::telemetry::metrics::counters::Counters;

/// A task: its kind, and what sets it apart from others of the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The kind.
    pub kind: TaskKind,
    /// The member it works for.
    pub cluster: Option<ClusterName>,
    /// What else it is about, such as the kind that it watches.
    pub subject: Option<Arc<str>>,
}

impl From<TaskKind> for Task {
    fn from(kind: TaskKind) -> Self {
        Self { kind, cluster: None, subject: None }
    }
}

impl Task {
    /// A task for one member.
    pub fn on(kind: TaskKind, cluster: &ClusterName) -> Self {
        Self { cluster: Some(cluster.clone()), ..kind.into() }
    }

    /// The same, about this.
    #[must_use]
    pub fn about(self, subject: &dyn fmt::Display) -> Self {
        Self { subject: Some(subject.to_string().into()), ..self }
    }
}

/// What a step of the work is about. Clones share the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The template or copy.
    pub object: Option<ObjectKey>,
    /// The member.
    pub cluster: Option<ClusterName>,
    /// The policy that claims the template.
    pub policy: Option<PolicyRef>,
    /// The binding.
    pub binding: Option<BindingRef>,
}

impl About {
    /// A template or copy.
    pub fn object(key: &ObjectKey) -> Self {
        Self { object: Some(key.clone()), ..Self::default() }
    }

    /// A member.
    pub fn cluster(name: &ClusterName) -> Self {
        Self { cluster: Some(name.clone()), ..Self::default() }
    }

    /// The same, on this member.
    #[must_use]
    pub fn on(self, name: &ClusterName) -> Self {
        Self { cluster: Some(name.clone()), ..self }
    }

    /// The same, under this policy.
    #[must_use]
    pub fn under(self, policy: Option<PolicyRef>) -> Self {
        Self { policy, ..self }
    }

    /// The same, for this binding.
    #[must_use]
    pub fn bound(self, binding: &BindingRef) -> Self {
        Self { binding: Some(binding.clone()), ..self }
    }
}

/// A step that the task is in.
#[derive(Debug)]
pub struct Named {
    /// Its name, as that of its span.
    pub name: &'static str,
    /// What it is about.
    pub about: About,
    /// Its trace, where there is one.
    pub trace_id: Option<String>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { object, cluster, policy, binding } = &self.about;
        let named: [(&str, Option<&dyn fmt::Display>); 4] = [
            ("object", object.as_ref().map(|it| it as _)),
            ("cluster", cluster.as_ref().map(|it| it as _)),
            ("policy", policy.as_ref().map(|it| it as _)),
            ("binding", binding.as_ref().map(|it| it as _)),
        ];
        f.write_str(self.name)?;
        let mut before = "{";
        for (name, value) in named.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            write!(f, "{before}{name}={value}")?;
            before = ", ";
        }
        if before == "{" { Ok(()) } else { f.write_str("}") }
    }
}

/// What is known of the running task.
pub(super) struct Scope {
    pub(super) task: Task,
    pub(super) panics: Counters<TaskKind>,
    steps: RefCell<Vec<Arc<Named>>>,
}

impl Scope {
    pub(super) fn new(task: Task, panics: Counters<TaskKind>) -> Self {
        Self { task, panics, steps: RefCell::default() }
    }
}

tokio::task_local! {
    pub(super) static SCOPE: Scope;
}

/// In the step while it is held; steps are left in the reverse order, a panic's
/// way out included.
pub struct Inside(());

/// The task is in this step until the answer is dropped. Out of a task it does
/// nothing.
pub fn enter(step: Arc<Named>) -> Option<Inside> {
    let entered = SCOPE.try_with(|scope| scope.steps.borrow_mut().push(step));
    entered.ok().map(|()| Inside(()))
}

impl Drop for Inside {
    fn drop(&mut self) {
        // Out of its scope the stack is gone with the task.
        let _ = SCOPE.try_with(|scope| scope.steps.borrow_mut().pop());
    }
}

/// A reading of where the running task is.
#[derive(Debug, Default)]
pub struct Place {
    /// The task.
    pub task: Option<Task>,
    /// Its steps, from the outermost.
    pub steps: Vec<Arc<Named>>,
}

impl Place {
    /// Where the running task is; empty out of a task.
    pub fn now() -> Self {
        let read = |scope: &Scope| Self {
            task: Some(scope.task.clone()),
            steps: scope.steps.try_borrow().map(|steps| steps.clone()).unwrap_or_default(),
        };
        SCOPE.try_with(read).unwrap_or_default()
    }

    /// What the innermost step that says it is about.
    pub fn find<'a, T>(&'a self, read: impl Fn(&'a Named) -> Option<T>) -> Option<T> {
        self.steps.iter().rev().find_map(|step| read(step))
    }
}

/// Counts a panic for the kind of the running task; returns whether it runs in one.
pub fn count_panic() -> bool {
    SCOPE.try_with(|scope| scope.panics.inc(scope.task.kind)).is_ok()
}
