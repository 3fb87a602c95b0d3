use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::store::DUE_AFTER;

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
                        Some(Changed::Everything) => mirror = snapshot.contents(),
                        Some(Changed::Keys(keys)) => for key in keys {
                            match snapshot.value(key) {
                                Some(value) => drop(mirror.insert(key, value)),
                                None => drop(mirror.remove(&key)),
                            }
                        },
                        None => {}
                    }
                    prop_assert_eq!(&mirror, &snapshot.contents());
                }
            }
            prop_assert_eq!(&store.snapshot().contents(), &model.published);
            prop_assert_eq!(store.stats().pending, model.pending() as u64);
            for key in (0..200).step_by(7) {
                prop_assert_eq!(store.latest(&key).map(|entry| entry.value), model.latest.get(&key).copied());
            }
        }
    }
}
