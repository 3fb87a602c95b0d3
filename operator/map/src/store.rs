//! The store: what is published, what is pending, and when the one becomes the
//! other.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, PoisonError, TryLockError, Weak};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::inbox::Inbox;
use crate::stats::{Count, Counts, Stats};
use crate::subscription::Subscription;
use crate::sync::{self, Instant, Mutex, MutexGuard, Notify, Published};
use crate::tables::{Tables, Versioned};
use crate::writer::{Conflict, Writer};

/// So many pending changes are published at once (architecture section 4).
pub const BATCH: usize = 64;
/// No change waits longer than this (architecture section 4) ...
pub const MAX_AGE: Duration = Duration::from_millis(50);
/// ... so the batch is due a little earlier: timers are exact to a millisecond,
/// and the task has to be woken.
pub(crate) const DUE_AFTER: Duration = MAX_AGE.saturating_sub(Duration::from_millis(3));

/// How soon readers must see a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// At once; what is pending goes with it, so that views stay in order.
    Now,
    /// With the next batch.
    Batched,
}

pub(crate) struct View<T> {
    version: u64,
    pub(crate) tables: T,
}

/// All keys at one version. Cheap to clone; never changes.
pub struct Snapshot<T>(Arc<View<T>>);

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Snapshot<T> {
    /// The version of the last change in it.
    pub fn version(&self) -> u64 {
        self.0.version
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.tables
    }
}

/// A change that readers do not see yet.
pub(crate) struct Pending<V> {
    pub(crate) version: u64,
    /// None: taken out.
    pub(crate) value: Option<V>,
}

/// What the writers' lock guards.
pub(crate) struct Inner<T: Tables> {
    /// What is published; the same as in [`Shared::published`].
    pub(crate) view: Arc<View<T>>,
    pub(crate) pending: HashMap<T::Key, Pending<T::Value>>,
    /// When the first of the pending changes came.
    pub(crate) oldest: Option<Instant>,
    /// The version given to the last change, published or not.
    pub(crate) last_version: u64,
    pub(crate) owned: HashSet<T::Scope>,
    inboxes: Vec<Weak<Inbox<T::Key>>>,
}

/// The store. Clones share it.
pub struct Store<T: Tables> {
    pub(crate) shared: Arc<Shared<T>>,
}

/// What the clones of a store share.
pub(crate) struct Shared<T: Tables> {
    published: Published<View<T>>,
    inner: Mutex<Inner<T>>,
    /// Told when the first change of a batch comes.
    pub(crate) batch_began: Notify,
    pub(crate) counts: Counts,
}

/// What made a batch due.
#[derive(Clone, Copy)]
enum Trigger {
    Count,
    Age,
    Urgent,
    Shutdown,
}

impl<T: Tables> Clone for Store<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Tables> Default for Store<T> {
    fn default() -> Self {
        let view = Arc::new(View { version: 0, tables: T::default() });
        let inner = Inner {
            view: Arc::clone(&view),
            pending: HashMap::new(),
            oldest: None,
            last_version: 0,
            owned: HashSet::new(),
            inboxes: Vec::new(),
        };
        let shared = Shared {
            published: Published::new(view),
            inner: Mutex::new(inner),
            batch_began: Notify::new(),
            counts: Counts::default(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl<T: Tables> Store<T> {
    /// What is published now. Never waits, whatever writers do.
    pub fn snapshot(&self) -> Snapshot<T> {
        Snapshot(self.shared.published.load())
    }

    /// The entry as its writer left it, published or not: a writer sees
    /// its own pending change here. Waits for the short
    /// lock of the writers; for readers that must not miss what caused them to
    /// look.
    pub fn latest(&self, key: &T::Key) -> Option<Versioned<T::Value>> {
        self.lock().latest(key)
    }

    /// Becomes the one writer of a scope. A second one is refused and counted.
    pub fn claim(&self, scope: T::Scope) -> Result<Writer<T>, Conflict> {
        if self.lock().owned.insert(scope.clone()) {
            return Ok(Writer::new(self.clone(), scope));
        }
        self.shared.counts.conflicts_owner.inc();
        Err(Conflict::Owned(format!("{scope:?}")))
    }

    /// A view, and from then on the keys for which `wants` holds that change
    /// after it. A subscriber that leaves more than `capacity` keys unread is
    /// told to look at everything instead.
    pub fn subscribe(
        &self,
        capacity: usize,
        wants: impl Fn(&T::Key) -> bool + Send + Sync + 'static,
    ) -> (Snapshot<T>, Subscription<T::Key>) {
        let inbox = Arc::new(Inbox::new(capacity, Box::new(wants)));
        let mut inner = self.lock();
        inner.inboxes.push(Arc::downgrade(&inbox));
        (Snapshot(Arc::clone(&inner.view)), Subscription::new(inbox))
    }

    /// Publishes batches when they are due, until `cancel`; then what is left.
    /// Without it a batch waits for the next write that comes late enough.
    pub async fn run(&self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            let began = self.shared.batch_began.notified();
            let due = self.commit_due(sync::now());
            tokio::select! {
                // In this order, so that a run of the model checker can be repeated.
                biased;
                () = cancel.cancelled() => {}
                () = began, if due.is_none() => {}
                () = sync::sleep_until(due.unwrap_or_else(sync::now)), if due.is_some() => {}
            }
        }
        let mut inner = self.lock();
        self.commit(&mut inner, Trigger::Shutdown);
    }

    /// Publishes what is pending now.
    pub fn publish(&self) {
        self.commit(&mut self.lock(), Trigger::Urgent);
    }

    /// A reading of the counters.
    pub fn stats(&self) -> Stats {
        let inner = self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let subscribers = inner.inboxes.iter().filter(|inbox| inbox.strong_count() > 0).count();
        self.shared.counts.read(inner.view.version, inner.pending.len(), subscribers)
    }

    /// Commits a batch that is old enough; else when it will be.
    pub(crate) fn commit_due(&self, now: Instant) -> Option<Instant> {
        let mut inner = self.lock();
        let due = inner.oldest? + DUE_AFTER;
        if now < due {
            return Some(due);
        }
        self.commit(&mut inner, Trigger::Age);
        None
    }

    /// The change is in: publish if anything asks for it.
    pub(crate) fn commit_if_asked(&self, inner: &mut Inner<T>, urgency: Urgency, now: Instant) {
        let aged = inner.oldest.is_some_and(|oldest| now >= oldest + DUE_AFTER);
        if urgency == Urgency::Now {
            self.commit(inner, Trigger::Urgent);
        } else if inner.pending.len() >= BATCH {
            self.commit(inner, Trigger::Count);
        } else if aged {
            self.commit(inner, Trigger::Age);
        }
    }

    /// Publishes all pending changes as one view, then tells the subscribers:
    /// in this order, so that whoever hears of a key finds it in a snapshot.
    fn commit(&self, inner: &mut Inner<T>, trigger: Trigger) {
        inner.oldest = None;
        if inner.pending.is_empty() {
            return;
        }
        let mut tables = inner.view.tables.clone();
        let mut keys = Vec::with_capacity(inner.pending.len());
        for (key, Pending { version, value }) in inner.pending.drain() {
            tables.put(&key, value.map(|value| Versioned { version, value }));
            keys.push(key);
        }
        inner.view = Arc::new(View { version: inner.last_version, tables });
        self.shared.published.store(Arc::clone(&inner.view));
        let version = inner.last_version;
        let resyncs = &self.shared.counts.resyncs;
        inner.inboxes.retain(|inbox| inbox.upgrade().is_some_and(|inbox| inbox.tell(version, &keys, resyncs)));
        self.counter(trigger).inc();
    }

    fn counter(&self, trigger: Trigger) -> &Count {
        let counts = &self.shared.counts;
        match trigger {
            Trigger::Count => &counts.commits_by_count,
            Trigger::Age => &counts.commits_by_age,
            Trigger::Urgent => &counts.commits_urgent,
            Trigger::Shutdown => &counts.commits_at_shutdown,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        match self.shared.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.shared.counts.contention.inc();
                self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

impl<T: Tables> Inner<T> {
    pub(crate) fn latest(&self, key: &T::Key) -> Option<Versioned<T::Value>> {
        match self.pending.get(key) {
            Some(Pending { version, value }) => value.clone().map(|value| Versioned { version: *version, value }),
            None => self.view.tables.get(key),
        }
    }
}
