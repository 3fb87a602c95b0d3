//! The map on a model checker: its own files, compiled with another
//! `sync`, run through thousands of schedules, among them those that a
//! machine would hardly ever take.
//!
//! A run that fails prints its seed and its schedule. `SHUTTLE_RANDOM_SEED`
//! takes the seed, `shuttle::replay` the schedule.

#![expect(dead_code, reason = "the files are used in part here")]

#[path = "../src/inbox.rs"]
mod inbox;
#[path = "../src/tests/numbers.rs"]
mod numbers;
#[path = "model/ownership.rs"]
mod ownership;
#[path = "model/publication.rs"]
mod publication;
#[path = "../src/stats.rs"]
mod stats;
#[path = "../src/store.rs"]
mod store;
#[path = "../src/subscription.rs"]
mod subscription;
#[path = "model/subscriptions.rs"]
mod subscriptions;
#[path = "model/sync.rs"]
mod sync;
#[path = "../src/tables.rs"]
mod tables;
#[path = "../src/writer.rs"]
mod writer;

use shuttle::{check_pct, check_random};

use self::numbers::Numbers;
use self::store::{Store, Urgency};
use self::writer::Writer;

/// Schedules of each kind for one scenario.
const SCHEDULES: usize = 4_000;
/// How often a schedule sets a thread back at the worst moment.
const DEPTH: usize = 4;

/// Runs a scenario through schedules taken by chance, and through those that
/// hold one thread back for long.
fn explore(scenario: fn()) {
    let run = move || {
        sync::reset_clock();
        scenario();
    };
    check_random(run, SCHEDULES);
    check_pct(run, SCHEDULES, DEPTH);
}

fn put(writer: &Writer<Numbers>, key: u16, value: u32, urgency: Urgency) {
    assert!(writer.put(key, value, urgency).expect("its own key").is_change());
}

/// A store and the writers of its first two scopes.
fn start() -> (Store<Numbers>, [Writer<Numbers>; 2]) {
    let store = Store::default();
    let writers = [0, 1].map(|scope| store.claim(scope).expect("nobody else has it"));
    (store, writers)
}
