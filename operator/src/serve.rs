//! What the process serves: health, readiness, metrics; admission when asked.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::args::Run;
use crate::fleet::Stats;
use crate::members::member::Member;
use crate::tasks::{OnExit, Tasks};
use crate::telemetry::Readiness;
use crate::telemetry::metrics::labels::BreakerLabel;
use crate::telemetry::metrics::scrape::{LaneReading, Sources};
use crate::telemetry::server::{Content, Server};

/// Starts the servers; returns where health and metrics are.
pub async fn start(app: &Arc<App>, tasks: &Tasks, settings: &Run, readiness: Readiness) -> Result<SocketAddr> {
    let mut registry = Registry::default();
    app.metrics.register(&mut registry, sources(app));
    let server = Server::bind(settings.listen, Content { registry, readiness, vars: vars(app) }).await?;
    let address = server.address();
    tasks.spawn_to_its_end("health and metrics", OnExit::EndProcess, server.run(tasks.cancelled()));
    Ok(address)
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
    Sources { lanes: Box::new(read_lanes), fleet: Box::new(Stats::default) }
}

type Var = (&'static str, Box<dyn Fn() -> serde_json::Value + Send + Sync>);

fn vars(app: &Arc<App>) -> Vec<Var> {
    let shared = Arc::clone(app);
    vec![("queues", Box::new(move || serde_json::json!({
        "templates": shared.templates.len(),
        "reconcile": shared.reconcile.len(),
        "status": shared.status.len(),
    })))]
}
