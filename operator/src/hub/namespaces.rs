//! The namespaces of the hub that members get (karmada-api 2.10).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use atoll_crds::names::reserved::is_system_namespace;
use atoll_crds::names::{is_reserved_namespace, label};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;

/// One namespace, as far as members get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Its uid on the hub.
    pub uid: Arc<str>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// All namespaces that members get.
#[derive(Default)]
pub struct Namespaces {
    by_name: RwLock<BTreeMap<Arc<str>, Synced>>,
}

impl Namespaces {
    /// Puts a namespace; whether anything changed.
    pub fn put(&self, namespace: &Namespace) -> bool {
        let name: Arc<str> = namespace.name_any().into();
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        if namespace.metadata.deletion_timestamp.is_some() {
            // It is going; members' copies follow when it is gone, so what is
            // known of it stays until then.
            return false;
        }
        if !goes_to_members(namespace) {
            // Copies made before it was opted out stay (karmada-api 2.10).
            return by_name.remove(&name).is_some();
        }
        let synced = Synced {
            uid: namespace.uid().unwrap_or_default().into(),
            labels: namespace.labels().clone(),
            annotations: namespace.annotations().clone(),
        };
        by_name.insert(name, synced.clone()) != Some(synced)
    }

    /// The namespace is gone.
    pub fn remove(&self, name: &str) -> Option<Synced> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    /// One namespace.
    pub fn get(&self, name: &str) -> Option<Synced> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All names.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// Every namespace but the control plane's own, `default`, those of the
/// cluster itself, and those opted out by label.
pub fn goes_to_members(namespace: &Namespace) -> bool {
    let name = namespace.name_any();
    let skipped = namespace
        .labels()
        .get(label::SKIP_AUTO_PROPAGATION)
        .is_some_and(|value| value.eq_ignore_ascii_case(label::TRUE));
    !skipped && name != "default" && !is_reserved_namespace(&name) && !is_system_namespace(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn namespace(metadata: &serde_json::Value) -> Namespace {
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn a_namespace_that_is_going_is_remembered_until_it_is_gone() {
        let namespaces = Namespaces::default();
        assert!(namespaces.put(&namespace(&json!({"name": "shop", "uid": "u"}))));
        let going = json!({"name": "shop", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert!(!namespaces.put(&namespace(&going)));
        assert_eq!(&*namespaces.remove("shop").unwrap().uid, "u");
    }

    #[test]
    fn namespaces_of_the_cluster_itself_and_opted_out_ones_stay_at_home() {
        let opted_out = json!({"name": "a", "labels": {"namespace.karmada.io/skip-auto-propagation": "True"}});
        for metadata in [json!({"name": "kube-system"}), json!({"name": "default"}), opted_out] {
            assert!(!goes_to_members(&namespace(&metadata)));
        }
    }
}
