//! The IsolationSnapshot: what ran on a cluster when it was judged isolated,
//! written before anything may move.

use atoll_crds::atoll::isolation_snapshot::{
    BindingReference, Evidence, IsolationSnapshot, IsolationSnapshotSpec, PlacementRecord,
};
use atoll_crds::work::binding::ResourceHealth;
use atoll_crds::{Cluster, cluster};
use atoll_decide::health::Verdict;
use atoll_decide::ids::ClusterName;
use atoll_decide::interpret::Health;
use kube::api::PostParams;
use kube::{Api, ResourceExt};

use crate::app::App;
use crate::clock;
use crate::hub::bindings::Binding;
use crate::telemetry::metrics::labels::HubWriteLabel;
use crate::validate;

/// Placements in one part: about 300 bytes each keep a part well below the
/// 512 KiB of architecture section 6.
const PLACEMENTS_PER_PART: usize = 1000;

/// Writes the snapshot of `cluster`, in as many parts as it needs. An equal one
/// (same cluster, same begin of the isolation) is there already after a retry.
pub async fn write(app: &App, cluster: &Cluster, verdict: &Verdict) -> Result<(), kube::Error> {
    let api: Api<IsolationSnapshot> = Api::all(app.hub.clone());
    let name = ClusterName::from(cluster.name_any());
    let placements = placements(app, &name);
    let chunks: Vec<&[PlacementRecord]> =
        if placements.is_empty() { vec![&[]] } else { placements.chunks(PLACEMENTS_PER_PART).collect() };
    let taken = clock::wall();
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    for (index, part) in chunks.iter().enumerate() {
        let spec = IsolationSnapshotSpec {
            cluster: name.to_string(),
            part: count(index + 1),
            parts: count(chunks.len()),
            taken_at: clock::micro_time_of(taken),
            hub_resource_version: Some(app.bindings.highest_version().to_string()),
            verdict: summary(verdict, taken),
            evidence: evidence(cluster, verdict, taken),
            placement_count: count(part.len()),
            placements: part.to_vec(),
            endpoints: Vec::new(),
        };
        let snapshot = IsolationSnapshot::new(&format!("{name}-{}-{}", taken.0 / 1000, index + 1), spec);
        let written = api.create(&PostParams::default(), &snapshot).await;
        match app.metrics.hub.count(HubWriteLabel::Snapshot, written) {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error),
        }
    }
    tracing::warn!(cluster = %name, placements = placements.len(), "isolation snapshot written");
    Ok(())
}

fn placements(app: &App, cluster: &ClusterName) -> Vec<PlacementRecord> {
    let mut records: Vec<PlacementRecord> = app
        .bindings
        .naming(cluster)
        .iter()
        .filter_map(|key| Some((key, app.bindings.get(key)?)))
        .map(|(key, binding)| record(app, cluster, key, &binding))
        .collect();
    records.sort_by(|a, b| a.binding.cmp(&b.binding));
    records
}

fn record(app: &App, cluster: &ClusterName, key: &atoll_decide::ids::ObjectKey, binding: &Binding) -> PlacementRecord {
    let copies = app.fleet.copies(key);
    let health = match copies.get(cluster.as_str()).map(|copy| copy.health) {
        Some(Health::Healthy) => ResourceHealth::Healthy,
        Some(Health::Unhealthy) => ResourceHealth::Unhealthy,
        Some(Health::Unknown) | None => ResourceHealth::Unknown,
    };
    let here = binding.spec.clusters.iter().find(|target| target.name == cluster.as_str());
    PlacementRecord {
        binding: BindingReference {
            namespace: binding.reference.namespace.as_deref().map(str::to_owned),
            name: binding.reference.name.to_string(),
        },
        kind: key.gvk.kind.to_string(),
        template: key.name.to_string(),
        replicas: here.and_then(|target| target.replicas),
        targets: binding.spec.clusters.clone(),
        last_health: health,
        resource_version: Some(binding.resource_version.to_string()),
        generation: Some(binding.generation),
    }
}

fn summary(verdict: &Verdict, taken: atoll_decide::time::Wall) -> cluster::Verdict {
    cluster::Verdict {
        grade: validate::cluster::raw_grade(verdict.grade),
        since: Some(clock::micro_time_of(clock::wall_of_mono(verdict.since))),
        api: cluster::ApiPlane { state: validate::cluster::api_state(verdict.api), since: None },
        data: cluster::DataPlane { state: validate::cluster::data_state(verdict.data), since: None },
        confirmed: verdict.confirmed,
        message: Some(format!("{} (taken at {})", verdict.reason, taken.0)),
        ..cluster::Verdict::default()
    }
}

fn evidence(cluster: &Cluster, verdict: &Verdict, taken: atoll_decide::time::Wall) -> Vec<Evidence> {
    let at = clock::micro_time_of(taken);
    let one = |probe: String, outcome: String| Evidence {
        observer: "hub".to_owned(),
        probe,
        outcome,
        last_answer: None,
        at: at.clone(),
    };
    vec![
        one(format!("api {}", cluster.spec.api_endpoint.as_deref().unwrap_or_default()), format!("{:?}", verdict.api)),
        one("data plane".to_owned(), format!("{:?}", verdict.data)),
    ]
}
