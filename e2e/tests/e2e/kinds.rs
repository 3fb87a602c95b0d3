//! The kinds that tests speak of.

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};

/// A kind.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
pub struct Kind {
    /// `apiVersion`
    pub version: &'static str,
    /// `kind`
    pub kind: &'static str,
    pub namespaced: bool,
}

impl Kind {
    /// The objects of this kind in one cluster, and in `namespace` where the kind has one.
    pub fn api(self, client: Client, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = self.version.split_once('/').unwrap_or(("", self.version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, self.kind));
        if self.namespaced {
            Api::namespaced_with(client, namespace, &resource)
        } else {
            Api::all_with(client, &resource)
        }
    }
}

pub const fn namespaced(version: &'static str, kind: &'static str) -> Kind {
    Kind { version, kind, namespaced: true }
}

pub const fn cluster_wide(version: &'static str, kind: &'static str) -> Kind {
    Kind { version, kind, namespaced: false }
}

pub const CONFIG_MAP: Kind = namespaced("v1", "ConfigMap");
pub const SECRET: Kind = namespaced("v1", "Secret");
pub const SERVICE: Kind = namespaced("v1", "Service");
pub const POD: Kind = namespaced("v1", "Pod");
pub const EVENT: Kind = namespaced("events.k8s.io/v1", "Event");
pub const DEPLOYMENT: Kind = namespaced("apps/v1", "Deployment");
pub const STATEFUL_SET: Kind = namespaced("apps/v1", "StatefulSet");
pub const DAEMON_SET: Kind = namespaced("apps/v1", "DaemonSet");
pub const JOB: Kind = namespaced("batch/v1", "Job");
pub const NAMESPACE: Kind = cluster_wide("v1", "Namespace");
pub const PRIORITY_CLASS: Kind = cluster_wide("scheduling.k8s.io/v1", "PriorityClass");
pub const DEFINITION: Kind = cluster_wide("apiextensions.k8s.io/v1", "CustomResourceDefinition");
pub const ADMISSION_RULE: Kind = cluster_wide("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy");
pub const ADMISSION_BINDING: Kind = cluster_wide("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding");

pub const CLUSTER: Kind = cluster_wide("cluster.karmada.io/v1alpha1", "Cluster");
pub const POLICY: Kind = namespaced("policy.karmada.io/v1alpha1", "PropagationPolicy");
pub const CLUSTER_POLICY: Kind = cluster_wide("policy.karmada.io/v1alpha1", "ClusterPropagationPolicy");
pub const OVERRIDE: Kind = namespaced("policy.karmada.io/v1alpha1", "OverridePolicy");
pub const CLUSTER_OVERRIDE: Kind = cluster_wide("policy.karmada.io/v1alpha1", "ClusterOverridePolicy");
pub const BINDING: Kind = namespaced("work.karmada.io/v1alpha2", "ResourceBinding");
pub const CLUSTER_BINDING: Kind = cluster_wide("work.karmada.io/v1alpha2", "ClusterResourceBinding");
