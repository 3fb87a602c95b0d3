//! Keys of annotations.

/// Namespace of the claiming `PropagationPolicy`, on templates and bindings.
pub const PROPAGATION_POLICY_NAMESPACE: &str = "propagationpolicy.karmada.io/namespace";

/// Name of the claiming `PropagationPolicy`, on templates and bindings.
pub const PROPAGATION_POLICY_NAME: &str = "propagationpolicy.karmada.io/name";

/// Name of the claiming `ClusterPropagationPolicy`, on templates and bindings.
pub const CLUSTER_PROPAGATION_POLICY_NAME: &str = "clusterpropagationpolicy.karmada.io/name";

/// JSON of the placement behind the current schedule result, on bindings.
pub const APPLIED_PLACEMENT: &str = "policy.karmada.io/applied-placement";

/// Namespace of the owning `ResourceBinding`, on manifests.
pub const BINDING_NAMESPACE: &str = "resourcebinding.karmada.io/namespace";

/// Name of the owning `ResourceBinding`, on manifests.
pub const BINDING_NAME: &str = "resourcebinding.karmada.io/name";

/// Name of the owning `ClusterResourceBinding`, on manifests.
pub const CLUSTER_BINDING_NAME: &str = "clusterresourcebinding.karmada.io/name";

/// `overwrite` or `abort`, on templates and manifests.
pub const CONFLICT_RESOLUTION: &str = "work.karmada.io/conflict-resolution";

/// UID of the template, on manifests.
pub const TEMPLATE_UID: &str = "resourcetemplate.karmada.io/uid";

/// Generation of the template, on manifests.
pub const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

/// Hash of the manifest last applied, on members' objects: an equal hash means
/// that nothing has to be written.
pub const MANIFEST_HASH: &str = "atoll.dev/manifest-hash";

/// Identity of the hub whose decisions a member carries out.
pub const HUB_UID: &str = "atoll.dev/hub-uid";

/// On a Cluster: a person approves deletes that were paused there.
pub const APPROVE_DELETES: &str = "atoll.dev/approve-deletes";

/// On a Cluster: its objects stay on the member when it leaves the fleet.
pub const KEEP_OBJECTS: &str = "atoll.dev/keep-objects";

/// On a template: it may move although nothing proves that the old copy has
/// stopped.
pub const ALLOW_UNFENCED_MOVE: &str = "atoll.dev/allow-unfenced-move";
