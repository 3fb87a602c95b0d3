//! The watch on our copies of one kind on one member.
//!
//! Enters: objects with our managed label. Leaves: what changed, in the copies
//! and the fleet map, and the templates to look at again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use atoll_decide::ids::{Gvk, ObjectKey};
use kube::core::DynamicObject;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use serde_json::Value;

use super::copies::Seen;
use super::intent::KindInfo;
use super::member::Member;
use crate::app::App;
use crate::hub::template_watch::into_value;
use crate::queue::Lane;
use crate::tasks::About;
use crate::telemetry::metrics::labels::WatchLabel;
use crate::telemetry::{Cause, Step};
use crate::watch::{Sink, follow};

/// A watch is renewed so often, which also finds one whose connection is dead.
pub const RENEW_SECONDS: u32 = 60;

/// Every copy carries it.
const OURS: &str = "karmada.io/managed=true";

/// Watches until the task is cancelled.
pub async fn run(app: Arc<App>, member: Arc<Member>, gvk: Gvk, kind: Arc<KindInfo>) {
    let api: Api<DynamicObject> = Api::all_with(member.connection.work.clone(), &kind.resource);
    let broken = (app.metrics.watches.clone(), WatchLabel::Copy);
    let sink = CopySink { app, member, gvk, before: HashMap::new(), seen: HashSet::new() };
    follow(api, watcher::Config::default().labels(OURS).timeout(RENEW_SECONDS), sink, broken).await;
}

struct CopySink {
    app: Arc<App>,
    member: Arc<Member>,
    gvk: Gvk,
    /// What was there when a list began, with its uid. A copy that was made since is newer than the list.
    before: HashMap<ObjectKey, Box<str>>,
    seen: HashSet<ObjectKey>,
}

impl CopySink {
    fn key(&self, object: &DynamicObject) -> ObjectKey {
        let namespace = object.namespace().map(Into::into);
        ObjectKey { gvk: self.gvk.clone(), namespace, name: object.name_any().into() }
    }

    /// The label-filtered watch no longer shows it. Whether it is gone or only
    /// lost its label is for a read to say (promise I2): the next apply looks.
    fn lost(&self, key: ObjectKey, lane: Lane) {
        self.member.copies.lose(&key);
        self.member.lane.lost(&key);
        self.app.fleet.observe_lost(&key, &self.member.name);
        self.app.status_due(&key);
        self.app.reconcile.add_for(key, lane, Cause::CopyLost);
    }

    fn observe(&self, key: ObjectKey, live: &Value, seen: Seen, listed: bool) {
        if self.app.fleet.observe_copy(&key, &self.member.name, live, false) {
            self.app.status_due(&key);
            // Health moves decisions: a replacement became healthy.
            self.app.health_changed(&key);
        }
        if seen == Seen::Changed {
            let lane = if listed { Lane::CatchUp } else { Lane::User };
            self.app.reconcile.add_for(key, lane, Cause::Copy);
        }
    }

    fn gone(&self, object: &DynamicObject) {
        let key = self.key(object);
        let uid = object.uid().unwrap_or_default();
        // It may have been made anew already, and the answer to that was quicker.
        if self.member.copies.get(&key).is_none_or(|copy| *copy.uid == *uid) {
            self.lost(key, Lane::User);
        }
    }
}

impl Sink<DynamicObject> for CopySink {
    fn relisting(&mut self) {
        self.seen.clear();
        self.before = self.member.copies.of_kind(&self.gvk);
    }

    fn applied(&mut self, object: DynamicObject, listed: bool) {
        let key = self.key(&object);
        let live = into_value(object);
        if listed {
            self.seen.insert(key.clone());
        } else {
            super::health::observe_use(&self.app, &self.member);
        }
        let seen = self.member.copies.observe(&key, &live);
        if seen == Seen::Stale {
            return;
        }
        let origin = self.member.applied.take(&key);
        let about = About::object(&key).on(&self.member.name);
        Step::observing(about).of(&origin).run_now(|| self.observe(key, &live, seen, listed));
    }

    fn deleted(&mut self, object: DynamicObject) {
        self.gone(&object);
    }

    fn broken(&mut self, error: &watcher::Error) {
        use watcher::Error::{InitialListFailed, WatchStartFailed};
        tracing::debug!(cluster = %self.member.name, kind = %self.gvk, %error, "watch interrupted");
        if let InitialListFailed(kube::Error::Api(status)) | WatchStartFailed(kube::Error::Api(status)) = error
            && matches!(status.code, 403 | 404)
        {
            // The member says that there is nothing to see for us: neither a
            // comparison nor a leave must wait for it.
            if status.code == 404 {
                self.member.copies.set_synced(&self.gvk, true);
            } else {
                self.member.copies.set_unseen(&self.gvk);
            }
            self.member.listed(&self.gvk);
        }
    }

    fn synced(&mut self) {
        let before = std::mem::take(&mut self.before);
        let seen = std::mem::take(&mut self.seen);
        for (key, uid) in before.into_iter().filter(|(key, _)| !seen.contains(key)) {
            if self.member.copies.get(&key).is_some_and(|copy| copy.uid == uid) {
                self.lost(key, Lane::CatchUp);
            }
        }
        self.member.copies.set_synced(&self.gvk, true);
        self.member.listed(&self.gvk);
        self.app.judge.notify_one();
    }
}
