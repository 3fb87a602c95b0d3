//! Every task of the process: its name, its owner, its way to end.
//!
//! Nothing else in this crate spawns, but for the connections of the admission
//! server, which end with it. A group hands its cancel token to what
//! it spawns, and `stop` waits until the last task has returned.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a task that ends without being cancelled means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExit {
    /// It may end by itself; a panic is logged.
    Report,
    /// The process cannot do its work without it: the whole process stops.
    EndProcess,
}

/// A group of tasks that stop together.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Groups that have not stopped before this one has.
    parents: Arc<[TaskTracker]>,
    cancel: CancellationToken,
    process: CancellationToken,
}

impl Tasks {
    /// The group of the whole process.
    pub fn root() -> Self {
        let cancel = CancellationToken::new();
        Self { tracker: TaskTracker::new(), parents: Arc::default(), process: cancel.clone(), cancel }
    }

    /// A group that stops with this one, or before it.
    pub fn child(&self) -> Self {
        let parents = std::iter::once(&self.tracker).chain(&*self.parents).cloned().collect();
        let (cancel, process) = (self.cancel.child_token(), self.process.clone());
        Self { tracker: TaskTracker::new(), parents, cancel, process }
    }

    /// A group of the same process that is stopped by itself.
    pub fn sibling(&self) -> Self {
        let (cancel, process) = (CancellationToken::new(), self.process.clone());
        Self { tracker: TaskTracker::new(), parents: Arc::default(), cancel, process }
    }

    /// Cancelled when the group stops.
    pub fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Runs `future` until it ends or the group stops.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, on_exit: OnExit, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancel = self.cancel.clone();
        self.spawn_to_its_end(name, on_exit, async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = future => {}
            }
        });
    }

    /// Runs `future` to its own end: it holds the group's token and still has
    /// something to do when that is cancelled.
    pub fn spawn_to_its_end<F>(&self, name: impl Into<Cow<'static, str>>, on_exit: OnExit, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        let cancel = self.cancel.clone();
        let process = self.process.clone();
        let work = self.tracker.spawn(future);
        let known_to: Vec<_> = self.parents.iter().map(TaskTracker::token).collect();
        self.tracker.spawn(async move {
            let _until_it_ends = known_to;
            let panicked = work.await.is_err_and(|error| error.is_panic());
            if panicked {
                tracing::error!(task = %name, "task panicked");
            }
            if !cancel.is_cancelled() && on_exit == OnExit::EndProcess {
                tracing::error!(task = %name, "a task the process needs has ended; stopping");
                process.cancel();
            }
        });
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_needed_task_that_panics_stops_the_process() {
        let tasks = Tasks::root();
        tasks.spawn("doomed", OnExit::EndProcess, async { panic!("on purpose") });
        tokio::time::timeout(Duration::from_secs(5), tasks.cancelled().cancelled()).await.expect("cancelled");
    }

    #[tokio::test]
    async fn stopping_a_child_group_leaves_its_parent_running() {
        let tasks = Tasks::root();
        let child = tasks.child();
        child.spawn("waits", OnExit::EndProcess, std::future::pending());
        child.stop(Duration::from_secs(5)).await;
        assert!(!tasks.cancelled().is_cancelled());
    }

    #[tokio::test]
    async fn a_group_has_stopped_when_the_tasks_of_its_children_have() {
        let tasks = Tasks::root();
        let ended = Arc::new(AtomicBool::new(false));
        let grandchild = tasks.child().child();
        let (cancel, done) = (grandchild.cancelled(), Arc::clone(&ended));
        grandchild.spawn_to_its_end("tidies up", OnExit::Report, async move {
            cancel.cancelled().await;
            tokio::task::yield_now().await;
            done.store(true, Ordering::SeqCst);
        });
        tasks.stop(Duration::from_secs(5)).await;
        assert!(ended.load(Ordering::SeqCst));
    }
}
