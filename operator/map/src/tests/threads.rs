use std::collections::BTreeMap;

use super::*;

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
            assert!(snapshot.newest() <= snapshot.version(), "a view shows what came after it");
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

/// A number that decides everything a test leaves to chance; told when the test
/// fails, and taken from `ATOLL_TEST_SEED` to run it again.
fn seed() -> u64 {
    let given = std::env::var("ATOLL_TEST_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |text| text.parse().expect("ATOLL_TEST_SEED is a number"));
    println!("run it again with ATOLL_TEST_SEED={seed}");
    seed
}

const KEYS: u16 = 1000;

/// What one writer does: groups of its keys, each with the number of its turn.
fn turns(scope: u16, seed: u64) -> Vec<Vec<u16>> {
    let mut chance = fastrand::Rng::with_seed(seed ^ u64::from(scope));
    let mut turns = Vec::new();
    for _ in 0..3 {
        let mut keys: Vec<u16> = (0..KEYS).map(|key| scope * KEYS + key).collect();
        chance.shuffle(&mut keys);
        while !keys.is_empty() {
            let rest = keys.len().saturating_sub(chance.usize(1..6));
            turns.push(keys.split_off(rest));
        }
    }
    turns
}

/// Follows one writer: what its keys hold after a number of its turns.
struct Replay {
    turns: Vec<Vec<u16>>,
    done: usize,
    keys: BTreeMap<u16, u32>,
}

impl Replay {
    fn new(scope: u16, seed: u64) -> Self {
        Self { turns: turns(scope, seed), done: 0, keys: BTreeMap::new() }
    }

    /// Holds what a view shows of this writer against the turn that the view was made after.
    fn check(&mut self, seen: &BTreeMap<u16, u32>) {
        let turn = seen.values().max().copied().unwrap_or(0);
        assert!(turn as usize >= self.done, "a view of turn {turn} after one of turn {}", self.done);
        while self.done < turn as usize {
            let number = u32::try_from(self.done + 1).unwrap();
            self.keys.extend(self.turns[self.done].iter().map(|key| (*key, number)));
            self.done += 1;
        }
        assert!(self.keys == *seen, "a view that was never there, about turn {turn}");
    }
}

#[test]
fn ten_writers_of_a_thousand_keys_and_ten_who_read_them_all_see_no_torn_view() {
    let seed = seed();
    let store = Store::<Numbers>::default();
    let writers: Vec<_> = (0..10).map(|scope| (scope, store.claim(scope).unwrap())).collect();
    let write = |scope: u16, writer: &Writer<Numbers>| {
        let mut chance = fastrand::Rng::with_seed(seed.rotate_left(7) ^ u64::from(scope));
        for (turn, keys) in (1..).zip(turns(scope, seed)) {
            let urgency = if chance.u8(..) < 8 { Urgency::Now } else { Urgency::Batched };
            writer.write_all(keys.into_iter().map(|key| (key, Some(turn))).collect(), urgency).unwrap();
        }
    };
    let read = || {
        let mut replays: Vec<_> = (0..10).map(|scope| Replay::new(scope, seed)).collect();
        let mut last = 0;
        while replays.iter().any(|replay| replay.done < replay.turns.len()) {
            let view = store.snapshot();
            assert!(view.version() >= last && view.newest() <= view.version());
            last = view.version();
            let mut contents = view.contents();
            for replay in replays.iter_mut().rev() {
                let scope = replay.turns[0][0] / KEYS;
                replay.check(&contents.split_off(&(scope * KEYS)));
            }
        }
    };
    std::thread::scope(|threads| {
        let readers = [(); 10].map(|()| threads.spawn(read));
        let writers: Vec<_> = writers.iter().map(|(scope, writer)| threads.spawn(|| write(*scope, writer))).collect();
        let all_wrote = writers.into_iter().all(|writer| writer.join().is_ok());
        // The last batch has nobody who writes after it.
        store.publish();
        assert!(readers.into_iter().all(|reader| reader.join().is_ok()) && all_wrote);
    });
    assert_eq!(store.stats().pending, 0);
}

/// Adds one to a hot key, and tries again when somebody was quicker; returns
/// how often somebody was.
fn add_one(store: &Store<Numbers>, writer: &Writer<Numbers>, key: u16, urgency: Urgency) -> u64 {
    let mut refusals = 0;
    loop {
        let seen = store.latest(&key);
        let (version, value) = (seen.map(|entry| entry.version), seen.map_or(0, |entry| entry.value));
        match writer.replace(key, version, Some(value + 1), urgency) {
            Ok(_) => return refusals,
            Err(Conflict::Stale { .. }) => refusals += 1,
            Err(conflict) => panic!("{conflict}"),
        }
    }
}

#[test]
fn a_hundred_at_once_on_five_hot_keys_lose_no_change_and_no_view_goes_back() {
    const ROUNDS: usize = 40;
    let seed = seed();
    let store = Store::<Numbers>::default();
    let writer = store.claim(0).unwrap();
    let case = |number: u64| {
        let mut chance = fastrand::Rng::with_seed(seed ^ number);
        let (mut added, mut refusals, mut last) = ([0_u32; 5], 0, (0, [0; 5]));
        for _ in 0..ROUNDS {
            let key = chance.u16(..5);
            let urgency = if chance.bool() { Urgency::Now } else { Urgency::Batched };
            if chance.bool() {
                refusals += add_one(&store, &writer, key, urgency);
            } else {
                writer.update(key, urgency, |value| Some(value.unwrap_or(0) + 1)).unwrap();
            }
            added[usize::from(key)] += 1;
            let view = store.snapshot();
            let found = (view.version(), [0, 1, 2, 3, 4].map(|key| view.value(key).unwrap_or(0)));
            let grew = found.1.iter().zip(&last.1).all(|(now, before)| now >= before);
            assert!(found.0 >= last.0 && grew, "{found:?} after {last:?}");
            assert_eq!(found.1.iter().map(|value| u64::from(*value)).sum::<u64>(), found.0, "one change, one version");
            last = found;
        }
        (added, refusals)
    };
    let cases: Vec<_> = std::thread::scope(|threads| {
        let cases: Vec<_> = (0..100).map(|number| threads.spawn(move || case(number))).collect();
        cases.into_iter().map(|case| case.join().expect("the case says what was wrong")).collect()
    });
    store.publish();
    for key in 0..5 {
        let added: u32 = cases.iter().map(|(added, _)| added[usize::from(key)]).sum();
        assert_eq!(store.snapshot().value(key), Some(added), "key {key}");
    }
    let stats = store.stats();
    let refusals = cases.iter().map(|(_, refusals)| refusals).sum::<u64>();
    assert_eq!((stats.conflicts_stale, stats.conflicts_owner), (refusals, 0));
}
