use std::collections::BTreeSet;

use super::*;

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
