use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::thread;

use crate::writer::Conflict;
use crate::*;

#[test]
fn a_scope_has_one_writer_at_a_time_and_every_refusal_is_counted() {
    explore(|| {
        let store = Store::<Numbers>::default();
        let (taken, refusals) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let claimants = [1, 2, 3].map(|value| {
            let (store, taken, refusals) = (store.clone(), Arc::clone(&taken), Arc::clone(&refusals));
            thread::spawn(move || match store.claim(0) {
                Ok(writer) => {
                    assert!(!taken.swap(true, Ordering::SeqCst), "two writers of one scope");
                    put(&writer, 1, value, Urgency::Now);
                    assert_eq!(store.latest(&1).map(|entry| entry.value), Some(value), "somebody else wrote");
                    taken.store(false, Ordering::SeqCst);
                }
                Err(conflict) => {
                    assert!(matches!(conflict, Conflict::Owned(_)), "{conflict}");
                    refusals.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        for claimant in claimants {
            claimant.join().unwrap();
        }
        let stats = store.stats();
        assert_eq!((stats.conflicts_owner, stats.conflicts_stale), (refusals.load(Ordering::SeqCst), 0));
        store.claim(0).expect("free again when its writer is gone");
    });
}

#[test]
fn a_write_decided_from_an_old_version_is_refused_and_counted() {
    explore(|| {
        let (store, [writer, _]) = start();
        let (writer, refusals) = (Arc::new(writer), Arc::new(AtomicU64::new(0)));
        let adders = [(); 3].map(|()| {
            let (store, writer, refusals) = (store.clone(), Arc::clone(&writer), Arc::clone(&refusals));
            thread::spawn(move || {
                for urgency in [Urgency::Batched, Urgency::Now] {
                    loop {
                        let seen = store.latest(&1);
                        let (version, value) = (seen.map(|entry| entry.version), seen.map_or(0, |entry| entry.value));
                        match writer.replace(1, version, Some(value + 1), urgency) {
                            Ok(_) => break,
                            Err(conflict) => {
                                assert!(matches!(conflict, Conflict::Stale { .. }), "{conflict}");
                                refusals.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                }
            })
        });
        for adder in adders {
            adder.join().unwrap();
        }
        store.publish();
        assert_eq!(store.snapshot().value(1), Some(6), "an addition was lost");
        let stats = store.stats();
        assert_eq!((stats.conflicts_stale, stats.conflicts_owner), (refusals.load(Ordering::SeqCst), 0));
    });
}
