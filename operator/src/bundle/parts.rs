//! The parts of a bundle, each from one place.

use std::sync::Arc;

use atoll_decide::cluster::Cluster;
use atoll_decide::fleet::Standing;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};

use super::bounded;
use crate::app::App;
use crate::args::Run;
use crate::clock;
use crate::queue::Queue;
use crate::serve;
use crate::telemetry::decisions::Entry;
use crate::why;

/// Templates, and bindings, that a bundle tells of.
const ROWS: usize = 20_000;
/// Waiting orders of one member that it tells of.
const ORDERS: usize = 200;
/// Keys of one queue that it tells of.
const KEYS: usize = 100;

pub fn versions(app: &App, hub: Option<&str>) -> Value {
    let member = |name: &atoll_decide::ids::ClusterName| {
        let cluster = app.clusters.get(name)?;
        Some((name.to_string(), cluster.status.as_ref()?.kubernetes_version.clone()?.into()))
    };
    let members: Map<String, Value> = app.clusters.names().iter().filter_map(member).collect();
    json!({
        "operator": env!("CARGO_PKG_VERSION"),
        "hub": hub,
        "hubUid": &*app.hub_uid,
        "members": members,
        "runsForSeconds": clock::mono().0.as_secs(),
        "leads": app.leads(),
    })
}

/// The settings; of what holds a path, a name or an address only that it is set.
pub fn flags(run: &Run) -> Value {
    json!({
        "kubeconfig": run.kubeconfig.is_some(),
        "context": run.context.is_some(),
        "installCrds": run.install_crds,
        "listen": run.listen.to_string(),
        "debugBind": run.debug_bind.map(|address| address.to_string()),
        "webhookBind": run.webhook_bind.map(|address| address.to_string()),
        "webhookUrl": run.webhook_url.is_some(),
        "webhookService": run.webhook_service,
        "leaseNamespace": run.lease_namespace,
        "leaseName": run.lease_name,
        "failoverUnconfirmedAfter": format!("{:?}", run.failover_unconfirmed_after),
        "failoverAfter": format!("{:?}", run.failover_after),
        "healthProfile": run.health_profile,
    })
}

pub fn fleet(app: &App) -> Value {
    let view = app.fleet.view();
    let clusters = view.clusters.iter().map(|one| cluster(one, view.standings.get(&one.name)));
    json!({"clusters": clusters.collect::<Vec<_>>(), "brake": view.brake.why(), "map": app.fleet.stats()})
}

fn cluster(cluster: &Cluster, standing: Option<&Standing>) -> Value {
    let taints: Vec<String> = cluster.taints.iter().map(|taint| format!("{}:{:?}", taint.key, taint.effect)).collect();
    let verdict = standing.map(|Standing { verdict, source, .. }| {
        json!({
            "api": format!("{:?}", verdict.api), "data": format!("{:?}", verdict.data),
            "grade": format!("{:?}", verdict.grade), "confirmed": verdict.confirmed,
            "arming": format!("{:?}", verdict.arming), "reason": verdict.reason,
            "trouble": verdict.trouble.as_ref().map(ToString::to_string),
            "forSeconds": clock::mono().since(verdict.since).as_secs(), "source": format!("{source:?}"),
        })
    });
    json!({
        "name": cluster.name, "labelKeys": cluster.labels.keys().collect::<Vec<_>>(),
        "provider": cluster.provider, "region": cluster.region, "zones": cluster.zones, "taints": taints,
        "deleting": cluster.deleting, "fenced": cluster.fenced, "health": format!("{:?}", cluster.health),
        "kindsServed": cluster.apis.as_ref().map(|apis| apis.len()), "capacity": cluster.capacity, "verdict": verdict,
    })
}

pub fn copies(app: &App) -> Value {
    let rows = app.bindings.all().into_iter().map(|(key, _)| {
        let copies = app.fleet.copies(&key);
        let on = copies.clusters().filter_map(|name| {
            let copy = copies.get(name)?;
            Some(json!({
                "cluster": name, "hash": copy.hash.map(atoll_decide::render::marks::write_hash), "health": format!("{:?}", copy.health),
                "error": copy.error.as_deref(), "final": copy.is_final, "confirmedGone": copy.confirmed_gone,
            }))
        });
        json!({"object": key.to_string(), "copies": on.collect::<Vec<_>>()})
    });
    bounded(rows, ROWS)
}

pub fn bindings(app: &App) -> Value {
    let rows = app.bindings.all().into_iter().map(|(key, binding)| {
        let moves = binding.spec.graceful_eviction_tasks.iter();
        let moves = moves.map(|task| json!({"from": task.from_cluster, "reason": task.reason}));
        json!({
            "object": key.to_string(), "binding": binding.reference.to_string(), "generation": binding.generation,
            "scheduledGeneration": binding.scheduled_generation, "deleting": binding.deleting,
            "policy": App::policy_of(&binding).map(|policy| policy.to_string()),
            "targets": binding.targets(), "moves": moves.collect::<Vec<_>>(),
        })
    });
    bounded(rows, ROWS)
}

pub fn queues(app: &App) -> Value {
    json!({
        "reconcile": queue(&app.reconcile, ToString::to_string),
        "status": queue(&app.status, ToString::to_string),
        "policyStatus": queue(&app.policy_status, ToString::to_string),
        "policyIdentity": queue(&app.policy_identity, ToString::to_string),
        "clusters": queue(&app.members.changed, ToString::to_string),
    })
}

fn queue<K: Clone + Eq + std::hash::Hash, C: Copy>(queue: &Queue<K, C>, name: impl Fn(&K) -> String) -> Value {
    let reading = queue.sample(KEYS);
    let names = |keys: &[K]| keys.iter().map(&name).collect::<Vec<_>>();
    json!({
        "depth": reading.depth, "delayed": reading.delayed,
        "next": names(&reading.next), "inProcess": names(&reading.running),
    })
}

pub fn lanes(app: &App) -> Value {
    let lane = |member: Arc<crate::members::member::Member>| {
        let reading = member.lane.reading();
        let waiting = member.lane.orders(ORDERS);
        let waiting = waiting
            .iter()
            .map(|(key, intent, tries)| json!({"object": key.to_string(), "intent": intent, "tries": tries}));
        json!({
            "cluster": member.name, "depth": reading.depth, "coalesced": reading.coalesced,
            "breaker": if reading.open { "open" } else { "closed" }, "inFlight": reading.in_flight,
            "budget": reading.limit, "copies": member.copies.len(), "stale": member.is_stale(),
            "deletesPaused": member.deletes_paused().map(|(_, why)| why),
            "writesHeld": member.hub_mark.pause(&member),
            "orders": waiting.collect::<Vec<_>>(),
        })
    };
    app.members.all().into_iter().map(lane).collect()
}

pub fn tasks(app: &App) -> Value {
    let now = clock::mono();
    let rows = app.tasks.running();
    let rows = rows.into_iter().map(|task| {
        json!({
            "name": task.name, "runsForSeconds": now.since(task.since).as_secs(),
            "onExit": format!("{:?}", task.on_exit), "alike": task.alike, "restarts": task.restarts,
        })
    });
    rows.collect()
}

pub fn decisions(app: &App) -> Value {
    let row = |entry: &Entry| {
        let mut row = json!(why::past(entry));
        row["object"] = json!(entry.object.as_ref().map(ToString::to_string));
        row
    };
    app.decisions.recent(|_| true).iter().map(row).collect()
}

/// As a scraper reads them.
pub fn metrics(app: &Arc<App>) -> Result<Value, String> {
    let mut registry = Registry::default();
    app.metrics.register(&mut registry, serve::sources(app));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| error.to_string())?;
    Ok(text.into())
}

pub fn vars(app: &Arc<App>) -> Value {
    let vars: Map<String, Value> = serve::vars(app).into_iter().map(|(name, read)| (name.to_owned(), read())).collect();
    vars.into()
}
