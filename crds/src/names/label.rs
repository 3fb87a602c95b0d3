//! Keys and values of labels.

/// Identity of a `PropagationPolicy`, on itself, on claimed templates and
/// their bindings.
pub const PROPAGATION_POLICY_ID: &str = "propagationpolicy.karmada.io/permanent-id";

/// Identity of a `ClusterPropagationPolicy`, on itself, on claimed templates
/// and their bindings.
pub const CLUSTER_PROPAGATION_POLICY_ID: &str = "clusterpropagationpolicy.karmada.io/permanent-id";

/// Identity of a `ResourceBinding`, on itself and its copies.
pub const BINDING_ID: &str = "resourcebinding.karmada.io/permanent-id";

/// Identity of a `ClusterResourceBinding`, on itself and its copies.
pub const CLUSTER_BINDING_ID: &str = "clusterresourcebinding.karmada.io/permanent-id";

/// `true` on a Namespace that members do not get.
pub const SKIP_AUTO_PROPAGATION: &str = "namespace.karmada.io/skip-auto-propagation";

/// `true` on every object of a member that the federation made.
pub const MANAGED: &str = "karmada.io/managed";

/// `true` on namespaces, accounts and roles the federation made for itself.
pub const SYSTEM: &str = "karmada.io/system";

/// `true` on a template whose replicas members decide.
pub const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";

/// On a template that another controller owns; no policy claims it.
pub const CLAIMED_BY: &str = "resourcetemplate.karmada.io/claimed-by";

/// `Always` on an object that cannot be deleted.
pub const DELETION_PROTECTED: &str = "resourcetemplate.karmada.io/deletion-protected";

/// The value of labels that say yes.
pub const TRUE: &str = "true";

/// The value of [`DELETION_PROTECTED`] that counts.
pub const ALWAYS: &str = "Always";
