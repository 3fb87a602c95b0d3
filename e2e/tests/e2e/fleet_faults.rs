//! What spoiling a fleet does to the API servers of its members, seen by a client as any operator has one.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_e2e::fleet::{ComponentKind, ComponentState, Fleet};
use atoll_e2e::net::{Fault, Path};
use kube::Client;
use kube::config::Kubeconfig;
use libtest_mimic::Trial;
use tokio::time::{Instant, timeout};

use crate::harness::{eventually, exclusive, shared, trial};

/// Longer than any answer takes, shorter than a test may.
const SILENCE: Duration = Duration::from_secs(3);

pub fn trials() -> Vec<Trial> {
    vec![
        trial("every_member_answers_with_its_own_authority", own_authority),
        trial("a_member_that_is_cut_off_is_silent_for_all_but_its_observer", cut),
        trial("a_refused_member_is_known_to_be_so_at_once", refused),
        trial("a_delay_is_paid_by_every_answer_of_that_member_alone", delayed),
        trial("a_frozen_api_server_is_silent_and_a_killed_one_refuses", frozen_and_killed),
        trial("faults_on_a_fleet_planned_without_them_are_an_error_that_says_so", no_relay),
    ]
}

async fn own_authority() -> Result<()> {
    let fleet = shared().await?;
    let mut authorities = BTreeSet::new();
    for name in ["m1", "m2", "m3"] {
        ask(&fleet.member_client(name).await?).await?;
        let kubeconfig = Kubeconfig::read_from(fleet.member_kubeconfig(name)?)?;
        let cluster = kubeconfig.clusters.into_iter().next().and_then(|named| named.cluster);
        let authority = cluster.and_then(|cluster| cluster.certificate_authority_data);
        authorities.insert(authority.with_context(|| format!("the kubeconfig of {name} holds no authority"))?);
    }
    ensure!(authorities.len() == 3, "{} authorities for 3 members", authorities.len());
    Ok(())
}

async fn cut() -> Result<()> {
    let fleet = exclusive().await?;
    let (cut, other) = (fleet.member_client("m1").await?, fleet.member_client("m2").await?);
    ask(&cut).await?;
    fleet.faults().isolate("m1").await?;
    ensure!(fleet.faults().list().await?.len() == 12, "3 other ends, 2 paths, 2 directions");
    ensure!(is_silent(&cut).await, "an open connection carries nothing any more");
    ensure!(is_silent(&fleet.member_client("m1").await?).await, "no new connection comes about");
    ask(&other).await?;
    ask(&fleet.observer_client("m1").await?).await?;
    fleet.faults().reconnect("m1").await?;
    ensure!(fleet.faults().list().await?.is_empty());
    answers_again(&fleet, "m1").await
}

async fn refused() -> Result<()> {
    let fleet = exclusive().await?;
    fleet.faults().set_both("hub", "m1", Path::Api, Fault::Refuse).await?;
    let client = fleet.member_client("m1").await?;
    let answer = timeout(SILENCE, client.apiserver_version()).await?;
    fleet.faults().heal_all().await?;
    ensure!(answer.is_err(), "a refused connection is an error, not an answer");
    answers_again(&fleet, "m1").await
}

async fn delayed() -> Result<()> {
    let fleet = exclusive().await?;
    let (slow, quick) = (fleet.member_client("m1").await?, fleet.member_client("m2").await?);
    ask(&slow).await?;
    ask(&quick).await?;
    fleet.faults().set_both("hub", "m1", Path::Api, Fault::Delay { ms: 400 }).await?;
    let (slow_time, quick_time) = (measure(&slow).await?, measure(&quick).await?);
    fleet.faults().heal_all().await?;
    ensure!(slow_time >= Duration::from_millis(800), "there and back: {slow_time:?}");
    ensure!(quick_time < Duration::from_millis(800), "{quick_time:?}");
    Ok(())
}

async fn frozen_and_killed() -> Result<()> {
    let fleet = exclusive().await?;
    let kind = ComponentKind::Apiserver;
    fleet.freeze("m1", kind).await?;
    ensure!(is_silent(&fleet.member_client("m1").await?).await);
    ensure!(fleet.status().await?["m1"][&kind] == ComponentState::Frozen);
    fleet.thaw("m1", kind).await?;
    answers_again(&fleet, "m1").await?;
    fleet.kill("m1", kind).await?;
    ensure!(timeout(SILENCE, fleet.member_client("m1").await?.apiserver_version()).await?.is_err());
    ensure!(fleet.status().await?["m1"][&kind] == ComponentState::Dead);
    fleet.restart("m1", kind).await?;
    ask(&fleet.member_client("m1").await?).await
}

async fn no_relay() -> Result<()> {
    let fleet = Fleet::builder().faults(false).start().await?;
    ask(&fleet.member_client("m1").await?).await?;
    let refusal = fleet.faults().isolate("m1").await;
    ensure!(refusal.is_err_and(|error| error.to_string().contains("started without faults")));
    let unknown = fleet.freeze("m9", ComponentKind::Apiserver).await;
    ensure!(unknown.is_err_and(|error| error.to_string().contains("no cluster \"m9\"")));
    fleet.shutdown().await
}

async fn ask(client: &Client) -> Result<()> {
    client.apiserver_version().await?;
    Ok(())
}

async fn measure(client: &Client) -> Result<Duration> {
    let started = Instant::now();
    ask(client).await?;
    Ok(started.elapsed())
}

async fn is_silent(client: &Client) -> bool {
    timeout(SILENCE, client.apiserver_version()).await.is_err()
}

async fn answers_again(fleet: &Fleet, member: &str) -> Result<()> {
    eventually("the member answers again", || async {
        Ok(timeout(SILENCE, fleet.member_client(member).await?.apiserver_version()).await??)
    })
    .await
    .map(drop)
}
