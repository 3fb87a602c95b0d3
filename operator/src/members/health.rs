//! The probe loops of one member, and its detector.
//!
//! Enters: answers of probes and of real use. Leaves: observations folded into
//! the detector, and a wake-up for whoever judges. The loops run on their own
//! connections, whatever the lane does.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_decide::health::detector::Nodes;
use atoll_decide::health::marks::PROBE_TARGETS;
use atoll_decide::health::observation::{Asked, NamedTargets, probeable};
use atoll_decide::health::timing::PlaneTiming;
use atoll_decide::health::verdict::{Change, Transition};
use atoll_decide::health::{Detector, Level, Observation, Origin, Outcome, TargetId, Timing, Verdict};
use atoll_decide::time::Mono;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::time::MissedTickBehavior;

use super::member::Member;
use super::probe::{self, Answer};
use crate::app::App;
use crate::clock;
use crate::telemetry::decisions::{What, Why};
use crate::telemetry::metrics::labels::{PlaneLabel, ProbeLabel};

/// An authenticated read runs once in so many looks at `/readyz`: it costs the
/// member more and tells less about being there.
const SERVE_EVERY: u32 = 20;
/// So many nodes are sampled for the data plane.
const SAMPLED_NODES: usize = 5;
/// How often the sample is renewed from the node list.
const RESAMPLE: Duration = Duration::from_secs(2);

/// The detector of one member, shared by its loops.
pub struct Health {
    detector: Mutex<Detector>,
    api: PlaneTiming,
    data: PlaneTiming,
    /// Data-plane targets that answered an earlier process. They are asked
    /// while the node list is not known, as after a start during an outage.
    remembered: Vec<SocketAddr>,
}

impl Health {
    /// Around a detector, new or restored.
    pub fn new(detector: Detector, timing: &Timing, remembered: Vec<SocketAddr>) -> Self {
        Self { detector: Mutex::new(detector), api: timing.api, data: timing.data, remembered }
    }

    /// The verdict now.
    pub fn judge(&self, trusted_since: Mono) -> Verdict {
        self.detector().judge(clock::mono(), trusted_since)
    }

    /// What to keep on the Cluster between processes.
    pub fn stored(&self) -> atoll_decide::health::Stored {
        self.detector().stored()
    }

    fn detector(&self) -> MutexGuard<'_, Detector> {
        self.detector.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes the API plane until the task is cancelled.
pub async fn watch_api(app: Arc<App>, member: Arc<Member>) {
    let timing = member.health.api;
    let mut looks = 0_u32;
    each_interval(timing.interval, || {
        looks = looks.wrapping_add(1);
        let (app, member) = (Arc::clone(&app), Arc::clone(&member));
        let serve = looks % SERVE_EVERY == 1;
        async move {
            let client = &member.connection.probe;
            let ready = observed(&app, &member, Level::Ready, probe::read(client, "/readyz", timing.timeout));
            let connect = async {
                // Behind a proxy there is no way to the address itself.
                if member.endpoint.proxy.is_none() {
                    observed(&app, &member, Level::Connect, connect_to(&member, timing.timeout)).await;
                }
            };
            if serve {
                let read = observed(&app, &member, Level::Serve, probe::read(client, "/api", timing.timeout));
                tokio::join!(ready, connect, read);
            } else {
                tokio::join!(ready, connect);
            }
        }
    })
    .await;
}

/// Probes the data plane until the task is cancelled.
pub async fn watch_data(app: Arc<App>, member: Arc<Member>) {
    let timing = member.health.data;
    let mut sampled_at: Option<Mono> = None;
    let mut targets: Vec<SocketAddr> = Vec::new();
    let mut told: Option<String> = None;
    each_interval(timing.interval, || {
        if sampled_at.is_none_or(|at| clock::mono().since(at) >= RESAMPLE) {
            sampled_at = Some(clock::mono());
            let named = named_targets(&app, &member);
            complain(&app, &member, &named, &mut told);
            targets = sample(&app, &member, named.targets);
        }
        let (app, member, targets) = (Arc::clone(&app), Arc::clone(&member), targets.clone());
        async move {
            let probes = targets.into_iter().map(|target| {
                let (app, member) = (&app, &member);
                async move {
                    let sent = clock::mono();
                    let answer = probe::connect(target, timing.timeout).await;
                    observe(app, member, Asked::Data, TargetId::new(target.to_string()), sent, &answer);
                }
            });
            futures::future::join_all(probes).await;
        }
    })
    .await;
}

/// Starts a look each interval, whether or not the last one has ended: a
/// silent target must not slow its own detection. Looks are bounded by their
/// deadline over the interval.
async fn each_interval<F>(interval: Duration, mut look: impl FnMut() -> F)
where
    F: Future<Output = ()>,
{
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => running.push(look()),
            Some(()) = running.next() => {}
        }
    }
}

async fn observed(app: &App, member: &Member, level: Level, answer: impl Future<Output = Answer>) {
    let sent = clock::mono();
    let answer = answer.await;
    if answer.answered() {
        member.lane.member_answered();
    }
    observe(app, member, Asked::Api(level), TargetId::new(&member.endpoint.url), sent, &answer);
}

fn observe(app: &App, member: &Member, asked: Asked, target: TargetId, sent: Mono, answer: &Answer) {
    count(app, member, asked, answer);
    let outcome = match answer {
        Answer::Good => Outcome::Fine,
        Answer::Bad(why) => Outcome::Wrong(why.clone()),
        Answer::Silence(why) => Outcome::Silent(why.clone()),
    };
    let observation = Observation { asked, target, sent, at: clock::mono(), outcome };
    let transitions = member.health.detector().observe(&observation);
    tell(app, member, &transitions);
}

fn count(app: &App, member: &Member, asked: Asked, answer: &Answer) {
    let plane = match asked {
        Asked::Api(Level::Use) => return,
        Asked::Api(_) => PlaneLabel::Api,
        Asked::Data => PlaneLabel::Data,
    };
    let outcome = match answer {
        Answer::Good => ProbeLabel::Good,
        Answer::Bad(_) => ProbeLabel::Bad,
        Answer::Silence(_) => ProbeLabel::Silence,
    };
    app.metrics.health.probes.observe(&member.name, plane, outcome);
}

/// Real use is evidence too: an apply or a watch got an answer.
pub fn observe_use(app: &App, member: &Member) {
    observe(app, member, Asked::Api(Level::Use), TargetId::new(&member.endpoint.url), clock::mono(), &Answer::Good);
}

/// What the user named on the Cluster.
fn named_targets(app: &App, member: &Member) -> NamedTargets {
    let cluster = app.clusters.get(&member.name);
    let annotations = cluster.as_ref().and_then(|cluster| cluster.metadata.annotations.as_ref());
    annotations.and_then(|held| held.get(PROBE_TARGETS)).map(|text| NamedTargets::read(text)).unwrap_or_default()
}

/// Names what cannot be asked, once for each text of the annotation.
fn complain(app: &App, member: &Member, named: &NamedTargets, told: &mut Option<String>) {
    let complaint = named.complaint();
    if complaint == *told || !app.leads() {
        return;
    }
    if let Some(complaint) = &complaint {
        let message = format!("annotation {PROBE_TARGETS}: {complaint}");
        tracing::warn!(cluster = %member.name, message, "targets named by the user are left out");
        app.tell_cluster(&member.name, "ProbeTargetInvalid", &message, true);
    }
    *told = complaint;
}

/// Sets what is asked: the targets the user named, and a sample of the nodes.
fn sample(app: &App, member: &Member, named: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let now = clock::mono();
    let summary = member.inventory.summary();
    let nodes: Vec<SocketAddr> = if summary.is_some() {
        let nodes = member.inventory.node_targets().into_iter();
        let usable = nodes.filter(|(address, _)| probeable(*address).is_ok()).map(SocketAddr::from);
        usable.take(SAMPLED_NODES).collect()
    } else {
        // An empty list before the nodes were ever listed is "unknown"; what
        // answered before stands for them.
        member.health.remembered.clone()
    };
    let targets = with_origins(named, nodes);
    let mut detector = member.health.detector();
    let identified = targets.iter().map(|(target, origin)| (TargetId::new(target.to_string()), *origin));
    let mut transitions = detector.set_targets(identified, now);
    if let Some(summary) = summary {
        let count = |count: i32| u32::try_from(count).unwrap_or(0);
        let nodes = Nodes { ready: count(summary.ready_nodes), total: count(summary.nodes) };
        transitions.extend(detector.observe_nodes(nodes, now));
    }
    drop(detector);
    tell(app, member, &transitions);
    targets.into_iter().map(|(target, _)| target).collect()
}

/// A node that the user named is asked once, as named.
fn with_origins(named: Vec<SocketAddr>, nodes: Vec<SocketAddr>) -> Vec<(SocketAddr, Origin)> {
    let nodes: Vec<SocketAddr> = nodes.into_iter().filter(|node| !named.contains(node)).collect();
    let named = named.into_iter().map(|target| (target, Origin::Named));
    named.chain(nodes.into_iter().map(|target| (target, Origin::Node))).collect()
}

fn tell(app: &App, member: &Member, transitions: &[Transition]) {
    for transition in transitions {
        let change = match transition.change {
            Change::Api(from, to) => format!("api {from:?} -> {to:?}"),
            Change::Data(from, to) => format!("data {from:?} -> {to:?}"),
            Change::Grade(from, to) => format!("grade {from:?} -> {to:?}"),
        };
        if let Change::Grade(_, to) = transition.change {
            app.metrics.health.verdicts.inc(to.into());
            let why = Why::Words(format!("{to:?}: {}", transition.why).into());
            app.decisions.record(None, Some(&member.name), What::Judged, why);
        }
        tracing::info!(cluster = %member.name, %change, why = %transition.why, "verdict");
    }
    if !transitions.is_empty() {
        app.judge.notify_one();
    }
}

/// TCP and TLS to the API server's address, by name when it has one.
async fn connect_to(member: &Member, deadline: Duration) -> Answer {
    let url = &member.endpoint.url;
    let Ok(uri) = url.parse::<http::Uri>() else { return Answer::Bad(format!("{url} is no URL").into()) };
    let (Some(host), port) = (uri.host(), uri.port_u16().unwrap_or(443)) else {
        return Answer::Bad(format!("{url} names no host").into());
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Answer::Bad(format!("{url} names no host").into());
    };
    let resolved = tokio::time::timeout(deadline, tokio::net::lookup_host((host, port))).await;
    match resolved {
        Ok(Ok(mut addresses)) => match addresses.next() {
            Some(address) => probe::secure(address, name, &member.connection.tls, deadline).await,
            None => Answer::Silence(format!("{host} has no address")),
        },
        Ok(Err(error)) => Answer::Silence(format!("{host}: {error}")),
        Err(_) => Answer::Silence(format!("{host} was not resolved within {deadline:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_the_user_named_is_asked_once_and_as_named() {
        let address = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let (both, node) = (address("10.0.0.7:10250"), address("10.0.0.8:10250"));
        assert_eq!(with_origins(vec![both], vec![both, node]), [(both, Origin::Named), (node, Origin::Node)]);
    }
}
