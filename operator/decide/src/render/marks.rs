//! Labels and annotations that say what a copy is and where it comes from
//! (karmada-api 3.2; our own stand under `atoll.dev/`).

/// Label, `true` on every object of ours on a member.
pub const MANAGED: &str = "karmada.io/managed";

/// Label: permanent id of the `ResourceBinding`.
pub const BINDING_ID: &str = "resourcebinding.karmada.io/permanent-id";
/// Annotation: namespace of the `ResourceBinding`.
pub const BINDING_NAMESPACE: &str = "resourcebinding.karmada.io/namespace";
/// Annotation: name of the `ResourceBinding`.
pub const BINDING_NAME: &str = "resourcebinding.karmada.io/name";

/// Label: permanent id of the `ClusterResourceBinding`.
pub const CLUSTER_BINDING_ID: &str = "clusterresourcebinding.karmada.io/permanent-id";
/// Annotation: name of the `ClusterResourceBinding`.
pub const CLUSTER_BINDING_NAME: &str = "clusterresourcebinding.karmada.io/name";

/// Annotation: uid of the template.
pub const TEMPLATE_UID: &str = "resourcetemplate.karmada.io/uid";
/// Annotation: generation of the template the copy was made from.
pub const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

/// Label on a template: `true` leaves the replicas to the members.
pub const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";
/// Label on a template: another controller owns it, nobody propagates it.
pub const CLAIMED_BY: &str = "resourcetemplate.karmada.io/claimed-by";

/// Whether a label or annotation is the federation's, by its key.
pub fn is_of_the_federation(key: &str) -> bool {
    key.contains("karmada.io/") || key.starts_with("atoll.dev/")
}

/// Annotation: uid of the hub the copy comes from.
pub const HUB_UID: &str = "atoll.dev/hub-uid";
/// Annotation: hash of the copy as rendered, in hex, without this annotation.
pub const MANIFEST_HASH: &str = "atoll.dev/manifest-hash";

/// A hash as copies carry it.
pub fn write_hash(hash: u64) -> String {
    format!("{hash:016x}")
}

/// The hash that a mark says; None when it is none.
pub fn read_hash(mark: &str) -> Option<u64> {
    u64::from_str_radix(mark, 16).ok()
}

/// Key of the note that stands in place of a status too large to keep.
pub const STATUS_NOTE: &str = "atoll.dev/status-left-out";
