//! Candidates on one Lease, over a store that is slow, lies silent, or carries
//! out a write whose sender has given up. Paused time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::store::{Lease, Spec};
use super::*;

#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    writes: u64,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, Default)]
struct Fault {
    way_there: Duration,
    way_back: Duration,
    lost: bool,
}

/// One candidate's connection. Requests go on when their sender gives up.
struct Link {
    server: Arc<Mutex<Server>>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    requests: Mutex<JoinSet<()>>,
}

impl Link {
    fn to(server: &Arc<Mutex<Server>>) -> Self {
        Self { server: Arc::clone(server), faults: Arc::default(), requests: Mutex::default() }
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Server) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or_default();
        let (answer, answered) = oneshot::channel();
        let server = Arc::clone(&self.server);
        self.requests.lock().unwrap().spawn(async move {
            tokio::time::sleep(fault.way_there).await;
            if fault.lost {
                return;
            }
            let result = work(&mut server.lock().unwrap());
            tokio::time::sleep(fault.way_back).await;
            answer.send(result).ok();
        });
        answered.await.unwrap_or(Err(Error::Unavailable("reset".into())))
    }
}

impl Server {
    fn write(&mut self, spec: &Spec) -> Lease {
        self.writes += 1;
        let version = self.writes.to_string().into();
        let (holder, duration, transitions) = (spec.holder.clone(), spec.duration, spec.transitions);
        self.lease.insert(Lease { version, holder, duration, transitions }).clone()
    }
}

impl Store for Link {
    async fn fetch(&self) -> Result<Option<Lease>, Error> {
        self.call(|server| Ok(server.lease.clone())).await
    }

    async fn create(&self, spec: &Spec) -> Result<Lease, Error> {
        let spec = spec.clone();
        self.call(move |server| if server.lease.is_some() { Err(Error::Conflict) } else { Ok(server.write(&spec)) })
            .await
    }

    async fn replace(&self, version: &str, spec: &Spec) -> Result<Lease, Error> {
        let (version, spec) = (version.to_owned(), spec.clone());
        self.call(move |server| match &server.lease {
            Some(lease) if *lease.version == *version => Ok(server.write(&spec)),
            _ => Err(Error::Conflict),
        })
        .await
    }
}

/// A running candidate.
struct Candidate {
    guard: WriteGuard,
    leadership: watch::Receiver<Leadership>,
    cancel: CancellationToken,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl Candidate {
    fn start(name: &str, server: &Arc<Mutex<Server>>, tasks: &mut JoinSet<()>) -> Self {
        let link = Link::to(server);
        let faults = Arc::clone(&link.faults);
        let elector = LeaderElector::new(link, name, Timing::default());
        let (guard, leadership, cancel) = (elector.guard(), elector.subscribe(), CancellationToken::new());
        let end = cancel.clone();
        tasks.spawn(async move { elector.run(end).await.map_or((), |back| panic!("{back:?}")) });
        Self { guard, leadership, cancel, faults }
    }

    async fn leads(&mut self) {
        let leading = self.leadership.wait_for(|leadership| leadership.permits(Duration::ZERO));
        tokio::time::timeout(Duration::from_mins(1), leading).await.expect("leads in a minute").expect("runs");
    }

    fn hang_for_ever(&self) {
        let silence = Fault { way_there: Duration::from_hours(1), lost: true, ..Fault::default() };
        self.faults.lock().unwrap().extend([silence; 100]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_shutdown_hands_over_within_one_look_of_the_standby() {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let mut first = Candidate::start("first", &server, &mut tasks);
    first.leads().await;
    let mut second = Candidate::start("second", &server, &mut tasks);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!second.guard.leadership().permits(Duration::ZERO), "the first renews");

    let stopped = Instant::now();
    first.cancel.cancel();
    second.leads().await;
    assert!(stopped.elapsed() <= Timing::default().retry_every, "{:?}", stopped.elapsed());
    assert!(!first.guard.leadership().permits(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_writes_that_run() {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let mut first = Candidate::start("first", &server, &mut tasks);
    first.leads().await;
    let permit = first.guard.begin(Duration::from_secs(2)).expect("permitted");
    first.cancel.cancel();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(first.guard.begin(Duration::ZERO).is_none(), "no write begins any more");
    let holder = |server: &Arc<Mutex<Server>>| server.lock().unwrap().lease.clone().and_then(|lease| lease.holder);
    assert_eq!(holder(&server).as_deref(), Some("first"));
    drop(permit);
    tasks.join_next().await;
    assert_eq!(holder(&server), None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_ends_leadership_by_time_and_a_standby_takes_over() {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let mut first = Candidate::start("first", &server, &mut tasks);
    first.leads().await;
    let mut second = Candidate::start("second", &server, &mut tasks);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    first.hang_for_ever();
    let cut = Instant::now();
    first.leadership.wait_for(|leadership| *leadership == Leadership::Standby).await.expect("runs");
    assert!(cut.elapsed() <= Duration::from_secs(4), "{:?}", cut.elapsed());
    second.leads().await;
    assert!(cut.elapsed() <= Duration::from_secs(5), "{:?}", cut.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_long_on_its_way_does_not_lengthen_the_lease() {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let first = Candidate::start("first", &server, &mut tasks);
    let slow = Fault { way_back: Duration::from_millis(990), ..Fault::default() };
    first.faults.lock().unwrap().extend([Fault::default(), slow]);
    first.hang_for_ever();
    let mut second = Candidate::start("second", &server, &mut tasks);
    second.leads().await;
    assert!(!first.guard.leadership().permits(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_write_longer_than_the_rest_of_the_lease_does_not_begin() {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let mut only = Candidate::start("only", &server, &mut tasks);
    only.leads().await;
    assert!(only.guard.begin(Duration::from_secs(4)).is_none());
    assert!(only.guard.begin(Duration::from_millis(2900)).is_some());
    only.hang_for_ever();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(only.guard.begin(Duration::from_secs(2)).is_none());
    assert!(only.guard.begin(Duration::from_secs(1)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_candidate_leads_no_more() {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let mut only = Candidate::start("only", &server, &mut tasks);
    only.leads().await;
    tasks.abort_all();
    tasks.join_next().await;
    assert_eq!(only.guard.leadership(), Leadership::Standby);
}

/// Calls in a row with faults of their own, or all lost: a cut connection.
fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let way = prop_oneof![3 => 0..30u64, 2 => 500..1000u64, 1 => 0..6000u64].prop_map(Duration::from_millis);
    let late = (way.clone(), way).prop_map(|(way_there, way_back)| vec![Fault { way_there, way_back, lost: false }]);
    let cut = (8..20usize).prop_map(|calls| vec![Fault { lost: true, ..Fault::default() }; calls]);
    prop::collection::vec(prop_oneof![2 => late, 1 => cut], 0..40).prop_map(|parts| parts.concat())
}

async fn two_never_lead_at_once(faults: [Vec<Fault>; 2], restart_at: Duration) -> Result<(), TestCaseError> {
    let (server, mut tasks) = (Arc::default(), JoinSet::new());
    let [mut first, mut second] = ["first", "second"].map(|name| Candidate::start(name, &server, &mut tasks));
    for (candidate, faults) in [&first, &second].into_iter().zip(faults) {
        candidate.faults.lock().unwrap().extend(faults);
    }
    let (start, mut restarted) = (Instant::now(), None);
    while start.elapsed() < Duration::from_mins(1) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let leading = [&first, &second]
            .into_iter()
            .chain(&restarted)
            .filter(|candidate| candidate.guard.begin(Duration::ZERO).is_some());
        prop_assert!(leading.count() <= 1, "two lead {:?} after the start", start.elapsed());
        if restarted.is_none() && start.elapsed() > restart_at {
            first.cancel.cancel();
            restarted = Some(Candidate::start("first again", &server, &mut tasks));
        }
    }
    // Alive again once the faults are over.
    let third = restarted.as_mut().expect("a minute is longer than any restart time");
    for candidate in [&mut first, &mut second, third] {
        candidate.faults.lock().unwrap().clear();
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let leads = |candidate: &Candidate| candidate.guard.begin(Duration::ZERO).is_some();
    prop_assert!(leads(&second) || restarted.as_ref().is_some_and(leads), "nobody leads");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn two_candidates_never_lead_at_once_whatever_happens_to_their_calls(
        first in faults(), second in faults(), restart_ms in 0..40_000u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(two_never_lead_at_once([first, second], Duration::from_millis(restart_ms)))?;
    }
}
