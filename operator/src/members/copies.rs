//! What one member holds of ours: of each object only its identity, our hash
//! and a fingerprint of the fields that are ours.
//!
//! Enters: objects as watches and writes return them. Leaves: what changed, so
//! that the pipeline looks at that object. A value of ours cannot change on the
//! API without its field leaving our ownership, so comparing fingerprints finds
//! drift without keeping manifests.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use atoll_decide::first_write::{self, FIELD_MANAGER, Owner};
use atoll_decide::ids::{Gvk, ObjectKey};
use atoll_decide::ownership;
use atoll_decide::render::marks;
use serde_json::Value;

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its uid.
    pub uid: Box<str>,
    /// Its resource version, as a number: members of one API server compare so.
    pub version: u64,
    /// The hash it carries, in hex; empty when the mark is gone.
    pub hash: Box<str>,
    /// The binding it says it belongs to.
    pub binding: Box<str>,
    /// The hub it says it comes from.
    pub hub: Box<str>,
    /// Fingerprint of our fields as last seen.
    fields: Option<u64>,
    /// The same, right after our last write or verification. None: this
    /// process has not verified the copy yet.
    verified: Option<u64>,
    /// It carries a deletion timestamp.
    pub deleting: bool,
}

impl Copy {
    /// This process has seen the copy hold what `hash` stands for, and nothing
    /// of it has changed since.
    pub fn is_in_sync(&self, hash: &str) -> bool {
        self.verified.is_some() && self.verified == self.fields && *self.hash == *hash && !self.deleting
    }

    /// It belongs to this binding, and no other hub has put its mark on it. One
    /// without such a mark is Karmada's, whose bindings go on here.
    pub fn is_of(&self, binding: &str, hub: &str) -> bool {
        *self.binding == *binding && (self.hub.is_empty() || *self.hub == *hub)
    }

    /// This process has not verified the copy yet.
    pub fn is_unverified(&self) -> bool {
        self.verified.is_none()
    }

    /// A write may go without another look: this process has verified the
    /// copy, and it still holds its mark.
    pub fn may_be_overwritten(&self) -> bool {
        self.verified.is_some() && self.verified == self.fields && !self.deleting
    }

    fn of(live: &Value) -> Option<Self> {
        let text = |value: &Value| Box::<str>::from(value.as_str().unwrap_or_default());
        let metadata = &live["metadata"];
        let Owner::Binding(binding) = first_write::owner(live) else { return None };
        Some(Self {
            uid: text(&metadata["uid"]),
            version: metadata["resourceVersion"].as_str()?.parse().unwrap_or(0),
            hash: text(&metadata["annotations"][marks::MANIFEST_HASH]),
            binding: binding.into(),
            hub: text(&metadata["annotations"][marks::HUB_UID]),
            fields: ownership::own_fields(live, FIELD_MANAGER).map(ownership::fingerprint),
            verified: None,
            deleting: !metadata["deletionTimestamp"].is_null(),
        })
    }
}

/// What an observation meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Older than what is known: ignored.
    Stale,
    /// As before, as far as our fields go.
    Same,
    /// Another hash, or a changed field of ours, or new here.
    Changed,
}

/// The copies of one member.
#[derive(Default)]
pub struct Copies {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    copies: HashMap<ObjectKey, Copy>,
    /// Kinds whose list is complete.
    synced: HashSet<Gvk>,
}

impl Copies {
    /// Takes in an object that the watch showed.
    pub fn observe(&self, key: &ObjectKey, live: &Value) -> Seen {
        let Some(mut copy) = Copy::of(live) else { return Seen::Same };
        let mut inner = self.lock();
        let Some(known) = inner.copies.get(key) else {
            inner.copies.insert(key.clone(), copy);
            return Seen::Changed;
        };
        if copy.uid == known.uid && copy.version < known.version {
            return Seen::Stale;
        }
        if copy.uid == known.uid && copy.hash == known.hash {
            copy.verified = known.verified;
        }
        let seen = if copy.fields == known.fields
            && copy.hash == known.hash
            && copy.uid == known.uid
            && copy.deleting == known.deleting
        {
            Seen::Same
        } else {
            Seen::Changed
        };
        inner.copies.insert(key.clone(), copy);
        seen
    }

    /// Takes in an object right after a write, or after a look that found it
    /// exactly as wanted.
    pub fn verify(&self, key: &ObjectKey, live: &Value) {
        let Some(mut copy) = Copy::of(live) else { return };
        copy.verified = copy.fields;
        let mut inner = self.lock();
        if let Some(known) = inner.copies.get(key)
            && known.uid == copy.uid
            && known.version > copy.version
        {
            // The watch was quicker and already shows a later state: keep it,
            // compared from now on with what we wrote.
            let mut known = known.clone();
            known.verified = copy.verified;
            inner.copies.insert(key.clone(), known);
            return;
        }
        inner.copies.insert(key.clone(), copy);
    }

    /// The object is surely gone.
    pub fn remove(&self, key: &ObjectKey) {
        self.lock().copies.remove(key);
    }

    /// The copy of `key`, when there is one.
    pub fn get(&self, key: &ObjectKey) -> Option<Copy> {
        self.lock().copies.get(key).cloned()
    }

    /// Whether the list of `kind` is complete, so that "no copy" means absent.
    pub fn is_synced(&self, kind: &Gvk) -> bool {
        self.lock().synced.contains(kind)
    }

    /// The list of `kind` is complete, or not any more.
    pub fn set_synced(&self, kind: &Gvk, synced: bool) {
        let mut inner = self.lock();
        if synced {
            inner.synced.insert(kind.clone());
        } else {
            inner.synced.remove(kind);
        }
    }

    /// The copies of `kind` that are known here, with their uids.
    pub fn of_kind(&self, kind: &Gvk) -> HashMap<ObjectKey, Box<str>> {
        let inner = self.lock();
        let of_kind = inner.copies.iter().filter(|(key, _)| key.gvk == *kind);
        of_kind.map(|(key, copy)| (key.clone(), copy.uid.clone())).collect()
    }

    /// How many copies there are: the base of the delete budget (promise I7).
    pub fn len(&self) -> usize {
        self.lock().copies.len()
    }

    /// All copies, for the report of orphans.
    pub fn all(&self) -> Vec<(ObjectKey, Copy)> {
        self.lock().copies.iter().map(|(key, copy)| (key.clone(), copy.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key() -> ObjectKey {
        ObjectKey { gvk: Gvk::from_api_version("v1", "ConfigMap"), namespace: Some("a".into()), name: "b".into() }
    }

    fn live(version: u64, hash: &str, fields: &Value) -> Value {
        json!({"metadata": {
            "uid": "u", "resourceVersion": version.to_string(),
            "labels": {"karmada.io/managed": "true"},
            "annotations": {
                "resourcebinding.karmada.io/namespace": "a", "resourcebinding.karmada.io/name": "b-configmap",
                "atoll.dev/manifest-hash": hash,
            },
            "managedFields": [{"manager": "atoll", "operation": "Apply", "fieldsV1": fields}],
        }})
    }

    #[test]
    fn a_field_that_leaves_our_ownership_is_drift() {
        let copies = Copies::default();
        copies.verify(&key(), &live(1, "h", &json!({"f:data": {"f:x": {}}})));
        assert_eq!(copies.observe(&key(), &live(2, "h", &json!({"f:data": {}}))), Seen::Changed);
        assert!(!copies.get(&key()).unwrap().is_in_sync("h"));
    }

    #[test]
    fn a_write_elsewhere_in_the_object_is_no_drift() {
        let copies = Copies::default();
        copies.verify(&key(), &live(1, "h", &json!({"f:data": {"f:x": {}}})));
        assert_eq!(copies.observe(&key(), &live(2, "h", &json!({"f:data": {"f:x": {}}}))), Seen::Same);
        assert!(copies.get(&key()).unwrap().is_in_sync("h"));
    }

    #[test]
    fn an_event_older_than_our_write_changes_nothing() {
        let copies = Copies::default();
        copies.verify(&key(), &live(5, "new", &json!({"f:data": {}})));
        assert_eq!(copies.observe(&key(), &live(3, "old", &json!({"f:data": {"f:x": {}}}))), Seen::Stale);
        assert!(copies.get(&key()).unwrap().is_in_sync("new"));
    }

    #[test]
    fn a_copy_seen_after_a_start_is_not_trusted_before_it_was_verified() {
        let copies = Copies::default();
        copies.observe(&key(), &live(1, "h", &json!({"f:data": {}})));
        assert!(!copies.get(&key()).unwrap().is_in_sync("h"));
    }
}
