//! What the process serves: health, readiness, metrics; admission when asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use atoll_decide::cluster::Grade;
use atoll_decide::fleet::Fleet;
use axum::Router;
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::args::Run;
use crate::clock;
use crate::members::member::Member;
use crate::tasks::{TaskKind, Tasks};
use crate::telemetry::metrics::labels::{ClosedLabel, HubWriteLabel, QueueLabel};
use crate::telemetry::metrics::scrape::{MemberReading, ProcessReading, Sources};
use crate::telemetry::server::{Content, Server};
use crate::telemetry::{Readiness, Telemetry, capture, debug};
use crate::{bundle, webhook, why};

/// Starts the servers; returns where health and metrics are.
pub async fn start(app: &Arc<App>, tasks: &Tasks, settings: &Run, readiness: Readiness) -> Result<SocketAddr> {
    let mut registry = Registry::default();
    app.metrics.register(&mut registry, sources(app));
    let server = Server::bind(settings.listen, Content { registry, readiness, vars: vars(app) }).await?;
    let address = server.address();
    tasks.spawn_once(TaskKind::Health, server.run(tasks.cancelled()));
    Ok(address)
}

/// Starts the debug listener when it is asked for; returns where it is.
pub async fn debugging(
    app: &Arc<App>,
    tasks: &Tasks,
    settings: &Run,
    (telemetry, readiness): (&Telemetry, Readiness),
) -> Result<Option<SocketAddr>> {
    let Some(bind) = settings.debug_bind else { return Ok(None) };
    let mut routes = debug_routes(app, settings, readiness);
    if settings.debug_trace {
        routes = routes.merge(capture::routes(telemetry.capture.clone(), tasks.cancelled()));
    }
    let server = debug::Server::bind(bind, routes).await?;
    let address = server.address();
    tasks.spawn_once(TaskKind::Debug, server.run(tasks.cancelled()));
    Ok(Some(address))
}

/// Every question that the debug listener answers: each part merges its
/// routes in here, all below `/debug/`.
fn debug_routes(app: &Arc<App>, settings: &Run, readiness: Readiness) -> Router {
    Router::new().merge(why::routes(app)).merge(bundle::routes(app, settings, readiness))
}

pub fn sources(app: &Arc<App>) -> Sources {
    let [members, fleet, queues, process] = [(); 4].map(|()| Arc::clone(app));
    let read_members = move || {
        let fleet = members.fleet.view();
        members.members.all().iter().map(|member| read_member(member, &fleet)).collect()
    };
    let read_queues = move || {
        vec![
            (QueueLabel::Reconcile, queues.reconcile.reading()),
            (QueueLabel::Status, queues.status.reading()),
            (QueueLabel::PolicyStatus, queues.policy_status.reading()),
            (QueueLabel::PolicyIdentity, queues.policy_identity.reading()),
            (QueueLabel::Members, queues.members.changed.reading()),
        ]
    };
    let runtime = tokio::runtime::Handle::current().metrics();
    let read_process = move || ProcessReading {
        leads: process.leads(),
        synced: process.synced.is_complete(),
        kinds_not_permitted: process.kinds.forbidden() as u64,
        braked: process.fleet.view().brake.is_on(),
        tasks: runtime.num_alive_tasks() as u64,
        waiting: runtime.global_queue_depth() as u64,
    };
    Sources {
        members: Box::new(read_members),
        fleet: Box::new(move || fleet.fleet.stats()),
        queues: Box::new(read_queues),
        process: Box::new(read_process),
    }
}

fn read_member(member: &Arc<Member>, fleet: &Fleet) -> MemberReading {
    MemberReading {
        cluster: member.name.clone(),
        lane: member.lane.reading(),
        grade: fleet.standings.get(&member.name).map_or(Grade::Unknown, |standing| standing.verdict.grade),
        copies: member.copies.len() as u64,
        orphans: member.orphans(),
        deletes_paused: member.deletes_paused().is_some(),
    }
}

pub type Var = (&'static str, Box<dyn Fn() -> serde_json::Value + Send + Sync>);

pub fn vars(app: &Arc<App>) -> Vec<Var> {
    let [queues, writes, leader, fleet] = [(); 4].map(|()| Arc::clone(app));
    let queues = move || {
        serde_json::json!({
            "templates": queues.templates.len(),
            "reconcile": queues.reconcile.len(),
            "status": queues.status.len(),
        })
    };
    let writes = move || {
        let count = |label: &HubWriteLabel| (format!("{label:?}"), writes.metrics.hub.writes.get(*label));
        serde_json::json!(HubWriteLabel::ALL.iter().map(count).collect::<BTreeMap<_, _>>())
    };
    let leadership = move || format!("{:?}", leader.write_guard.leadership()).into();
    let fleet = move || serde_json::json!(fleet.fleet.stats());
    vec![
        ("fleetMap", Box::new(fleet)),
        ("queues", Box::new(queues)),
        ("hubWrites", Box::new(writes)),
        ("leadership", Box::new(leadership)),
    ]
}

/// How often the configurations of the webhook are compared with what they
/// should be: someone may have removed them.
const REGISTER_EVERY: Duration = Duration::from_secs(30);

/// Starts admission when it is asked for.
pub async fn admission(app: &Arc<App>, tasks: &Tasks, settings: &Run) -> Result<()> {
    let Some(bind) = settings.webhook_bind else { return Ok(()) };
    let mut reach = reach(settings, bind)?;
    let identity = match &settings.webhook_tls {
        Some(folder) => webhook::Identity::read(folder)?,
        None => webhook::Identity::make(&reach.names(), clock::api_time().0)?,
    };
    let server = webhook::Server::bind(bind, &identity).await?;
    let address = server.address();
    if settings.webhook_service.is_none() {
        reach = webhook::Reach::url(&reachable(settings.webhook_url.as_deref(), address))?;
    }
    tracing::info!(%address, "serving admission");
    let configurations = webhook::configurations(&reach, identity.authority());
    tasks.spawn_once(TaskKind::Admission, server.run(tasks.cancelled()));
    let (app, configurations) = (Arc::clone(app), Arc::new(configurations));
    let again = move || register(Arc::clone(&app), Arc::clone(&configurations));
    tasks.spawn(TaskKind::WebhookConfigurations, again);
    Ok(())
}

/// The URL the API server is told: the user's, with the bound port where it
/// names none.
fn reachable(url: Option<&str>, address: SocketAddr) -> String {
    match url {
        None => format!("https://{address}"),
        Some(url) => match url.parse::<http::Uri>() {
            Ok(parsed) if parsed.port().is_none() => format!("{}:{}", url.trim_end_matches('/'), address.port()),
            _ => url.to_owned(),
        },
    }
}

fn reach(settings: &Run, bind: SocketAddr) -> Result<webhook::Reach> {
    if let Some(service) = &settings.webhook_service {
        let Some((namespace, name)) = service.split_once('/') else {
            bail!("--webhook-service {service:?} should be namespace/name");
        };
        return Ok(webhook::Reach::Service { namespace: namespace.into(), name: name.into(), port: 443 });
    }
    let url = settings.webhook_url.clone().unwrap_or_else(|| format!("https://{bind}"));
    Ok(webhook::Reach::url(&url)?)
}

/// The leader's certificate is the one the API server trusts; the others
/// refuse nothing meanwhile, because failurePolicy is Ignore.
async fn register(app: Arc<App>, configurations: Arc<webhook::configuration::Configurations>) {
    loop {
        app.wait_to_lead().await;
        match webhook::apply_configurations(&app.hub, &configurations).await {
            Ok(0) => {}
            Ok(written) => tracing::info!(written, "webhook configurations registered"),
            Err(error) => tracing::warn!(%error, "webhook configurations not registered"),
        }
        tokio::time::sleep(REGISTER_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_url_without_a_port_gets_the_bound_one() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4711));
        assert_eq!(reachable(Some("https://127.0.0.1"), address), "https://127.0.0.1:4711");
        assert_eq!(reachable(Some("https://hub:9443"), address), "https://hub:9443");
        assert_eq!(reachable(None, address), "https://127.0.0.1:4711");
    }
}
