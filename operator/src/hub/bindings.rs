//! The bindings of the hub, as last seen or written.
//!
//! Enters: `ResourceBindings` and `ClusterResourceBindings` from watches and from
//! our own writes. Leaves: for each template its binding. An event older than
//! our own write is ignored.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use atoll_crds::names::label;
use atoll_crds::policy::placement::Placement;
use atoll_crds::work::binding::{Binding as BindingKind, BindingSpec, BindingStatus};
use atoll_decide::ids::{ClusterName, Gvk, ObjectKey};
use atoll_decide::placement::Target;
use internment::ArcIntern;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

/// Which object on the hub a binding is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingRef {
    /// None: a `ClusterResourceBinding`.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
}

impl std::fmt::Display for BindingRef {
    /// As the copies' marks name it: `namespace/name`, or `name`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The label that carries a binding's permanent id.
pub fn id_label(namespaced: bool) -> &'static str {
    if namespaced { label::BINDING_ID } else { label::CLUSTER_BINDING_ID }
}

/// One binding.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Which object it is.
    pub reference: BindingRef,
    /// Its uid.
    pub uid: Box<str>,
    /// Its resource version.
    pub resource_version: Box<str>,
    /// Its generation.
    pub generation: i64,
    /// It carries a deletion timestamp.
    pub deleting: bool,
    /// Its permanent id, which stands in a label.
    pub id: Option<Box<str>>,
    /// The other labels. Bindings of one policy say the same: equal ones are held once.
    pub labels: ArcIntern<BTreeMap<String, String>>,
    /// Annotations; held like the labels.
    pub annotations: ArcIntern<BTreeMap<String, String>>,
    /// Finalizers; held like the labels.
    pub finalizers: ArcIntern<Vec<String>>,
    /// The spec.
    pub spec: BindingSpec,
    /// `status.schedulerObservedGeneration`
    pub scheduled_generation: Option<i64>,
    /// `status.schedulerObservingAffinityName`
    pub group: Option<String>,
    /// `status.lastScheduledTime`
    pub last_scheduled: Option<Time>,
    /// Hash of the status without its times, to write it only when it changed.
    pub status: Option<Arc<BindingStatus>>,
}

impl Binding {
    /// From an object of the hub.
    pub fn of<B: BindingKind>(object: &B) -> Self {
        let status = object.status();
        let mut labels = object.labels().clone();
        let namespace = object.namespace();
        let id = labels.remove(id_label(namespace.is_some()));
        Self {
            reference: BindingRef { namespace: namespace.map(Into::into), name: object.name_any().into() },
            uid: object.uid().unwrap_or_default().into(),
            resource_version: object.resource_version().unwrap_or_default().into(),
            generation: object.meta().generation.unwrap_or_default(),
            deleting: object.meta().deletion_timestamp.is_some(),
            id: id.map(Into::into),
            labels: ArcIntern::new(labels),
            annotations: ArcIntern::new(object.annotations().clone()),
            finalizers: ArcIntern::new(object.finalizers().to_vec()),
            spec: object.binding().clone(),
            scheduled_generation: status.and_then(|status| status.scheduler_observed_generation),
            group: status.and_then(|status| status.scheduler_observing_affinity_name.clone()),
            last_scheduled: status.and_then(|status| status.last_scheduled_time.clone()),
            status: status.cloned().map(Arc::new),
        }
    }

    /// The template it speaks of.
    pub fn template(&self) -> ObjectKey {
        let resource = &self.spec.resource;
        ObjectKey {
            gvk: Gvk::from_api_version(&resource.api_version, &resource.kind),
            namespace: resource.namespace.as_deref().filter(|namespace| !namespace.is_empty()).map(Into::into),
            name: resource.name.as_str().into(),
        }
    }

    /// Whether it speaks of the template with this uid, not of another of its
    /// name.
    pub fn is_about(&self, template_uid: &str) -> bool {
        self.spec.resource.uid.as_deref() == Some(template_uid)
    }

    /// The schedule result.
    pub fn targets(&self) -> Vec<Target> {
        let clusters = self.spec.clusters.iter();
        clusters.map(|target| Target { cluster: target.name.as_str().into(), replicas: target.replicas }).collect()
    }

    /// Clusters that may hold a copy by this binding's own word: targets,
    /// clusters being vacated, and those of bindings it follows.
    pub fn named_clusters(&self) -> impl Iterator<Item = ClusterName> {
        let spec = &self.spec;
        let targets = spec.clusters.iter().map(|target| target.name.as_str());
        let leaving = spec.graceful_eviction_tasks.iter().map(|task| task.from_cluster.as_str());
        let followed =
            spec.required_by.iter().flat_map(|parent| parent.clusters.iter().map(|target| target.name.as_str()));
        targets.chain(leaving).chain(followed).map(ClusterName::from)
    }

    fn version(&self) -> u64 {
        self.resource_version.parse().unwrap_or(0)
    }
}

/// All bindings, by template.
#[derive(Default)]
pub struct Bindings {
    by_template: RwLock<HashMap<ObjectKey, Arc<Binding>>>,
    /// Bindings that were let go while their templates stand, until they are
    /// made anew: what they said of the placement still holds.
    former: Mutex<HashMap<ObjectKey, Arc<Binding>>>,
    highest: AtomicU64,
    placements: Mutex<Placements>,
}

/// The placements that bindings hold, by the labels of the bindings, which name the policy: a policy with ten thousand
/// templates has one placement in memory.
#[derive(Default)]
struct Placements {
    by_labels: HashMap<ArcIntern<BTreeMap<String, String>>, Weak<Placement>>,
    /// How many there were when those that nobody holds any more were last taken out.
    swept_at: usize,
}

impl Placements {
    /// Lets the binding hold the same placement as others of its policy, if theirs is equal.
    fn share(&mut self, binding: &mut Binding) {
        let Some(placement) = &mut binding.spec.placement else { return };
        match self.by_labels.get(&binding.labels).and_then(Weak::upgrade) {
            Some(held) if held == *placement => *placement = held,
            _ => {
                self.by_labels.insert(binding.labels.clone(), Arc::downgrade(placement));
                self.sweep();
            }
        }
    }

    fn sweep(&mut self) {
        if self.by_labels.len() > 2 * self.swept_at.max(16) {
            self.by_labels.retain(|_, held| held.strong_count() > 0);
            self.swept_at = self.by_labels.len();
        }
    }
}

impl Bindings {
    /// Puts a binding as seen or as written; false when it is older than what
    /// is known.
    pub fn put(&self, mut binding: Binding) -> bool {
        self.placements.lock().unwrap_or_else(PoisonError::into_inner).share(&mut binding);
        let mut by_template = self.by_template.write().unwrap_or_else(PoisonError::into_inner);
        let template = binding.template();
        if by_template
            .get(&template)
            .is_some_and(|known| known.uid == binding.uid && known.version() >= binding.version())
        {
            return false;
        }
        self.highest.fetch_max(binding.version(), Ordering::Relaxed);
        if !binding.deleting {
            self.forget_former(&template);
        }
        by_template.insert(template, Arc::new(binding));
        true
    }

    /// The highest resource version among all that was ever put.
    pub fn highest_version(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }

    /// The binding with this uid is gone.
    /// Returns whether it was the one that is known.
    pub fn remove(&self, template: &ObjectKey, uid: &str) -> bool {
        let mut by_template = self.by_template.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = by_template.get(template).is_some_and(|known| *known.uid == *uid);
        if is_known {
            by_template.remove(template);
        }
        is_known
    }

    /// The binding is let go, and another is to be made with what it says.
    pub fn let_go(&self, template: &ObjectKey, binding: &Binding) {
        self.former().insert(template.clone(), Arc::new(binding.clone()));
    }

    /// What the binding that was let go said, while no other was made.
    pub fn former_of(&self, template: &ObjectKey) -> Option<Arc<Binding>> {
        self.former().get(template).cloned()
    }

    /// No binding will follow that one.
    pub fn forget_former(&self, template: &ObjectKey) {
        self.former().remove(template);
    }

    fn former(&self) -> MutexGuard<'_, HashMap<ObjectKey, Arc<Binding>>> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The binding of a template.
    pub fn get(&self, template: &ObjectKey) -> Option<Arc<Binding>> {
        self.by_template.read().unwrap_or_else(PoisonError::into_inner).get(template).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<(ObjectKey, Arc<Binding>)> {
        let by_template = self.by_template.read().unwrap_or_else(PoisonError::into_inner);
        by_template.iter().map(|(key, binding)| (key.clone(), Arc::clone(binding))).collect()
    }

    /// Templates whose bindings name `cluster`.
    pub fn naming(&self, cluster: &ClusterName) -> Vec<ObjectKey> {
        let by_template = self.by_template.read().unwrap_or_else(PoisonError::into_inner);
        let named = by_template.iter().filter(|(_, binding)| binding.named_clusters().any(|name| name == *cluster));
        named.map(|(key, _)| key.clone()).collect()
    }
}
