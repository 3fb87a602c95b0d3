//! What users are told in Events, each thing once.

use std::sync::PoisonError;

use atoll_decide::binding::Outcome;
use atoll_decide::ids::{ClusterName, ObjectKey};
use k8s_openapi::api::core::v1::ObjectReference;

use super::App;
use crate::members::failure::Failure;
use crate::telemetry::decisions::{What, Why};

impl App {
    /// An Event on a template, once per reason and message.
    /// Returns whether it was news.
    pub fn note_once(&self, key: &ObjectKey, reason: &str, message: &str) -> bool {
        let news = self.is_news(key, reason, message);
        if news {
            self.events.note(self.reference(key), reason, message);
        }
        news
    }

    /// A warning Event on a template about a failed look, once per message.
    pub fn tell_template(&self, key: &ObjectKey, error: &crate::pipeline::Error) {
        let message = error.to_string();
        if error.is_for_the_user() && self.is_news(key, "ApplyPolicyFailed", &message) {
            self.events.warn(self.reference(key), "ApplyPolicyFailed", &message);
        }
    }

    /// A warning Event on a template that fits nowhere, once per message until
    /// it was placed.
    pub fn tell_schedule(&self, key: &ObjectKey, outcome: &Outcome) {
        const REASON: &str = "ScheduleBindingFailed";
        match outcome {
            Outcome::Failed { message, .. } if self.is_news(key, REASON, message) => {
                self.decisions.record(Some(key), None, What::NotScheduled, Why::Words(message.as_str().into()));
                self.events.warn(self.reference(key), REASON, message);
            }
            Outcome::Scheduled(_) => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(told) = told.get_mut(key) {
                    told.remove(REASON);
                }
            }
            Outcome::Failed { .. } | Outcome::Stands => {}
        }
    }

    /// A warning Event on a template about what a member refused.
    pub fn tell_refused(&self, key: &ObjectKey, cluster: &ClusterName, failure: &Failure) {
        // Silence is the cluster's matter, told on the Cluster.
        if failure.is_silence() {
            return;
        }
        let why = failure.to_string();
        let message = format!("cluster {cluster}: {why}");
        if self.is_news(key, cluster.as_str(), &message) {
            self.events.warn(self.reference(key), "SyncFailed", &message);
        }
    }

    fn is_news(&self, key: &ObjectKey, reason: &str, message: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let by_reason = told.entry(key.clone()).or_default();
        by_reason.insert(reason.to_owned(), message.to_owned()).as_deref() != Some(message)
    }

    /// The template is gone: nothing of it is remembered.
    pub fn forget_template(&self, key: &ObjectKey) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.delivered.by_template.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.statuses.forget(key);
    }

    fn reference(&self, key: &ObjectKey) -> ObjectReference {
        let template = self.templates.get(key);
        ObjectReference {
            api_version: Some(key.gvk.api_version()),
            kind: Some(key.gvk.kind.to_string()),
            namespace: key.namespace.as_ref().map(ToString::to_string),
            name: Some(key.name.to_string()),
            uid: template.map(|template| template.uid.to_string()),
            ..ObjectReference::default()
        }
    }

    /// An Event on a Cluster.
    pub fn tell_cluster(&self, name: &ClusterName, reason: &str, message: &str, warning: bool) {
        use kube::Resource;
        let Some(cluster) = self.clusters.get(name) else { return };
        let about = cluster.object_ref(&());
        if warning {
            self.events.warn(about, reason, message);
        } else {
            self.events.note(about, reason, message);
        }
    }
}
