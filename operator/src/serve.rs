//! What the process serves: health, readiness, metrics; admission when asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use atoll_decide::cluster::Grade;
use axum::Router;
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::args::Run;
use crate::clock;
use crate::members::member::Member;
use crate::tasks::{OnExit, Tasks};
use crate::telemetry::metrics::labels::{BreakerLabel, ClosedLabel, HubWriteLabel};
use crate::telemetry::metrics::scrape::{LaneReading, Sources};
use crate::telemetry::metrics::standing::{self, MemberStanding, Standing};
use crate::telemetry::panics;
use crate::telemetry::server::{Content, Server};
use crate::telemetry::{Readiness, debug};
use crate::webhook;

/// Starts the servers; returns where health and metrics are.
pub async fn start(app: &Arc<App>, tasks: &Tasks, settings: &Run, readiness: Readiness) -> Result<SocketAddr> {
    let mut registry = Registry::default();
    app.metrics.register(&mut registry, sources(app));
    let standing = Arc::clone(app);
    standing::register(&mut registry, move || how_it_stands(&standing));
    let server = Server::bind(settings.listen, Content { registry, readiness, vars: vars(app) }).await?;
    let address = server.address();
    tasks.spawn_to_its_end("health and metrics", OnExit::EndProcess, server.run(tasks.cancelled()));
    Ok(address)
}

/// Starts the debug listener when it is asked for; returns where it is.
pub async fn debugging(app: &Arc<App>, tasks: &Tasks, settings: &Run) -> Result<Option<SocketAddr>> {
    let Some(bind) = settings.debug_bind else { return Ok(None) };
    let server = debug::Server::bind(bind, debug_routes(app)).await?;
    let address = server.address();
    tasks.spawn_to_its_end("debug endpoints", OnExit::EndProcess, server.run(tasks.cancelled()));
    Ok(Some(address))
}

/// Every question that the debug listener answers: each part merges its
/// routes in here, all below `/debug/`.
fn debug_routes(_app: &Arc<App>) -> Router {
    Router::new()
}

fn sources(app: &Arc<App>) -> Sources {
    let lanes = Arc::clone(app);
    let read_lanes = move || {
        let reading = |member: &Arc<Member>| {
            let reading = member.lane.reading();
            LaneReading {
                cluster: member.name.clone(),
                depth: reading.depth,
                coalesced: reading.coalesced,
                breaker: if reading.open { BreakerLabel::Open } else { BreakerLabel::Closed },
            }
        };
        lanes.members.all().iter().map(reading).collect()
    };
    let fleet = Arc::clone(app);
    Sources { lanes: Box::new(read_lanes), fleet: Box::new(move || fleet.fleet.stats()) }
}

fn how_it_stands(app: &App) -> Standing {
    let fleet = app.fleet.view();
    let members = app.members.all().into_iter().map(|member| MemberStanding {
        cluster: member.name.clone(),
        grade: fleet.standings.get(&member.name).map_or(Grade::Unknown, |standing| standing.verdict.grade).into(),
        deletes_paused: member.deletes_paused().is_some(),
    });
    Standing {
        leads: app.leads(),
        kinds_not_permitted: u64::try_from(app.kinds.forbidden()).unwrap_or(u64::MAX),
        panics: panics::count(),
        members: members.collect(),
    }
}

type Var = (&'static str, Box<dyn Fn() -> serde_json::Value + Send + Sync>);

fn vars(app: &Arc<App>) -> Vec<Var> {
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
    tasks.spawn_to_its_end("admission", OnExit::EndProcess, server.run(tasks.cancelled()));
    tasks.spawn("webhook configurations", OnExit::EndProcess, register(Arc::clone(app), configurations));
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
async fn register(app: Arc<App>, configurations: webhook::configuration::Configurations) {
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
