use std::collections::BTreeMap;

use shuttle::future::block_on;
use shuttle::thread;

use crate::subscription::{Changed, Subscription};
use crate::*;

/// What a subscriber knows who looks at nothing but what it was told to look at.
struct Mirror {
    store: Store<Numbers>,
    subscription: Subscription<u16>,
    known: BTreeMap<u16, u32>,
}

impl Mirror {
    fn subscribe(store: &Store<Numbers>, capacity: usize) -> Self {
        let (view, subscription) = store.subscribe(capacity, |_| true);
        Self { store: store.clone(), subscription, known: view.contents() }
    }

    /// Follows the store until `key` has this value. A change that nobody
    /// tells leaves it waiting, which the checker finds.
    fn follow_until(mut self, key: u16, value: u32) -> BTreeMap<u16, u32> {
        while self.known.get(&key) != Some(&value) {
            let changes = block_on(self.subscription.next());
            let view = self.store.snapshot();
            assert!(view.version() >= changes.version, "told of {} before it can be seen", changes.version);
            match changes.changed {
                Changed::Everything => self.known = view.contents(),
                Changed::Keys(keys) => {
                    for key in keys {
                        match view.value(key) {
                            Some(value) => drop(self.known.insert(key, value)),
                            None => drop(self.known.remove(&key)),
                        }
                    }
                }
            }
        }
        self.known
    }
}

/// Changes, and changes back; the last one is that of key 9.
fn write(writer: &Writer<Numbers>) {
    put(writer, 1, 1, Urgency::Now);
    put(writer, 2, 1, Urgency::Batched);
    put(writer, 3, 1, Urgency::Now);
    writer.remove(2, Urgency::Batched).expect("its own key");
    put(writer, 1, 2, Urgency::Now);
    put(writer, 9, 1, Urgency::Now);
}

#[test]
fn a_subscriber_ends_up_with_what_is_there_however_slow_it_is() {
    explore(|| {
        let (store, [writer, _]) = start();
        let mirrors = [8, 1].map(|capacity| {
            let mirror = Mirror::subscribe(&store, capacity);
            thread::spawn(move || mirror.follow_until(9, 1))
        });
        write(&writer);
        let end = store.snapshot().contents();
        for mirror in mirrors {
            assert_eq!(mirror.join().unwrap(), end);
        }
    });
}

#[test]
fn nothing_falls_between_a_view_and_the_first_change_told_after_it() {
    explore(|| {
        let (store, [writer, _]) = start();
        let late = store.clone();
        let mirror = thread::spawn(move || Mirror::subscribe(&late, 8).follow_until(9, 1));
        write(&writer);
        assert_eq!(mirror.join().unwrap(), store.snapshot().contents());
    });
}

#[test]
fn a_subscriber_that_leaves_during_a_commit_harms_no_other() {
    explore(|| {
        let (store, [writer, _]) = start();
        let mut leaving = Mirror::subscribe(&store, 8);
        let staying = Mirror::subscribe(&store, 8);
        let leaves = thread::spawn(move || drop(leaving.subscription.take()));
        let stays = thread::spawn(move || staying.follow_until(9, 1));
        write(&writer);
        leaves.join().unwrap();
        assert_eq!(stays.join().unwrap(), store.snapshot().contents());
        assert_eq!(store.stats().subscribers, 0, "both are gone now");
    });
}

#[test]
fn waiting_again_after_giving_up_a_wait_loses_nothing() {
    explore(|| {
        let (store, [writer, _]) = start();
        let mut mirror = Mirror::subscribe(&store, 8);
        let follower = thread::spawn(move || {
            // A wait that is given up after one look, as a `select!` does.
            let given_up = block_on(async {
                tokio::select! {
                    biased;
                    changes = mirror.subscription.next() => Some(changes),
                    () = shuttle::future::yield_now() => None,
                }
            });
            if given_up.is_some() {
                mirror.known = mirror.store.snapshot().contents();
            }
            mirror.follow_until(9, 1)
        });
        write(&writer);
        assert_eq!(follower.join().unwrap(), store.snapshot().contents());
    });
}
