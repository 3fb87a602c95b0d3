//! `GET /debug/snapshot`: what the process knows, in parts, for somebody who
//! was not there.
//!
//! Enters: the stores, read as they are. Leaves: named parts, and which parts
//! could not be read. Must not: stop or slow the work, hold a lock for long, or
//! let a secret out: no manifest, no credential, no annotation is in it, and
//! texts of others are taken through [`redact`].

mod parts;
mod redact;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Json;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::redact::Redactor;
use crate::app::App;
use crate::args::Run;
use crate::clock;
use crate::telemetry::Readiness;

/// The part that is a scrape.
const METRICS: &str = "metrics.txt";
/// The hub's own version is asked for this long.
const HUB_WITHIN: Duration = Duration::from_secs(3);

/// The query of `/debug/snapshot`.
#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wish {
    /// Names are replaced by hashes, the same one for the same name.
    redact_names: bool,
}

/// A bundle.
#[derive(Serialize)]
struct Bundle {
    /// When it was made.
    at: String,
    /// The parts, each a file.
    parts: Vec<Part>,
    /// What could not be read, and why.
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Part {
    file: &'static str,
    content: Value,
}

#[derive(Serialize)]
struct Failed {
    file: &'static str,
    why: String,
}

/// What the listener shares with its requests.
struct Shared {
    app: Arc<App>,
    settings: Run,
    readiness: Readiness,
}

/// What the debug listener answers here.
pub fn routes(app: &Arc<App>, settings: &Run, readiness: Readiness) -> Router {
    let shared = Shared { app: Arc::clone(app), settings: settings.clone(), readiness };
    Router::new().route("/debug/snapshot", get(answer)).with_state(Arc::new(shared))
}

async fn answer(State(shared): State<Arc<Shared>>, Query(wish): Query<Wish>) -> Json<Bundle> {
    let Shared { app, settings, readiness } = &*shared;
    let redactor = Redactor::new(names(app), wish.redact_names);
    let hub = tokio::time::timeout(HUB_WITHIN, app.hub.apiserver_version()).await;
    let hub = match hub {
        Ok(Ok(version)) => Ok(version.git_version),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("the hub did not answer within {HUB_WITHIN:?}")),
    };
    let mut failed = Vec::new();
    let mut parts = Vec::new();
    let read = [
        ("versions.json", Ok(parts::versions(app, hub.as_deref().ok()))),
        ("flags.json", Ok(parts::flags(settings))),
        ("fleet.json", Ok(parts::fleet(app))),
        ("copies.json", Ok(parts::copies(app))),
        ("bindings.json", Ok(parts::bindings(app))),
        ("queues.json", Ok(parts::queues(app))),
        ("lanes.json", Ok(parts::lanes(app))),
        ("tasks.json", Ok(parts::tasks(app))),
        ("decisions.json", Ok(parts::decisions(app))),
        (METRICS, parts::metrics(app)),
        ("vars.json", Ok(parts::vars(app))),
        ("readiness.txt", Ok(readiness.report().to_string().into())),
    ];
    for (file, content) in read {
        match content {
            Ok(Value::String(text)) if file == METRICS => {
                parts.push(Part { file, content: redactor.metrics(&text).into() });
            }
            Ok(content) => parts.push(Part { file, content: redactor.value(content) }),
            Err(why) => failed.push(Failed { file, why }),
        }
    }
    if let Err(why) = hub {
        failed.push(Failed { file: "versions.json: hub", why: redactor.text(&why) });
    }
    Json(Bundle { at: clock::rfc3339(), parts, failed })
}

/// The names of what is federated: they may stand in a text.
fn names(app: &App) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    names.extend(app.clusters.names().iter().map(ToString::to_string));
    names.extend(app.namespaces.names().iter().map(ToString::to_string));
    for (key, binding) in app.bindings.all() {
        names.extend(key.namespace.iter().map(ToString::to_string));
        names.extend([key.name.to_string(), binding.reference.name.to_string()]);
    }
    for key in app.templates.keys_where(|_| true) {
        names.extend(key.namespace.iter().map(ToString::to_string));
        names.insert(key.name.to_string());
    }
    names.extend(app.policies.all().into_iter().map(|(reference, _)| reference.name.to_string()));
    names.extend(app.overrides.names().into_iter().map(|reference| reference.name.to_string()));
    names
}

/// One row each, as many as fit; the rest is counted.
fn bounded(rows: impl Iterator<Item = Value>, most: usize) -> Value {
    let mut rows = rows.peekable();
    let mut kept = Vec::new();
    while kept.len() < most {
        let Some(row) = rows.next() else { break };
        kept.push(row);
    }
    json!({"items": kept, "leftOut": rows.count()})
}
