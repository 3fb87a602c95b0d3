//! One task of the bench: its keys, its calls, what it saw.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::record::Record;
use super::texts::{Sight, Texts};
use super::workload::{Call, Workload};

thread_local! {
    // One for each thread: ten thousand of them would be more than all maps.
    static SIGHT: RefCell<Sight> = RefCell::default();
}

/// One task.
pub struct Actor {
    map: Arc<dyn Candidate>,
    texts: Arc<Texts>,
    workload: Workload,
    chance: fastrand::Rng,
    number: usize,
    writes: usize,
    pub record: Record,
}

impl Actor {
    /// The task of this number; the number is its seed.
    pub fn new(map: &Arc<dyn Candidate>, texts: &Arc<Texts>, workload: Workload, number: usize) -> Self {
        Self {
            map: Arc::clone(map),
            texts: Arc::clone(texts),
            workload,
            chance: fastrand::Rng::with_seed(number as u64),
            number,
            writes: 0,
            record: Record { latencies: Vec::with_capacity(256), ..Record::default() },
        }
    }

    /// Makes one call; returns when it had ended.
    pub fn act(&mut self) -> (Call, Duration, Instant) {
        let call = self.workload.next(&mut self.chance, self.texts.keys());
        let began = Instant::now();
        match call {
            Call::Read(index) => drop(std::hint::black_box(self.map.get(self.texts.key(index)))),
            Call::Write => self.write(),
            Call::View => self.view(),
        }
        let ended = Instant::now();
        (call, ended - began, ended)
    }

    /// Makes one call whose time nobody asks for.
    pub fn skip(&mut self) {
        self.act();
    }

    /// The first key of the pair, then the second one with the same number, then the next number.
    fn write(&mut self) {
        let (number, which) = (self.writes / 2 + 1, self.writes % 2);
        self.writes += 1;
        self.map.put(self.texts.key(2 * self.number + which), self.texts.value(number));
    }

    fn view(&mut self) {
        SIGHT.with_borrow_mut(|sight| {
            sight.begin(self.texts.keys());
            self.map.view(&mut |key, value| sight.see(key, value));
            self.record.views += 1;
            self.record.torn += u64::from(sight.is_torn());
        });
    }
}
