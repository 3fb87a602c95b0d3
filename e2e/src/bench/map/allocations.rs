//! How often a call allocates, counted apart from every measurement of time.

use std::alloc::System;
use std::sync::Arc;

use alloc_tracker::{Allocator, Session};

use super::actor::Actor;
use super::candidate::Candidate;
use super::texts::Texts;
use super::workload::Workload;

/// Counts for each thread by itself, so that it slows no candidate more than another.
#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

/// Allocations for each call of this load, on this thread, with what the calls make the map do at once (a batch that
/// is full). None: nothing was called.
pub fn count(map: &Arc<dyn Candidate>, texts: &Arc<Texts>, workload: Workload, calls: u32) -> Option<f64> {
    // Of many tasks, as under load: the two keys of one would never fill a batch.
    let mut actors: Vec<_> = (0..texts.keys() / 2).map(|number| Actor::new(map, texts, workload, number)).collect();
    let mut turn = 0;
    let mut call = |calls: u32| {
        for _ in 0..calls {
            actors[turn].skip();
            turn = (turn + 1) % actors.len();
        }
    };
    // What a thread sets up for itself once is no part of a call.
    call(100);
    let session = Session::new().no_stdout().no_file();
    let counted = session.operation("calls");
    {
        let _span = counted.measure_thread().iterations(u64::from(calls));
        call(calls);
    }
    session.to_report().operations().find_map(|(_, counted)| counted.allocations())
}
