use shuttle::thread;
use tokio_util::sync::CancellationToken;

use crate::store::BATCH;
use crate::*;

/// Takes views and holds each against all that is promised of views: numbers
/// that add up, what came first is there first, nothing of later than its
/// version, no view older than the one before.
fn read(store: &Store<Numbers>, views: usize) {
    let mut last = 0;
    for _ in 0..views {
        let view = store.snapshot();
        let version = view.version();
        let pair = (view.value(1), view.value(2));
        assert!(matches!(pair, (None, None)) || sum(pair) == 100, "torn at version {version}: {pair:?}");
        let [first, second] = [1001, 1002].map(|key| view.value(key).unwrap_or(0));
        assert!(second <= first, "version {version} has a later change without an earlier one: {first}, {second}");
        assert!(view.newest() <= version, "version {version} shows a change of version {}", view.newest());
        assert!(version >= last, "version {version} after version {last}");
        last = version;
    }
}

fn sum((one, two): (Option<u32>, Option<u32>)) -> u32 {
    one.unwrap_or(0) + two.unwrap_or(0)
}

#[test]
fn views_are_whole_in_order_and_never_go_back() {
    explore(|| {
        let (store, [pairs, steps]) = start();
        let readers = [(); 2].map(|()| {
            let store = store.clone();
            thread::spawn(move || read(&store, 4))
        });
        let writer = thread::spawn(move || {
            for round in 1..=3 {
                let urgency = if round == 2 { Urgency::Now } else { Urgency::Batched };
                pairs.write_all(vec![(1, Some(round)), (2, Some(100 - round))], urgency).expect("its own keys");
            }
        });
        for round in 1..=2 {
            put(&steps, 1001, round, Urgency::Batched);
            put(&steps, 1002, round, if round == 1 { Urgency::Now } else { Urgency::Batched });
        }
        writer.join().unwrap();
        store.publish();
        for reader in readers {
            reader.join().unwrap();
        }
        let view = store.snapshot();
        assert_eq!((view.value(1), view.value(2), view.value(1002)), (Some(3), Some(97), Some(2)));
        assert_eq!(view.version(), 7, "each group and each change has a version");
    });
}

#[test]
fn a_batch_is_published_once_whatever_asks_for_it() {
    explore(|| {
        let (store, [many, few]) = start();
        let keys = u16::try_from(BATCH - 1).unwrap();
        many.write_all((1..=keys).map(|key| (key, Some(100))).collect(), Urgency::Batched).expect("its own keys");
        let (filling, aging) = (store.clone(), store.clone());
        let fills = thread::spawn(move || {
            put(&many, 200, 1, Urgency::Batched);
            assert_eq!(filling.latest(&200).map(|entry| entry.value), Some(1), "a writer sees its own change");
        });
        let ages = thread::spawn(move || aging.commit_due(sync::now() + store::MAX_AGE));
        put(&few, 1000, 1, Urgency::Now);
        let view = store.snapshot();
        assert!((1..=keys).all(|key| view.value(key) == Some(100)), "an urgent change came without what was before it");
        fills.join().unwrap();
        ages.join().unwrap();
        store.publish();
        let stats = store.stats();
        let commits = [stats.commits_by_count, stats.commits_by_age, stats.commits_urgent];
        assert!(commits.iter().sum::<u64>() <= 3, "more commits than batches: {commits:?}");
        assert_eq!((stats.pending, store.snapshot().contents().len()), (0, BATCH + 1));
    });
}

#[test]
fn the_task_publishes_every_batch_that_begins_and_at_the_end_what_is_left() {
    explore(|| {
        let (store, [one, two]) = start();
        let cancel = CancellationToken::new();
        let (running, cancelled) = (store.clone(), cancel.clone());
        let task = thread::spawn(move || shuttle::future::block_on(running.run(cancelled)));
        let (_, mut subscription) = store.subscribe(8, |key| *key == 2);
        let writer = thread::spawn(move || {
            for value in 1..=3 {
                put(&one, 1, value, Urgency::Batched);
            }
            put(&one, 2, 1, Urgency::Batched);
        });
        // Nobody else publishes: a batch that the task overlooks leaves this waiting for ever.
        shuttle::future::block_on(subscription.next());
        assert_eq!((store.snapshot().value(1), store.snapshot().value(2)), (Some(3), Some(1)));
        put(&two, 1000, 5, Urgency::Batched);
        cancel.cancel();
        task.join().unwrap();
        writer.join().unwrap();
        assert_eq!((store.snapshot().value(1000), store.stats().pending), (Some(5), 0), "left behind at the end");
    });
}
