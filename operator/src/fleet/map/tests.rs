use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::subscription::{Changed, Changes};
use super::*;

/// One table of numbers; the ten's digit of a key is its scope.
#[derive(Clone, Default)]
struct Numbers(imbl::OrdMap<u16, Versioned<u32>>);

impl Tables for Numbers {
    type Key = u16;
    type Value = u32;
    type Scope = u16;

    fn scope(key: &u16) -> u16 {
        key / 1000
    }

    fn same(old: &u32, new: &u32) -> bool {
        old == new
    }

    fn get(&self, key: &u16) -> Option<Versioned<u32>> {
        self.0.get(key).copied()
    }

    fn put(&mut self, key: &u16, entry: Option<Versioned<u32>>) {
        match entry {
            Some(entry) => drop(self.0.insert(*key, entry)),
            None => drop(self.0.remove(key)),
        }
    }
}

impl Numbers {
    fn value(&self, key: u16) -> Option<u32> {
        self.0.get(&key).map(|entry| entry.value)
    }
}

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

#[tokio::test(start_paused = true)]
async fn the_sixty_fourth_pending_change_publishes_all_at_once() {
    let (store, writer, _tasks, _cancel) = start();
    for key in 0..63 {
        put(&writer, key, 1);
    }
    assert_eq!((store.snapshot().version(), store.stats().pending), (0, 63));
    let began = Instant::now();
    put(&writer, 63, 1);
    let snapshot = store.snapshot();
    assert!(began.elapsed() <= Duration::from_millis(10));
    assert_eq!((snapshot.version(), snapshot.0.tables.0.len()), (64, 64));
    let stats = store.stats();
    assert_eq!((stats.commits_by_count, stats.commits_by_age, stats.pending), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn many_changes_of_one_key_are_one_pending_change() {
    let (store, writer, _tasks, _cancel) = start();
    for value in 1..=200 {
        put(&writer, 7, value);
    }
    let stats = store.stats();
    assert_eq!((stats.pending, stats.coalesced, stats.commits_by_count), (1, 199, 0));
}

#[tokio::test(start_paused = true)]
async fn no_change_waits_longer_than_fifty_milliseconds() {
    let (store, writer, _tasks, _cancel) = start();
    let (_, mut subscription) = store.subscribe(8, |_| true);
    for round in 1..=20 {
        tokio::time::sleep(Duration::from_millis(round * 3 % 29)).await;
        let began = Instant::now();
        put(&writer, 1, u32::try_from(round).unwrap());
        subscription.next().await;
        assert!(began.elapsed() <= MAX_AGE, "{:?}", began.elapsed());
        assert!(began.elapsed() >= Duration::from_millis(40), "a batch is no batch after {:?}", began.elapsed());
        assert_eq!(store.snapshot().value(1), u32::try_from(round).ok());
    }
    assert_eq!(store.stats().commits_by_age, 20);
}

#[tokio::test(start_paused = true)]
async fn a_steady_trickle_does_not_put_the_first_change_off() {
    let (store, writer, _tasks, _cancel) = start();
    let began = Instant::now();
    put(&writer, 0, 1);
    for key in 1..60 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        put(&writer, key, 1);
        if store.snapshot().value(0).is_some() {
            break;
        }
    }
    assert!(began.elapsed() <= MAX_AGE, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_its_task_an_old_batch_goes_with_the_next_write() {
    let store = Store::<Numbers>::default();
    let writer = store.claim(0).unwrap();
    put(&writer, 0, 1);
    tokio::time::advance(MAX_AGE).await;
    put(&writer, 1, 1);
    assert_eq!((store.snapshot().value(0), store.snapshot().value(1)), (Some(1), Some(1)));
    assert_eq!(store.stats().commits_by_age, 1);
}

#[tokio::test(start_paused = true)]
async fn an_urgent_change_is_published_at_once_with_what_was_pending_before_it() {
    let (store, writer, _tasks, _cancel) = start();
    put(&writer, 1, 10);
    writer.put(2, 20, Urgency::Now).unwrap();
    let snapshot = store.snapshot();
    assert_eq!((snapshot.value(1), snapshot.value(2)), (Some(10), Some(20)));
    put(&writer, 3, 30);
    writer.put(3, 30, Urgency::Now).unwrap();
    assert_eq!(store.snapshot().value(3), Some(30), "an urgent repeat of a pending change publishes it");
    assert_eq!(store.stats().commits_urgent, 2);
}

#[tokio::test(start_paused = true)]
async fn a_writer_sees_its_pending_change_and_readers_do_not() {
    let (store, writer, _tasks, _cancel) = start();
    put(&writer, 1, 10);
    assert_eq!(store.latest(&1).map(|entry| entry.value), Some(10));
    assert_eq!(store.snapshot().value(1), None);
    writer.remove(1, Urgency::Batched).unwrap();
    assert_eq!(store.latest(&1), None);
    assert_eq!(store.stats().pending, 0, "it came back to what is published");
}

#[tokio::test(start_paused = true)]
async fn an_equal_value_is_no_change() {
    let (store, writer, _tasks, _cancel) = start();
    assert!(writer.put(1, 10, Urgency::Now).unwrap().is_change());
    let (_, mut subscription) = store.subscribe(8, |_| true);
    assert_eq!(put(&writer, 1, 10), Written::Unchanged);
    assert_eq!(writer.put(1, 10, Urgency::Now).unwrap(), Written::Unchanged);
    assert_eq!(writer.remove(2, Urgency::Now).unwrap(), Written::Unchanged);
    tokio::time::sleep(MAX_AGE * 2).await;
    assert_eq!((store.snapshot().version(), subscription.take(), store.stats().unchanged), (1, None, 3));
}

#[tokio::test(start_paused = true)]
async fn the_end_publishes_what_is_left() {
    let (store, writer, mut tasks, cancel) = start();
    put(&writer, 1, 10);
    cancel.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!((store.snapshot().value(1), store.stats().commits_at_shutdown), (Some(10), 1));
}

#[test]
fn a_second_writer_and_a_stale_version_are_refused_and_counted_apart() {
    let store = Store::<Numbers>::default();
    let writer = store.claim(0).unwrap();
    assert!(matches!(store.claim(0), Err(Conflict::Owned(_))));
    assert!(matches!(writer.put(1000, 1, Urgency::Now), Err(Conflict::Owned(_))), "a key of another scope");
    let mixed = vec![(1, Some(1)), (1000, Some(1))];
    assert!(matches!(writer.write_all(mixed, Urgency::Now), Err(Conflict::Owned(_))));
    assert_eq!(store.snapshot().version(), 0, "a refused group writes nothing");
    let Written::Changed { version } = writer.replace(1, None, Some(5), Urgency::Now).unwrap() else {
        panic!("it was absent")
    };
    writer.put(1, 6, Urgency::Batched).unwrap();
    let stale = writer.replace(1, Some(version), Some(7), Urgency::Now);
    assert!(matches!(stale, Err(Conflict::Stale { .. })), "{stale:?}");
    assert_eq!(store.latest(&1).map(|entry| entry.value), Some(6));
    let stats = store.stats();
    assert_eq!((stats.conflicts_owner, stats.conflicts_stale, stats.contention), (3, 1, 0));

    drop(writer);
    store.claim(0).expect("a scope is free when its writer is gone");
}

#[test]
fn waiting_for_the_lock_is_counted() {
    let store = Store::<Numbers>::default();
    let writer = store.claim(0).unwrap();
    std::thread::scope(|threads| {
        let held = store.lock();
        threads.spawn(|| writer.put(1, 1, Urgency::Now).unwrap());
        while store.shared.counts.contention.get() == 0 {
            std::thread::yield_now();
        }
        drop(held);
    });
    assert_eq!((store.stats().contention, store.snapshot().value(1)), (1, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_told_to_look_at_everything_and_goes_on_from_there() {
    let store = Store::<Numbers>::default();
    let writer = store.claim(0).unwrap();
    let (_, mut slow) = store.subscribe(3, |key| *key < 100);
    for key in [1, 2, 1, 200, 201, 202] {
        writer.update(key, Urgency::Now, |value| Some(value.unwrap_or(0) + 1)).unwrap();
    }
    let Changes { version: 3, changed: Changed::Keys(keys) } = slow.next().await else { panic!("three at most") };
    assert_eq!(BTreeSet::from_iter(keys), BTreeSet::from([1, 2]));
    for key in 1..=4 {
        writer.put(key, 9, Urgency::Now).unwrap();
    }
    writer.put(5, 9, Urgency::Now).unwrap();
    assert_eq!(slow.next().await.changed, Changed::Everything);
    assert_eq!(slow.take(), None);
    writer.put(1, 7, Urgency::Now).unwrap();
    assert_eq!(slow.next().await.changed, Changed::Keys(vec![1]));
    assert_eq!(store.stats().resyncs, 1);
    drop(slow);
    assert_eq!(store.stats().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_waits_is_woken_by_the_commit() {
    let (store, writer, _tasks, _cancel) = start();
    let (_, mut subscription) = store.subscribe(8, |_| true);
    let began = Instant::now();
    let (changes, ()) = tokio::join!(subscription.next(), async {
        tokio::time::sleep(Duration::from_millis(7)).await;
        writer.put(4, 1, Urgency::Now).unwrap();
    });
    assert_eq!((changes.changed, began.elapsed().as_millis()), (Changed::Keys(vec![4]), 7));
}

/// Two keys that are always written together, with numbers that always add up
/// to a hundred.
#[test]
fn snapshots_of_many_threads_are_never_torn() {
    const ROUNDS: u32 = 20_000;
    let store = Store::<Numbers>::default();
    let writer = store.claim(0).unwrap();
    let noise = store.claim(1).unwrap();
    writer.write_all(vec![(1, Some(0)), (2, Some(100))], Urgency::Now).unwrap();
    let done = CancellationToken::new();
    let read = || {
        let (mut reads, mut last) = (0_u32, 0);
        while !done.is_cancelled() || reads == 0 {
            let snapshot = store.snapshot();
            let sum = snapshot.value(1).zip(snapshot.value(2)).map(|(one, two)| one + two);
            assert_eq!(sum, Some(100), "torn at version {}", snapshot.version());
            assert!(snapshot.version() >= last, "a view went back");
            (reads, last) = (reads.saturating_add(1), snapshot.version());
        }
    };
    std::thread::scope(|threads| {
        let readers = [(); 3].map(|()| threads.spawn(read));
        let disturber = threads.spawn(|| {
            for round in 0..ROUNDS {
                noise.put(1000 + u16::try_from(round % 500).unwrap(), round, Urgency::Batched).unwrap();
            }
        });
        for round in 0..ROUNDS {
            let one = round % 101;
            let urgency = if round % 5 == 0 { Urgency::Now } else { Urgency::Batched };
            writer.write_all(vec![(1, Some(one)), (2, Some(100 - one))], urgency).unwrap();
        }
        let noise_ended = disturber.join();
        done.cancel();
        assert!(noise_ended.is_ok() && readers.into_iter().all(|reader| reader.join().is_ok()));
    });
}

#[derive(Clone, Debug)]
enum Step {
    Write { key: u16, value: Option<u32>, urgent: bool },
    Pass { milliseconds: u64 },
    Read,
}

/// What the store has to be, written down in the plainest way.
#[derive(Default)]
struct Model {
    published: BTreeMap<u16, u32>,
    latest: BTreeMap<u16, u32>,
    oldest: Option<u64>,
}

impl Model {
    fn pending(&self) -> usize {
        let keys: BTreeSet<_> = self.published.keys().chain(self.latest.keys()).collect();
        keys.into_iter().filter(|key| self.published.get(key) != self.latest.get(key)).count()
    }

    fn publish(&mut self) {
        self.published = self.latest.clone();
        self.oldest = None;
    }

    fn write(&mut self, key: u16, value: Option<u32>, urgent: bool, now: u64) {
        let before = match value {
            Some(value) => self.latest.insert(key, value),
            None => self.latest.remove(&key),
        };
        let repeats = before == value && self.published.get(&key).copied() != value;
        if before != value {
            self.oldest = (self.pending() > 0).then(|| self.oldest.unwrap_or(now));
        } else if !(urgent && repeats) {
            return;
        }
        if urgent || self.pending() >= BATCH {
            self.publish();
        } else {
            self.pass(now);
        }
    }

    fn pass(&mut self, now: u64) {
        let due = u64::try_from(DUE_AFTER.as_millis()).unwrap();
        if self.oldest.is_some_and(|oldest| now >= oldest + due) {
            self.publish();
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few values, so that writes repeat and come back; many keys at times, so
    // that batches fill.
    let key = prop_oneof![0..6_u16, 0..200_u16];
    let write = (key, prop::option::weighted(0.8, 0..3_u32), prop::bool::weighted(0.05))
        .prop_map(|(key, value, urgent)| Step::Write { key, value, urgent });
    let pass = (1..30_u64).prop_map(|milliseconds| Step::Pass { milliseconds });
    let step = prop_oneof![40 => write, 1 => pass, 2 => Just(Step::Read)];
    prop::collection::vec(step, 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn it_is_the_sequential_model_and_subscribers_can_rebuild_it(steps in steps(), capacity in 0..80_usize) {
        let (store, start) = (Store::<Numbers>::default(), Instant::now());
        let writer = store.claim(0).unwrap();
        let (_, mut subscription) = store.subscribe(capacity, |_| true);
        let (mut model, mut mirror, mut now) = (Model::default(), BTreeMap::new(), 0);
        for step in steps {
            match step {
                Step::Write { key, value, urgent } => {
                    let urgency = if urgent { Urgency::Now } else { Urgency::Batched };
                    let at = start + Duration::from_millis(now);
                    writer.write(&mut store.lock(), vec![(key, value)], urgency, at);
                    model.write(key, value, urgent, now);
                }
                Step::Pass { milliseconds } => {
                    now += milliseconds;
                    store.commit_due(start + Duration::from_millis(now));
                    model.pass(now);
                }
                Step::Read => {
                    let snapshot = store.snapshot();
                    match subscription.take().map(|changes| changes.changed) {
                        Some(Changed::Everything) => mirror = contents(&snapshot),
                        Some(Changed::Keys(keys)) => for key in keys {
                            match snapshot.value(key) {
                                Some(value) => drop(mirror.insert(key, value)),
                                None => drop(mirror.remove(&key)),
                            }
                        },
                        None => {}
                    }
                    prop_assert_eq!(&mirror, &contents(&snapshot));
                }
            }
            prop_assert_eq!(&contents(&store.snapshot()), &model.published);
            prop_assert_eq!(store.stats().pending, model.pending() as u64);
            for key in (0..200).step_by(7) {
                prop_assert_eq!(store.latest(&key).map(|entry| entry.value), model.latest.get(&key).copied());
            }
        }
    }
}

fn contents(numbers: &Numbers) -> BTreeMap<u16, u32> {
    numbers.0.iter().map(|(key, entry)| (*key, entry.value)).collect()
}
