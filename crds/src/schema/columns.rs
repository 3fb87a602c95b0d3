//! What `kubectl get` prints, by kind.
//!
//! Karmada's columns keep their names (karmada-api 1.1); ours come beside them.
//! A table here, not attributes on the types, so that both kinds of a pair
//! share one list.

use serde_json::{Value, json};

/// One column.
pub(super) struct Column {
    name: &'static str,
    kind: &'static str,
    path: &'static str,
    /// Shown by `-o wide` alone.
    wide: bool,
}

const fn text(name: &'static str, path: &'static str) -> Column {
    Column { name, kind: "string", path, wide: false }
}

const fn number(name: &'static str, path: &'static str) -> Column {
    Column { name, kind: "integer", path, wide: false }
}

const fn wide(name: &'static str, path: &'static str) -> Column {
    Column { name, kind: "string", path, wide: true }
}

const AGE: Column = Column { name: "AGE", kind: "date", path: ".metadata.creationTimestamp", wide: false };

const POLICY: &[Column] = &[
    text("STATUS", ".status.state"),
    text("REASON", ".status.reason"),
    number("CLUSTERS-MATCHED", ".status.clustersMatched"),
    number("CLUSTERS-FAILED", ".status.clustersFailed"),
    text("CONFLICT-RESOLUTION", ".spec.conflictResolution"),
    text("PRIORITY", ".spec.priority"),
    AGE,
];

const BINDING: &[Column] = &[
    text("SCHEDULED", ".status.conditions[?(@.type==\"Scheduled\")].status"),
    text("FULLYAPPLIED", ".status.conditions[?(@.type==\"FullyApplied\")].status"),
    text("HEALTHY", ".status.healthy"),
    text("CLUSTERS", ".status.placedOn"),
    text("REASON", ".status.reason"),
    AGE,
];

const CLUSTER: &[Column] = &[
    text("VERSION", ".status.kubernetesVersion"),
    text("MODE", ".spec.syncMode"),
    text("READY", ".status.conditions[?(@.type==\"Ready\")].status"),
    text("GRADE", ".status.verdict.grade"),
    text("REASON", ".status.conditions[?(@.type==\"Ready\")].reason"),
    AGE,
    wide("ZONES", ".spec.zones"),
    wide("REGION", ".spec.region"),
    wide("PROVIDER", ".spec.provider"),
    wide("API-ENDPOINT", ".spec.apiEndpoint"),
    wide("PROXY-URL", ".spec.proxyURL"),
];

const SNAPSHOT: &[Column] = &[
    text("CLUSTER", ".spec.cluster"),
    text("VERDICT", ".spec.verdict.grade"),
    number("PLACEMENTS", ".spec.placementCount"),
    number("MOVED", ".status.moved"),
    AGE,
    Column { name: "PART", kind: "integer", path: ".spec.part", wide: true },
    Column { name: "PARTS", kind: "integer", path: ".spec.parts", wide: true },
];

const QUOTA: &[Column] = &[text("OVERALL", ".status.overall"), text("OVERALL_USED", ".status.overallUsed")];

const WORK: &[Column] = &[
    text("WORKLOAD-KIND", ".spec.workload.manifests[*].kind"),
    text("APPLIED", ".status.conditions[?(@.type==\"Applied\")].status"),
    AGE,
];

const AUTOSCALER: &[Column] = &[
    text("REFERENCE-KIND", ".spec.scaleTargetRef.kind"),
    text("REFERENCE-NAME", ".spec.scaleTargetRef.name"),
    number("MINPODS", ".spec.minReplicas"),
    number("MAXPODS", ".spec.maxReplicas"),
    number("REPLICAS", ".status.currentReplicas"),
    AGE,
];

const CRON_AUTOSCALER: &[Column] =
    &[text("REFERENCE-KIND", ".spec.scaleTargetRef.kind"), text("REFERENCE-NAME", ".spec.scaleTargetRef.name"), AGE];

const CUSTOMIZATION: &[Column] =
    &[text("TARGET-API-VERSION", ".spec.target.apiVersion"), text("TARGET-KIND", ".spec.target.kind"), AGE];

/// The kinds of the multi-cluster services API write their columns this way.
const SERVICE_AGE: Column = Column { name: "Age", kind: "date", path: ".metadata.creationTimestamp", wide: false };

const SERVICE_IMPORT: &[Column] = &[text("Type", ".spec.type"), text("IP", ".spec.ips"), SERVICE_AGE];

/// The columns of a kind; none means name and age.
fn of(kind: &str) -> &'static [Column] {
    match kind {
        "PropagationPolicy" | "ClusterPropagationPolicy" => POLICY,
        "ResourceBinding" | "ClusterResourceBinding" => BINDING,
        "Cluster" => CLUSTER,
        "IsolationSnapshot" => SNAPSHOT,
        "FederatedResourceQuota" => QUOTA,
        "Work" => WORK,
        "FederatedHPA" => AUTOSCALER,
        "CronFederatedHPA" => CRON_AUTOSCALER,
        "ResourceInterpreterCustomization" => CUSTOMIZATION,
        "ServiceExport" => &[SERVICE_AGE],
        "ServiceImport" => SERVICE_IMPORT,
        _ => &[],
    }
}

/// Puts the columns of `kind` into one version of its definition.
pub(super) fn apply(kind: &str, version: &mut Value) {
    let columns: Vec<Value> = of(kind).iter().map(render).collect();
    if !columns.is_empty() {
        version["additionalPrinterColumns"] = Value::Array(columns);
    }
}

fn render(column: &Column) -> Value {
    let mut value = json!({ "name": column.name, "type": column.kind, "jsonPath": column.path });
    if column.wide {
        value["priority"] = json!(1);
    }
    value
}
