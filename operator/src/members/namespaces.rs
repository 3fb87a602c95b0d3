//! Namespaces on one member (karmada-api 2.10).
//!
//! Every namespace that goes to members is made there, and follows the labels
//! of the hub's. One that the member has already and that is not ours is used
//! as it is.

use std::sync::Arc;
use std::time::Duration;

use atoll_decide::first_write::OnForeign;
use atoll_decide::ids::{Gvk, ObjectKey};
use atoll_decide::render::{self, Destination, Manifest, Provenance, Render, marks};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::core::ApiResource;
use serde_json::{Value, json};

use super::failure::Failure;
use super::intent::KindInfo;
use super::member::Member;
use crate::app::App;
use crate::hub::namespaces::Synced;
use crate::queue::{AFTER_A_PANIC, Lane, Queue};
use crate::tasks::{About, contain, fault_point};
use crate::telemetry::Step;

/// A failed attempt is repeated after this.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// What is to be done about a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Todo {
    /// It should be there as on the hub.
    Ensure(Arc<str>),
    /// The hub's namespace with this uid was seen to go.
    Delete {
        /// Its name.
        name: Arc<str>,
        /// Its uid on the hub.
        uid: Arc<str>,
    },
}

/// Works on one member's namespaces until the task is cancelled.
pub async fn run(app: Arc<App>, member: Arc<Member>, todo: Queue<Todo>) {
    // Rendered before the overrides are known, one would be written twice.
    app.synced.wait().await;
    for name in app.namespaces.names() {
        todo.add(Todo::Ensure(name), Lane::CatchUp);
    }
    loop {
        let work = todo.next().await;
        let step = Step::working(About::cluster(&member.name));
        let done = contain(step.run(async {
            fault_point!("namespace", &member.name);
            match &work.key {
                _ if !app.leads() => Err(Failure::Busy("this replica does not lead".into())),
                Todo::Ensure(name) => ensure(&app, &member, name).await,
                Todo::Delete { name, uid } => delete(&app, &member, name, uid).await,
            }
        }));
        let Ok(done) = done.await else {
            todo.add_after(work.key.clone(), Lane::CatchUp, AFTER_A_PANIC);
            continue;
        };
        if let Err(failure) = done {
            tracing::debug!(cluster = %member.name, namespace = ?work.key, %failure, "namespace not synced");
            todo.add_after(work.key.clone(), Lane::CatchUp, TRY_AGAIN);
        }
    }
}

/// Makes the namespace, or brings it up to date.
pub async fn ensure(app: &App, member: &Member, name: &str) -> Result<(), Failure> {
    if let Some(why) = member.hub_mark.pause(member) {
        return Err(Failure::Paused(why));
    }
    let synced = app.namespaces.get(name).unwrap_or_else(|| Synced {
        // `default` and opted-out namespaces: made when an object needs them,
        // with nothing of the hub's on them.
        uid: "".into(),
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
    });
    let key = key(name);
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name, "labels": synced.labels, "annotations": synced.annotations,
    }});
    let manifest = render_for(app, member, &key, object, &synced)?;
    let kind = kind();
    let address = member.address(app, &kind, &key);
    match address.apply(&manifest, OnForeign::Abort, None).await {
        Ok(_) | Err(Failure::Foreign(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Deletes our copy after the hub's namespace is confirmed gone. What needs no
/// delete any more waits for none either.
async fn delete(app: &App, member: &Member, name: &str, uid: &str) -> Result<(), Failure> {
    let key = key(name);
    delete_ours(app, member, &key, uid).await?;
    member.settle_delete(&key);
    Ok(())
}

async fn delete_ours(app: &App, member: &Member, key: &ObjectKey, uid: &str) -> Result<(), Failure> {
    let name = &*key.name;
    let on_hub: Api<Namespace> = Api::all(app.hub.clone());
    let still_there = on_hub.get_opt(name).await.map_err(|error| Failure::Busy(error.to_string()))?;
    if still_there.is_some_and(|namespace| namespace.metadata.uid.as_deref() == Some(uid)) {
        return Ok(());
    }
    let kind = kind();
    let address = member.address(app, &kind, key);
    let Some(live) = address.fetch().await? else { return Ok(()) };
    let annotation = |key: &str| live["metadata"]["annotations"][key].as_str().unwrap_or_default();
    if annotation(marks::TEMPLATE_UID) != uid || annotation(marks::HUB_UID) != &*app.hub_uid {
        return Ok(());
    }
    // The namespace takes along what is in it: each copy passes the delete
    // budget by itself first.
    let is_in_it =
        |key: &ObjectKey, _: &super::copies::Copy| key.namespace.as_ref().is_some_and(|held| held.as_str() == name);
    if !member.copies.keys_where(is_in_it).is_empty() {
        return Err(Failure::Busy(format!("namespace {name} still holds copies")));
    }
    address.delete("", || member.admit_delete(app, key)).await.map(|_| ())
}

/// The namespace as this member gets it: cluster-wide overrides apply.
fn render_for(
    app: &App,
    member: &Member,
    key: &ObjectKey,
    object: Value,
    synced: &Synced,
) -> Result<Manifest, Failure> {
    let fleet = app.fleet.view();
    let Some(cluster) = fleet.cluster(&member.name) else {
        return Err(Failure::Busy("the cluster is not known yet".into()));
    };
    let overrides = app.overrides.applicable(key, &synced.labels);
    let overrides: Vec<_> = overrides.iter().map(|policy| &**policy).collect();
    let provenance = Provenance {
        binding: None,
        template_uid: synced.uid.to_string(),
        template_generation: 0,
        hub_uid: app.hub_uid.to_string(),
    };
    let template = render::prune(&key.gvk, object);
    let input = Render {
        template: &template,
        overrides: &overrides,
        provenance: &provenance,
        scale: None,
        members_scale: false,
    };
    let destination = Destination { cluster, replicas: None, completions: None };
    render::render(&input, &destination).map_err(|error| Failure::Rejected(error.to_string()))
}

fn key(name: &str) -> ObjectKey {
    ObjectKey { gvk: Gvk::from_api_version("v1", "Namespace"), namespace: None, name: name.into() }
}

fn kind() -> KindInfo {
    KindInfo { resource: ApiResource::erase::<Namespace>(&()), namespaced: false, scale: None }
}
