//! What the tests of the map share, by subject below.

mod batches;
mod conflicts;
mod numbers;
mod sequential;
mod subscribers;
mod threads;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::numbers::Numbers;
use super::*;

fn start() -> (Store<Numbers>, Writer<Numbers>, JoinSet<()>, CancellationToken) {
    let (store, cancel, mut tasks) = (Store::<Numbers>::default(), CancellationToken::new(), JoinSet::new());
    let writer = store.claim(0).unwrap();
    let (running, cancelled) = (store.clone(), cancel.clone());
    tasks.spawn(async move { running.run(cancelled).await });
    (store, writer, tasks, cancel)
}

fn put(writer: &Writer<Numbers>, key: u16, value: u32) -> Written {
    writer.put(key, value, Urgency::Batched).unwrap()
}
