//! Every task of the process: its kind, its owner, its way to end.
//!
//! Nothing else in this crate spawns, but for the connections of the admission
//! server, which end with it. A group hands its cancel token to what
//! it spawns, and `stop` waits until the last task has returned.

#[cfg(test)]
pub mod fault;
pub mod kind;
pub mod register;
pub mod scope;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::kind::{OnExit, TaskKind};
pub use self::register::Register;
pub use self::scope::{About, Task};
use self::scope::{SCOPE, Scope};
use crate::telemetry::metrics::counters::Counters;

/// A task is made anew after this, doubling up to [`SLOWEST_RESTART`].
const FIRST_RESTART: Duration = Duration::from_millis(250);
const SLOWEST_RESTART: Duration = Duration::from_secs(30);
/// A task that ran for so long begins anew with the first wait.
const RAN_WELL: Duration = Duration::from_mins(1);

/// A group of tasks that stop together.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Groups that have not stopped before this one has.
    parents: Arc<[TaskTracker]>,
    cancel: CancellationToken,
    process: CancellationToken,
    panics: Counters<TaskKind>,
    running: Arc<Register>,
}

impl Tasks {
    /// The group of the whole process; panics are counted there.
    pub fn root(panics: Counters<TaskKind>) -> Self {
        let cancel = CancellationToken::new();
        let (tracker, running) = (TaskTracker::new(), Arc::default());
        Self { tracker, parents: Arc::default(), process: cancel.clone(), cancel, panics, running }
    }

    /// A group that stops with this one, or before it.
    pub fn child(&self) -> Self {
        let parents = std::iter::once(&self.tracker).chain(&*self.parents).cloned().collect();
        let (cancel, process) = (self.cancel.child_token(), self.process.clone());
        let (panics, running) = (self.panics.clone(), Arc::clone(&self.running));
        Self { tracker: TaskTracker::new(), parents, cancel, process, panics, running }
    }

    /// A group of the same process that is stopped by itself.
    pub fn sibling(&self) -> Self {
        let (cancel, process) = (CancellationToken::new(), self.process.clone());
        let (panics, running) = (self.panics.clone(), Arc::clone(&self.running));
        Self { tracker: TaskTracker::new(), parents: Arc::default(), cancel, process, panics, running }
    }

    /// What runs, in this group and in all others of the process.
    pub fn register(&self) -> Arc<Register> {
        Arc::clone(&self.running)
    }

    /// Cancelled when the group stops.
    pub fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Runs what `make` makes until it ends or the group stops, and again when
    /// its kind says so.
    pub fn spawn<F>(&self, task: impl Into<Task>, mut make: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancel = self.cancel.clone();
        self.spawn_to_its_end(task, move || {
            let (cancel, future) = (cancel.clone(), make());
            async move {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = future => {}
                }
            }
        });
    }

    /// Runs what `make` makes to its own end: it holds the group's token and
    /// still has something to do when that is cancelled.
    pub fn spawn_to_its_end<F>(&self, task: impl Into<Task>, make: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = task.into();
        let entry = self.running.begin(&task);
        let known_to: Vec<_> = self.parents.iter().map(TaskTracker::token).collect();
        let group = self.clone();
        self.tracker.spawn(async move {
            let _until_it_ends = known_to;
            group.supervise(task, &entry, make).await;
        });
    }

    /// Runs `future`, which cannot be made anew, to its own end.
    pub fn spawn_once<F>(&self, task: impl Into<Task>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = task.into();
        debug_assert_ne!(task.kind.on_exit(), OnExit::Restart, "{} cannot be made anew", task.kind);
        let mut once = Some(future);
        self.spawn_to_its_end(task, move || {
            let future = once.take();
            async move {
                if let Some(future) = future {
                    future.await;
                }
            }
        });
    }

    async fn supervise<F>(&self, task: Task, entry: &register::Entry, mut make: impl FnMut() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Task { kind, cluster, subject } = &task;
        let (cluster, subject) = (cluster.as_ref().map(tracing::field::display), subject.as_deref());
        let mut wait = FIRST_RESTART;
        loop {
            let began = Instant::now();
            let future = make();
            #[cfg(test)]
            let future = fault::faulty(*kind, future);
            let scope = Scope::new(task.clone(), self.panics.clone());
            // The hook has told of a panic, with all that is known of it.
            let panicked = self.tracker.spawn(SCOPE.scope(scope, future)).await.is_err_and(|error| error.is_panic());
            if self.cancel.is_cancelled() {
                return;
            }
            match kind.on_exit() {
                OnExit::Report => return,
                OnExit::EndProcess => {
                    tracing::error!(task = %kind, cluster, subject, panicked, "a task the process needs has ended; stopping");
                    self.process.cancel();
                    return;
                }
                OnExit::Restart => {}
            }
            if began.elapsed() >= RAN_WELL {
                wait = FIRST_RESTART;
            }
            tracing::warn!(task = %kind, cluster, subject, panicked, after = ?wait, "a task has ended and is made anew");
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = SLOWEST_RESTART.min(wait * 2);
            entry.made_anew();
        }
    }

    /// Cancels the group and waits for its tasks and those of its children, at
    /// most `deadline`.
    pub async fn stop(&self, deadline: Duration) {
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_err() {
            tracing::warn!(left = self.tracker.len(), "tasks did not end within {deadline:?}");
        }
    }
}

/// A panic that was contained: the hook has told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a defect of the operator stopped this; its log says more, at \"panic\"")]
pub struct Panicked;

/// Runs one piece of work so that its panic ends that piece and nothing else:
/// a worker goes on with the next key, and this one waits.
pub async fn contain<F: Future>(work: F) -> Result<F::Output, Panicked> {
    // What the work shares with others are stores behind locks, which take a
    // poisoned lock as it is; each change of theirs is one step.
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Panicked)
}

/// A place where a test may let the work panic; nothing in other builds.
macro_rules! fault_point {
    ($name:literal, $subject:expr) => {
        #[cfg(test)]
        $crate::tasks::fault::point($name, $subject);
    };
}
pub(crate) use fault_point;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    fn root() -> Tasks {
        Tasks::root(Counters::default())
    }

    #[tokio::test]
    async fn a_needed_task_that_panics_stops_the_process() {
        let tasks = root();
        tasks.spawn_once(TaskKind::FleetMap, async { panic!("on purpose") });
        tokio::time::timeout(Duration::from_secs(5), tasks.cancelled().cancelled()).await.expect("cancelled");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_can_be_made_anew_is_after_waits_that_double() {
        let tasks = root();
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        tasks.spawn(TaskKind::Orphans, move || {
            let (starts, tell) = (Arc::clone(&counted), tell.clone());
            async move {
                starts.fetch_add(1, Ordering::SeqCst);
                let _ = tell.send(Instant::now());
                panic!("on purpose")
            }
        });
        let mut times = Vec::new();
        for _ in 0..4 {
            times.push(told.recv().await.expect("made anew"));
        }
        let waits: Vec<u128> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000]);
        assert!(!tasks.cancelled().is_cancelled(), "the process goes on");
    }

    #[tokio::test]
    async fn contained_work_that_panics_is_told_and_ends_nothing_else() {
        assert_eq!(contain(async { 1 }).await, Ok(1));
        assert_eq!(contain(async { panic!("on purpose") }).await, Err::<(), _>(Panicked));
    }

    #[tokio::test]
    async fn stopping_a_child_group_leaves_its_parent_running() {
        let tasks = root();
        let child = tasks.child();
        child.spawn(TaskKind::FleetMap, std::future::pending);
        child.stop(Duration::from_secs(5)).await;
        assert!(!tasks.cancelled().is_cancelled());
    }

    #[tokio::test]
    async fn a_group_has_stopped_when_the_tasks_of_its_children_have() {
        let tasks = root();
        let ended = Arc::new(AtomicBool::new(false));
        let grandchild = tasks.child().child();
        let (cancel, done) = (grandchild.cancelled(), Arc::clone(&ended));
        grandchild.spawn_once(TaskKind::Debug, async move {
            cancel.cancelled().await;
            tokio::task::yield_now().await;
            done.store(true, Ordering::SeqCst);
        });
        tasks.stop(Duration::from_secs(5)).await;
        assert!(ended.load(Ordering::SeqCst));
    }
}
