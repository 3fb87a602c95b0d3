//! A network namespace without a name, kept alive by the one thread that lives in it.
//!
//! In: closures. Out: what they return, computed on that thread, so that the sockets they make and the processes they
//! start belong to the namespace. It ends with the thread and the processes in it; nothing has to be removed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

type Job = Box<dyn FnOnce() + Send>;

/// Why a job can always be handed over: the thread ends only when its namespace is dropped.
const ALIVE: &str = "the thread of a namespace lives as long as the namespace";

#[derive(Debug)]
pub(super) struct Namespace {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes a namespace with nothing but a loopback interface that is still down.
    pub fn start(member: &str) -> anyhow::Result<Self> {
        let (jobs, inbox) = sync_channel::<Job>(1);
        let (report, reported) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(format!("net-{member}"))
            .spawn(move || live(&report, &inbox))
            .with_context(|| format!("start the network thread of {member}"))?;
        // Built before the report is read: dropping it joins the thread in every case.
        let namespace = Self { jobs: Some(jobs), thread: Some(thread) };
        let entered = reported.recv().unwrap_or(Err(Errno::UnknownErrno));
        entered.map(|()| namespace).map_err(|error| refused(member, error))
    }

    /// Runs a closure on the namespace's thread and waits for what it returns. A panic in it reaches the caller.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = sync_channel::<Result<T, Box<dyn Any + Send>>>(1);
        let job = Box::new(move || {
            // The caller waits below, so the answer is always taken.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(job)));
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).expect(ALIVE);
        answered.recv().expect(ALIVE).unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Jobs catch their own panics; the loop around them has nothing that could panic.
            let _ = thread.join();
        }
    }
}

fn live(report: &SyncSender<Result<(), Errno>>, inbox: &Receiver<Job>) {
    let entered = unshare(CloneFlags::CLONE_NEWNET);
    let alive = entered.is_ok();
    if report.send(entered).is_ok() && alive {
        for job in inbox {
            job();
        }
    }
}

fn refused(member: &str, error: Errno) -> anyhow::Error {
    let hint = match error {
        Errno::EPERM => "; run as root, or enter a user namespace first",
        Errno::ENOSPC => "; raise the sysctl user.max_net_namespaces",
        _ => "",
    };
    anyhow!(error).context(format!("make the network namespace of member {member}{hint}"))
}
