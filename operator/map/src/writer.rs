//! Changing what one owns.

use crate::store::{Inner, Pending, Store, Urgency};
use crate::sync::{self, Instant};
use crate::tables::Tables;

/// The one writer of a scope, until it is dropped.
pub struct Writer<T: Tables> {
    store: Store<T>,
    scope: T::Scope,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The entry was like this already; nobody is told.
    Unchanged,
    /// Snapshots of this version and later show it, or what replaced it.
    Changed {
        /// The version of the change.
        version: u64,
    },
}

impl Written {
    /// Whether anything changed.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Changed { .. })
    }
}

/// Why a write was refused. Each is counted: it says that two parts of the
/// process believe they own the same fact (promise I9).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another writer owns it.
    #[error("{0} has another writer")]
    Owned(String),
    /// The decision was made from a version that is no longer the latest.
    #[error("{key} was changed: decided from version {expected:?}, now at {latest:?}")]
    Stale {
        /// Which key.
        key: String,
        /// The version the writer had seen; None: absent.
        expected: Option<u64>,
        /// The latest; None: absent.
        latest: Option<u64>,
    },
}

impl<T: Tables> Writer<T> {
    pub(crate) fn new(store: Store<T>, scope: T::Scope) -> Self {
        Self { store, scope }
    }

    /// Puts a value.
    pub fn put(&self, key: T::Key, value: T::Value, urgency: Urgency) -> Result<Written, Conflict> {
        self.update(key, urgency, |_| Some(value))
    }

    /// Takes an entry out.
    pub fn remove(&self, key: T::Key, urgency: Urgency) -> Result<Written, Conflict> {
        self.update(key, urgency, |_| None)
    }

    /// Makes the new entry from the latest one (None: absent) in one step.
    /// `change` runs under the writers' lock: it must be short and must not
    /// touch the store.
    pub fn update(
        &self,
        key: T::Key,
        urgency: Urgency,
        change: impl FnOnce(Option<T::Value>) -> Option<T::Value>,
    ) -> Result<Written, Conflict> {
        self.check_owner(&key)?;
        let mut inner = self.store.lock();
        let next = change(inner.latest(&key).map(|entry| entry.value));
        Ok(self.write(&mut inner, [(key, next)], urgency, sync::now()))
    }

    /// Writes what was decided from the entry of version `expected` (None: it
    /// was absent); refused when the entry has moved since.
    pub fn replace(
        &self,
        key: T::Key,
        expected: Option<u64>,
        next: Option<T::Value>,
        urgency: Urgency,
    ) -> Result<Written, Conflict> {
        self.check_owner(&key)?;
        let mut inner = self.store.lock();
        let latest = inner.latest(&key).map(|entry| entry.version);
        if latest != expected {
            self.store.shared.counts.conflicts_stale.inc();
            return Err(Conflict::Stale { key: format!("{key:?}"), expected, latest });
        }
        Ok(self.write(&mut inner, [(key, next)], urgency, sync::now()))
    }

    /// Writes several entries; every snapshot shows all of them or none.
    pub fn write_all(&self, changes: Vec<Change<T>>, urgency: Urgency) -> Result<Written, Conflict> {
        changes.iter().try_for_each(|(key, _)| self.check_owner(key))?;
        Ok(self.write(&mut self.store.lock(), changes, urgency, sync::now()))
    }

    fn check_owner(&self, key: &T::Key) -> Result<(), Conflict> {
        if T::scope(key) == self.scope {
            return Ok(());
        }
        self.store.shared.counts.conflicts_owner.inc();
        Err(Conflict::Owned(format!("{key:?}")))
    }

    pub(crate) fn write(
        &self,
        inner: &mut Inner<T>,
        changes: impl IntoIterator<Item = Change<T>>,
        urgency: Urgency,
        now: Instant,
    ) -> Written {
        let was_empty = inner.pending.is_empty();
        let version = inner.last_version + 1;
        let (mut is_news, mut waits) = (false, false);
        for (key, next) in changes {
            waits |= urgency == Urgency::Now && inner.pending.contains_key(&key);
            is_news |= self.put_pending(inner, version, key, next);
        }
        if is_news {
            inner.last_version = version;
            inner.oldest = if inner.pending.is_empty() { None } else { inner.oldest.or(Some(now)) };
        }
        // An urgent write that repeats a pending one still wants it published.
        if is_news || waits {
            self.store.commit_if_asked(inner, urgency, now);
        }
        if was_empty && !inner.pending.is_empty() {
            self.store.shared.batch_began.notify_one();
        }
        if is_news { Written::Changed { version } } else { Written::Unchanged }
    }

    /// Returns whether it is a change. One that leads back to what is published
    /// leaves nothing pending.
    fn put_pending(&self, inner: &mut Inner<T>, version: u64, key: T::Key, next: Option<T::Value>) -> bool {
        let counts = &self.store.shared.counts;
        let published = inner.view.tables.get(&key).map(|entry| entry.value);
        let latest = inner.pending.get(&key).map_or(published.as_ref(), |pending| pending.value.as_ref());
        if same::<T>(latest, next.as_ref()) {
            counts.unchanged.inc();
            return false;
        }
        counts.writes.inc();
        let replaced = if same::<T>(published.as_ref(), next.as_ref()) {
            inner.pending.remove(&key)
        } else {
            inner.pending.insert(key, Pending { version, value: next })
        };
        if replaced.is_some() {
            counts.coalesced.inc();
        }
        true
    }
}

/// A key and what it is to hold (None: nothing).
pub type Change<T> = (<T as Tables>::Key, Option<<T as Tables>::Value>);

fn same<T: Tables>(old: Option<&T::Value>, new: Option<&T::Value>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => T::same(old, new),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

impl<T: Tables> Drop for Writer<T> {
    fn drop(&mut self) {
        self.store.lock().owned.remove(&self.scope);
    }
}
