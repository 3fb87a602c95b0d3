//! What one member holds of ours: of each object only its identity, our hash
//! and a fingerprint of the fields that are ours.
//!
//! Enters: objects as watches and writes return them. Leaves: what changed, so
//! that the pipeline looks at that object. A value of ours cannot change on the
//! API without its field leaving our ownership, so comparing fingerprints finds
//! drift without keeping manifests.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use atoll_decide::first_write::{self, FIELD_MANAGER, Owner};
use atoll_decide::ids::{Gvk, ObjectKey};
use atoll_decide::ownership;
use atoll_decide::render::marks;
use internment::ArcIntern;
use serde_json::Value;

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its uid.
    pub uid: Box<str>,
    /// Its resource version, as a number: members of one API server compare so.
    pub version: u64,
    /// The hash it carries; none when the mark is gone or is no hash.
    pub hash: Option<u64>,
    /// The binding it says it belongs to; held once for all its copies.
    pub binding: ArcIntern<str>,
    /// The hub it says it comes from; held once for all copies.
    pub hub: ArcIntern<str>,
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
    pub fn is_in_sync(&self, hash: u64) -> bool {
        self.verified.is_some() && self.verified == self.fields && self.hash == Some(hash) && !self.deleting
    }

    /// A field of ours changed since this process last wrote or verified it.
    pub fn has_drifted(&self) -> bool {
        self.verified.is_some() && self.verified != self.fields
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
            hash: metadata["annotations"][marks::MANIFEST_HASH].as_str().and_then(marks::read_hash),
            binding: binding.as_str().into(),
            hub: metadata["annotations"][marks::HUB_UID].as_str().unwrap_or_default().into(),
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
    /// Kinds that we may not list there.
    unseen: BTreeSet<Gvk>,
    /// Copies that the watch lost without us, until they are written anew or
    /// not wanted any more.
    lost: HashSet<ObjectKey>,
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

    /// What is known of the object is void: it is gone, or has to be read again.
    pub fn remove(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        inner.copies.remove(key);
        inner.lost.remove(key);
    }

    /// The watch shows the object no more, and it was not us.
    pub fn lose(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        // What we deleted ourselves is not known any more when the watch hears of it.
        if inner.copies.remove(key).is_some() {
            inner.lost.insert(key.clone());
        }
    }

    /// Nobody waits for a lost object any more.
    pub fn forget_lost(&self, key: &ObjectKey) {
        self.lock().lost.remove(key);
    }

    /// Whether the object was lost before this write of it; asked once.
    pub fn was_lost(&self, key: &ObjectKey) -> bool {
        self.lock().lost.remove(key)
    }

    /// The copy of `key`, when there is one.
    pub fn get(&self, key: &ObjectKey) -> Option<Copy> {
        self.lock().copies.get(key).cloned()
    }

    /// Whether the list of `kind` is complete, so that "no copy" means absent.
    pub fn is_synced(&self, kind: &Gvk) -> bool {
        self.lock().synced.contains(kind)
    }

    /// There is nothing to see of `kind` for us: we may not list it. Nothing
    /// waits for that list, and nobody takes it for empty.
    pub fn set_unseen(&self, kind: &Gvk) {
        self.set_synced(kind, true);
        self.lock().unseen.insert(kind.clone());
    }

    /// The kinds that we may not list.
    pub fn unseen(&self) -> BTreeSet<Gvk> {
        self.lock().unseen.clone()
    }

    /// The list of `kind` is complete, or not any more.
    pub fn set_synced(&self, kind: &Gvk, synced: bool) {
        let mut inner = self.lock();
        inner.unseen.remove(kind);
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

    /// The objects whose copies are `wanted`. It is asked under the lock: it must be quick.
    pub fn keys_where(&self, wanted: impl Fn(&ObjectKey, &Copy) -> bool) -> Vec<ObjectKey> {
        let inner = self.lock();
        inner.copies.iter().filter(|(key, copy)| wanted(key, copy)).map(|(key, _)| key.clone()).collect()
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
        copies.verify(&key(), &live(1, "000000000000000a", &json!({"f:data": {"f:x": {}}})));
        assert_eq!(copies.observe(&key(), &live(2, "000000000000000a", &json!({"f:data": {}}))), Seen::Changed);
        assert!(!copies.get(&key()).unwrap().is_in_sync(0xa));
    }

    #[test]
    fn a_write_elsewhere_in_the_object_is_no_drift() {
        let copies = Copies::default();
        copies.verify(&key(), &live(1, "000000000000000a", &json!({"f:data": {"f:x": {}}})));
        assert_eq!(copies.observe(&key(), &live(2, "000000000000000a", &json!({"f:data": {"f:x": {}}}))), Seen::Same);
        assert!(copies.get(&key()).unwrap().is_in_sync(0xa));
    }

    #[test]
    fn an_event_older_than_our_write_changes_nothing() {
        let copies = Copies::default();
        copies.verify(&key(), &live(5, "000000000000000b", &json!({"f:data": {}})));
        assert_eq!(copies.observe(&key(), &live(3, "000000000000000c", &json!({"f:data": {"f:x": {}}}))), Seen::Stale);
        assert!(copies.get(&key()).unwrap().is_in_sync(0xb));
    }

    #[test]
    fn a_kind_that_may_not_be_listed_holds_up_nothing_and_is_not_taken_for_empty() {
        let (copies, kind) = (Copies::default(), key().gvk);
        copies.set_unseen(&kind);
        assert!(copies.is_synced(&kind));
        assert_eq!(copies.unseen(), BTreeSet::from([kind.clone()]));
        copies.set_synced(&kind, true);
        assert_eq!(copies.unseen(), BTreeSet::new(), "its list came after all");
    }

    #[test]
    fn only_a_copy_that_went_without_us_counts_as_lost_and_only_once() {
        let copies = Copies::default();
        copies.verify(&key(), &live(1, "000000000000000a", &json!({})));
        copies.lose(&key());
        assert!(copies.was_lost(&key()));
        assert!(!copies.was_lost(&key()));

        copies.verify(&key(), &live(2, "000000000000000a", &json!({})));
        copies.remove(&key());
        copies.lose(&key());
        assert!(!copies.was_lost(&key()), "we deleted it");
    }

    #[test]
    fn a_copy_seen_after_a_start_is_not_trusted_before_it_was_verified() {
        let copies = Copies::default();
        copies.observe(&key(), &live(1, "000000000000000a", &json!({"f:data": {}})));
        assert!(!copies.get(&key()).unwrap().is_in_sync(0xa));
    }
}
