use super::*;

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
