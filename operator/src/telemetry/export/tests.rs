use std::sync::Mutex as Lock;

use atoll_decide::ids::{ClusterName, Gvk, ObjectKey};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span as Received;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use tokio::task::JoinSet;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

use super::*;
use crate::hub::bindings::BindingRef;
use crate::tasks::About;
use crate::telemetry::caught::Capture as Caught;
use crate::telemetry::{Cause, Origin, Step, logs, subscriber};

/// Spans that a collector was sent, with who sent them.
#[derive(Clone, Default)]
struct Collected(Arc<Lock<Vec<(String, Received)>>>);

async fn take(State(collected): State<Collected>, body: Bytes) -> Vec<u8> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for of_resource in request.resource_spans {
        let attributes = of_resource.resource.unwrap().attributes;
        let service = attributes.into_iter().find(|pair| pair.key == "service.name").unwrap().value.unwrap();
        let Some(Value::StringValue(service)) = service.value else { panic!("a name is text") };
        let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collected.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
    }
    Vec::new()
}

fn attribute(span: &Received, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|pair| pair.key == name)?.value.clone()?.value?;
    let Value::StringValue(text) = value else { return None };
    Some(text)
}

/// An export to `endpoint`, this thread's steps and log lines, and who drives it.
fn start(endpoint: &str) -> (Arc<Export>, Caught, DefaultGuard) {
    let given = Given { flag: Some(endpoint.to_owned()), variables: Vec::new() };
    let (queue, export) = open(&given, &Telling::default()).unwrap().unwrap();
    let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
    let caught = Caught::default();
    let lines = logs::build(true, false, caught.clone());
    let (subscriber, _capture) = subscriber::build(EnvFilter::new("info"), lines, (provider, true));
    (Arc::new(export), caught, tracing::subscriber::set_default(subscriber))
}

fn key() -> ObjectKey {
    ObjectKey { gvk: Gvk::from_api_version("v1", "ConfigMap"), namespace: Some("a".into()), name: "b".into() }
}

/// A look at a template whose order is carried out later, as the drivers do it.
async fn change() {
    let about = About::object(&key());
    let look = async {
        Step::matching(about.clone()).run(async {}).await;
        Step::scheduling(about.clone()).run(async { tracing::info!("decided") }).await;
        let binding = BindingRef { namespace: Some("a".into()), name: "b-configmap".into() };
        Step::rendering(about.clone().bound(&binding)).run(async { Origin::now() }).await
    };
    let ordered = Step::look(Cause::Template, about.clone()).run(look).await;
    let on = about.on(&ClusterName::new("m1"));
    let applied = Step::applying(on.clone()).of(&ordered).run(async { Origin::now() }).await;
    Step::observing(on).of(&applied).run_now(|| ());
}

#[tokio::test]
async fn a_change_is_one_trace_from_its_match_to_what_the_member_shows() {
    let (collected, mut running) = (Collected::default(), JoinSet::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take)).with_state(collected.clone());
    running.spawn(async move { axum::serve(listener, router).await.unwrap() });

    let (export, caught, logging) = start(&endpoint);
    change().await;
    drop(logging);
    let cancel = CancellationToken::new();
    cancel.cancel();
    Arc::clone(&export).run(cancel).await;
    assert_eq!(export.telling.spans.get(SpanLabel::Exported), 6, "what waits at the end is sent");

    let spans = collected.0.lock().unwrap().clone();
    let named = |name: &str| &spans.iter().find(|(_, span)| span.name == name).unwrap_or_else(|| panic!("no {name}")).1;
    let root = named("template_changed");
    assert!(root.parent_span_id.is_empty());
    for (name, parent) in [
        ("match", "template_changed"),
        ("schedule", "template_changed"),
        ("render", "template_changed"),
        ("apply", "render"),
        ("observe", "apply"),
    ] {
        let span = named(name);
        assert_eq!(span.trace_id, root.trace_id, "{name} is of the same trace");
        assert_eq!(span.parent_span_id, named(parent).span_id, "{name} is a child of {parent}");
        assert_eq!(attribute(span, "object").as_deref(), Some("ConfigMap a/b"), "{name}");
    }
    assert_eq!(attribute(named("render"), "binding").as_deref(), Some("a/b-configmap"));
    assert_eq!(attribute(named("observe"), "cluster").as_deref(), Some("m1"));
    assert!(spans.iter().all(|(service, _)| service == "atoll"), "{spans:?}");

    let line: serde_json::Value = serde_json::from_str(&caught.lines()[0]).unwrap();
    let trace = format!("{:032x}", u128::from_be_bytes(root.trace_id.clone().try_into().unwrap()));
    assert_eq!(line["trace_id"], trace, "{line}");
    assert_eq!(line["object"], "ConfigMap a/b", "{line}");
}

#[tokio::test]
async fn an_order_that_replaces_another_links_to_its_trace() {
    let provider = SdkTracerProvider::builder().build();
    let lines = logs::build(true, false, Caught::default());
    let (subscriber, _capture) = subscriber::build(EnvFilter::new("info"), lines, (provider, true));
    let _logging = tracing::subscriber::set_default(subscriber);
    let about = || About::object(&key());
    let mut origin = Step::look(Cause::Template, about()).run(async { Origin::now() }).await;
    for _ in 0..9 {
        let next = Step::look(Cause::Policy, about()).run(async { Origin::now() }).await;
        origin = next.instead_of(origin);
    }
    let text = format!("{origin:?}");
    assert_eq!(text.matches("SpanContext {").count(), 5, "the latest and four links, whatever was replaced: {text}");
}

#[tokio::test]
async fn a_collector_that_is_down_costs_a_bounded_queue_and_one_line() {
    // Port 9 is the one that nobody listens on.
    let (export, caught, logging) = start("http://127.0.0.1:9");
    for _ in 0..QUEUE + 100 {
        Step::matching(About::default()).run(async {}).await;
    }
    assert_eq!(export.telling.spans.get(SpanLabel::Dropped), 100);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let began = tokio::time::Instant::now();
    Arc::clone(&export).run(cancel).await;
    assert!(began.elapsed() < FLUSH_WITHIN + ANSWERS_WITHIN, "the end does not wait for it");
    drop(logging);
    let lines: Vec<String> = caught.lines().into_iter().filter(|line| line.contains("takes no spans")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(export.telling.spans.get(SpanLabel::Failed) > 0);
}

#[test]
fn while_nobody_listens_a_step_is_of_no_trace_and_keeps_nothing_for_later() {
    let caught = Caught::default();
    let provider = SdkTracerProvider::builder().build();
    let lines = logs::build(true, false, caught.clone());
    let (subscriber, _capture) = subscriber::build(EnvFilter::new("info"), lines, (provider, false));
    tracing::subscriber::with_default(subscriber, || {
        Step::matching(About::object(&key())).run_now(|| {
            assert!(Origin::now().is_empty());
            tracing::info!("said");
        });
    });
    assert!(!caught.lines()[0].contains("trace_id"), "{:?}", caught.lines());
}

fn given(variables: &[(&'static str, &str)]) -> Given {
    Given { flag: None, variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
}

#[test]
fn the_endpoint_is_what_the_flag_says_then_the_variables() {
    assert_eq!(given(&[]).endpoint().unwrap(), None);
    let all = given(&[(ENDPOINT, "http://c:4318/")]);
    assert_eq!(all.endpoint().unwrap().unwrap().to_string(), "http://c:4318/v1/traces");
    let traces = given(&[(ENDPOINT, "http://c:4318"), (TRACES_ENDPOINT, "https://t/spans")]);
    assert_eq!(traces.endpoint().unwrap().unwrap().to_string(), "https://t/spans");
    let flag = Given { flag: Some("http://f:4318".into()), ..traces };
    assert_eq!(flag.endpoint().unwrap().unwrap().to_string(), "http://f:4318/v1/traces");
}

#[test]
fn what_cannot_be_used_is_refused_by_its_name() {
    for text in ["collector:4318", "grpc://c:4317", "http://", "not a url"] {
        let error = format!("{:#}", given(&[(ENDPOINT, text)]).endpoint().unwrap_err());
        assert!(error.contains(ENDPOINT) && error.contains("http://collector:4318"), "{error}");
    }
    let error = given(&[(PROTOCOLS[1], "grpc")]).check_protocol().unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL=\"grpc\""), "{error}");
    let error = given(&[(SAMPLER, "sometimes")]).check_sampler().unwrap_err().to_string();
    assert!(error.contains("parentbased_traceidratio"), "{error}");
    let error = given(&[(SAMPLER, "traceidratio"), (SAMPLER_ARG, "7")]).check_sampler().unwrap_err().to_string();
    assert!(error.contains("OTEL_TRACES_SAMPLER_ARG=\"7\""), "{error}");
    assert!(given(&[(SAMPLER, "traceidratio"), (SAMPLER_ARG, "0.1")]).check_sampler().is_ok());
}
