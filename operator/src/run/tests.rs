//! Every kind of task panics, in its real loop where it has one, and what its
//! kind says follows. A hub that only notes what it is asked stands behind it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use atoll_crds::PropagationPolicy;
use atoll_decide::health::{Detector, Timing};
use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::matching::PolicyRef;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::app::Settings;
use crate::hub::policies::Known;
use crate::hub::synced::List;
use crate::hub::templates::Template;
use crate::lease::Leadership;
use crate::members::connection::{Connection, Endpoint};
use crate::members::intent::KindInfo;
use crate::members::member::{Identity, Member};
use crate::queue::Lane;
use crate::tasks::{OnExit, fault};
use crate::telemetry::Cause;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::counters::Counters;
use crate::telemetry::metrics::labels::{ClosedLabel, OutcomeLabel};
use crate::validate;

/// Long enough for a machine that runs a whole test suite beside it.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a hub was asked to change, as `METHOD path`.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    fn count(&self, beginning: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|asked| asked.starts_with(beginning)).count()
    }
}

/// Takes every new object as it comes, and knows of none.
async fn answer(State(asked): State<Asked>, method: Method, uri: axum::http::Uri, body: Bytes) -> Response {
    asked.0.lock().unwrap().push(format!("{method} {}", uri.path()));
    if method != Method::POST {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut object: Value = serde_json::from_slice(&body).unwrap();
    object["metadata"]["uid"] = "b-uid".into();
    object["metadata"]["resourceVersion"] = "7".into();
    object["metadata"]["generation"] = 1.into();
    (StatusCode::CREATED, Json(object)).into_response()
}

async fn hub(asked: &Asked, running: &mut JoinSet<()>) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(asked.clone());
    running.spawn(async move { axum::serve(listener, router).await.unwrap() });
    Client::try_from(Config::new(url.parse().unwrap())).unwrap()
}

struct Scene {
    app: Arc<App>,
    tasks: Tasks,
    panics: Counters<TaskKind>,
    asked: Asked,
    _leads: watch::Sender<Leadership>,
    _hub: JoinSet<()>,
}

/// An operator that leads, with all lists complete, and its tasks running.
async fn scene() -> Scene {
    telemetry::panics::install();
    let (asked, mut running) = (Asked::default(), JoinSet::new());
    let hub = hub(&asked, &mut running).await;
    let metrics = Arc::new(Metrics::default());
    let panics = metrics.tasks.panics.clone();
    let valid_until = Instant::now() + Duration::from_hours(1);
    let (leads, leadership) = watch::channel(Leadership::Leading { valid_until, term: 1 });
    let store = KubeStore::new(Api::<Lease>::namespaced(hub.clone(), "atoll-system"), "atoll");
    let elector = LeaderElector::new(store, unique_identity("test"), crate::lease::Timing::default());
    let (moves, told) = moves::moves(Arc::clone(&metrics));
    let (events, writer) = events::events(hub.clone(), Arc::clone(&metrics));
    let second = Duration::from_secs(1);
    let settings = Settings { unconfirmed_after: second, failover_after: second, fast: false };
    let write_guard = elector.guard();
    let tasks = Arc::default();
    let hub_uid = "hub".into();
    let app = App::new(Outside { hub, hub_uid, settings, leadership, write_guard, events, moves, metrics, tasks });
    let app = Arc::new(app);
    for list in [
        List::PropagationPolicies,
        List::ClusterPropagationPolicies,
        List::OverridePolicies,
        List::ClusterOverridePolicies,
        List::ResourceBindings,
        List::ClusterResourceBindings,
        List::Clusters,
        List::Namespaces,
    ] {
        app.synced.set(list);
    }
    let tasks = Tasks::root(panics.clone());
    start(&app, &tasks, told, writer);
    Scene { app, tasks, panics, asked, _leads: leads, _hub: running }
}

async fn until(what: &str, seen: impl Fn() -> bool) {
    let wait = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, wait).await.is_ok(), "not within {DEADLINE:?}: {what}");
}

fn config_map() -> (Gvk, Arc<KindInfo>) {
    let resource = kube::core::ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
    (Gvk::from_api_version("v1", "ConfigMap"), Arc::new(KindInfo { resource, namespaced: true, scale: None }))
}

/// A unit whose member does not answer.
fn member(scene: &Scene) -> Arc<Member> {
    let endpoint =
        Endpoint { url: "https://127.0.0.1:9".into(), ca_bundle: None, token: "t".into(), insecure: true, proxy: None };
    let timing = Timing::standard();
    let detector = Detector::new(timing, crate::clock::mono(), crate::clock::wall());
    let connection = Connection::open(&endpoint).unwrap();
    let identity = Identity { name: ClusterName::new("m1"), uid: "u".into(), endpoint, remembered: Vec::new() };
    let member = Arc::new(Member::new(identity, connection, detector, &timing, false, scene.tasks.child()));
    scene.app.members.put(Arc::clone(&member));
    member.start(&scene.app);
    member.watch_kind(&scene.app, &config_map().1);
    member
}

#[tokio::test]
async fn every_loop_that_panics_is_counted_and_made_anew_and_the_process_goes_on() {
    fault::listen();
    let scene = scene().await;
    let _member = member(&scene);
    // Whoever keeps the watches finds once, at each of its starts, that no policy selects the kind.
    let want = || scene.app.wanted_kinds.send_replace(BTreeSet::from([config_map().0]));
    let watched = || !want().is_empty() && fault::starts(TaskKind::TemplateWatch) > 0;
    until("templates are watched", watched).await;
    // Those without a loop here have a port or a Lease, and are below.
    let elsewhere = [TaskKind::TraceExport, TaskKind::WebhookConfigurations];
    let restarted = TaskKind::ALL.iter().filter(|kind| kind.on_exit() == OnExit::Restart && !elsewhere.contains(kind));
    for kind in restarted.copied() {
        assert!(fault::starts(kind) > 0, "{kind} runs");
        let (before, panics) = (fault::starts(kind), scene.panics.get(kind));
        fault::arm(kind);
        let panicked = || !want().is_empty() && scene.panics.get(kind) > panics;
        until(&format!("{kind} panics"), panicked).await;
        until(&format!("{kind} is made anew"), || fault::starts(kind) > before).await;
        assert!(!scene.tasks.cancelled().is_cancelled(), "the process goes on after a panic of {kind}");
    }
    scene.tasks.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn every_kind_of_task_that_panics_ends_as_its_kind_says() {
    telemetry::panics::install();
    fault::listen();
    for kind in TaskKind::ALL.iter().copied() {
        let panics = Counters::default();
        let tasks = Tasks::root(panics.clone());
        let before = fault::starts(kind);
        fault::arm(kind);
        tasks.spawn(kind, std::future::pending::<()>);
        until(&format!("{kind} panics"), || panics.get(kind) == 1).await;
        match kind.on_exit() {
            OnExit::Restart => until(&format!("{kind} is made anew"), || fault::starts(kind) == before + 2).await,
            OnExit::EndProcess => until(&format!("{kind} ends the process"), || tasks.cancelled().is_cancelled()).await,
            OnExit::Report => {
                tasks.stop(Duration::from_secs(5)).await;
                assert_eq!(fault::starts(kind), before + 1, "{kind} is not made anew");
            }
        }
        tasks.stop(Duration::from_secs(5)).await;
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey { gvk: config_map().0, namespace: Some("a".into()), name: name.into() }
}

/// A template that the policy `all` has claimed, due to be looked at.
fn put_template(scene: &Scene, name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": name, "namespace": "a", "uid": format!("{name}-uid"), "resourceVersion": "3",
        "labels": {"propagationpolicy.karmada.io/permanent-id": "p-id"},
        "annotations": {"propagationpolicy.karmada.io/namespace": "a", "propagationpolicy.karmada.io/name": "all"},
    }});
    scene.app.templates.put(Template::of(key(name), object, &config_map().1));
    scene.app.reconcile.add_for(key(name), Lane::User, Cause::Template);
}

fn put_policy(scene: &Scene) {
    let raw: PropagationPolicy = serde_json::from_value(json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "all", "namespace": "a"},
        "spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]},
    }))
    .unwrap();
    let policy = validate::policy::policy(&raw, "p-id").unwrap();
    scene.app.policies.put(PolicyRef::namespaced("a", "all"), Known::Valid(Arc::new(policy)));
}

const BINDINGS: &str = "POST /apis/work.karmada.io/v1alpha2/namespaces/a/resourcebindings";

#[tokio::test]
async fn a_look_that_panics_after_deciding_has_written_nothing_and_starves_no_other_template() {
    let scene = scene().await;
    put_policy(&scene);
    fault::arm_point("decided", &key("poisoned").to_string(), u32::MAX);
    put_template(&scene, "poisoned");
    until("the poisoned one panics again and again", || scene.panics.get(TaskKind::Pipeline) >= 3).await;
    assert_eq!(scene.asked.count(BINDINGS), 0, "nothing is written of what was decided");
    assert!(scene.app.bindings.get(&key("poisoned")).is_none());

    put_template(&scene, "well");
    until("the other one has its binding", || scene.app.bindings.get(&key("well")).is_some()).await;
    assert_eq!(scene.asked.count(BINDINGS), 1);
    assert_eq!(fault::starts(TaskKind::Pipeline), u32::try_from(pipeline::WORKERS).unwrap(), "no worker was lost");

    fault::arm_point("decided", &key("poisoned").to_string(), 0);
    until("its key was kept", || scene.app.bindings.get(&key("poisoned")).is_some()).await;
    assert_eq!(scene.asked.count(BINDINGS), 2);
    assert!(scene.app.metrics.pipeline.looks(OutcomeLabel::Failed) >= 3, "each is a failed look");
    scene.tasks.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_look_that_panics_after_its_decision_is_recorded_goes_on_from_the_record() {
    let scene = scene().await;
    put_policy(&scene);
    fault::arm_point("recorded", &key("one").to_string(), 1);
    put_template(&scene, "one");
    until("it panics", || scene.panics.get(TaskKind::Pipeline) == 1).await;
    until("the next look ends well", || scene.app.metrics.pipeline.looks(OutcomeLabel::Done) > 0).await;
    assert_eq!(scene.asked.count(BINDINGS), 1, "it is written once");
    scene.tasks.stop(Duration::from_secs(5)).await;
}
