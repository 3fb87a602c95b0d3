use super::*;

#[tokio::test(start_paused = true)]
async fn the_sixty_fourth_pending_change_publishes_all_at_once() {
    let (store, writer, _tasks, _cancel) = start();
    for key in 0..63 {
        put(&writer, key, 1);
    }
    assert_eq!((store.snapshot().version(), store.stats().pending), (0, 63));
    let (_, mut subscription) = store.subscribe(64, |_| true);
    let began = Instant::now();
    put(&writer, 63, 1);
    subscription.next().await;
    assert!(began.elapsed() <= Duration::from_millis(10), "{:?}", began.elapsed());
    let snapshot = store.snapshot();
    assert_eq!((snapshot.version(), snapshot.contents().len()), (64, 64));
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
