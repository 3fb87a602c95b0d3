//! What a store holds, as far as the store has to know.

use std::fmt::Debug;
use std::hash::Hash;

/// What a store holds. Cloning must be cheap and share everything: a commit
/// works on a clone while readers keep the original.
pub trait Tables: Clone + Default + Send + Sync + 'static {
    /// Names one entry.
    type Key: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// One entry. Cloning must be cheap.
    type Value: Clone + Send + Sync + 'static;
    /// What one writer owns: each key belongs to one.
    type Scope: Clone + Eq + Hash + Debug + Send + Sync + 'static;

    /// Whose key this is.
    fn scope(key: &Self::Key) -> Self::Scope;
    /// Whether publishing `new` in place of `old` would tell nobody anything.
    fn same(old: &Self::Value, new: &Self::Value) -> bool;
    /// The entry, and the version of the change that made it.
    fn get(&self, key: &Self::Key) -> Option<Versioned<Self::Value>>;
    /// Puts an entry, or takes it out.
    fn put(&mut self, key: &Self::Key, entry: Option<Versioned<Self::Value>>);
}

/// A value and the version of the change that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versioned<V> {
    /// Grows with each change of any key.
    pub version: u64,
    /// The value.
    pub value: V,
}

impl<V> Versioned<V> {
    /// The same version of another form of the value.
    pub fn map<W>(self, form: impl FnOnce(V) -> W) -> Versioned<W> {
        Versioned { version: self.version, value: form(self.value) }
    }

    /// As [`Versioned::map`]; None when the value has no such form.
    pub fn try_map<W>(self, form: impl FnOnce(V) -> Option<W>) -> Option<Versioned<W>> {
        Some(Versioned { version: self.version, value: form(self.value)? })
    }
}
