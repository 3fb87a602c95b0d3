//! Faults for tests: panics where a test wants them. Not in any other build.
//!
//! Tests run their tasks on their own thread, so what one test arms no other
//! one feels.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;

use super::TaskKind;

#[derive(Default)]
struct Armed {
    kinds: HashMap<TaskKind, u32>,
    points: HashMap<(&'static str, String), u32>,
    starts: HashMap<TaskKind, u32>,
    listening: bool,
}

thread_local! {
    static ARMED: RefCell<Armed> = RefCell::default();
}

/// Tasks that begin from now on can be armed by kind.
pub fn listen() {
    ARMED.with_borrow_mut(|armed| armed.listening = true);
}

/// The next task of this kind that is polled panics.
pub fn arm(kind: TaskKind) {
    ARMED.with_borrow_mut(|armed| *armed.kinds.entry(kind).or_default() += 1);
}

/// The next `times` passes of this point with this subject panic.
pub fn arm_point(point: &'static str, subject: &str, times: u32) {
    ARMED.with_borrow_mut(|armed| armed.points.insert((point, subject.to_owned()), times));
}

/// How often a task of this kind was started.
pub fn starts(kind: TaskKind) -> u32 {
    ARMED.with_borrow(|armed| armed.starts.get(&kind).copied().unwrap_or_default())
}

fn take<K: std::hash::Hash + Eq>(left: &mut HashMap<K, u32>, of: &K) -> bool {
    match left.get_mut(of) {
        Some(left @ 1..) => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

/// A point that a test may have armed.
pub fn point(name: &'static str, subject: &dyn std::fmt::Display) {
    let armed = ARMED.with_borrow_mut(|armed| take(&mut armed.points, &(name, subject.to_string())));
    assert!(!armed, "injected at {name} of {subject}");
}

/// The future, and a panic in its own poll when its kind is armed.
pub async fn faulty<F: Future>(kind: TaskKind, future: F) -> F::Output {
    ARMED.with_borrow_mut(|armed| *armed.starts.entry(kind).or_default() += 1);
    if !ARMED.with_borrow(|armed| armed.listening) {
        return future.await;
    }
    let fault = async {
        loop {
            let armed = ARMED.with_borrow_mut(|armed| take(&mut armed.kinds, &kind));
            assert!(!armed, "injected into {kind}");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = fault => unreachable!("it never ends"),
        output = future => output,
    }
}
