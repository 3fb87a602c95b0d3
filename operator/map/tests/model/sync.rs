//! What `src/sync.rs` has, on the model checker: at every lock, every wake-up
//! and every use of the cell another thread may go first.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub use shuttle::sync::{Mutex, MutexGuard};
pub use tokio::time::Instant;

/// The cell. That the real one is read and changed in one step each is what its crate promises, so a lock stands for it here.
pub struct Published<V>(Mutex<Arc<V>>);

impl<V> Published<V> {
    pub fn new(view: Arc<V>) -> Self {
        Self(Mutex::new(view))
    }

    pub fn load(&self) -> Arc<V> {
        Arc::clone(&self.0.lock().expect("a run ends with its first panic"))
    }

    pub fn store(&self, view: Arc<V>) {
        *self.0.lock().expect("a run ends with its first panic") = view;
    }
}

/// The wake-ups, with a point where others may go first before each step.
#[derive(Default)]
pub struct Notify {
    real: tokio::sync::Notify,
    point: Mutex<()>,
}

impl Notify {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn notify_one(&self) {
        self.let_others_go();
        self.real.notify_one();
    }

    pub fn notified(&self) -> impl Future<Output = ()> {
        self.let_others_go();
        let told = self.real.notified();
        async move {
            self.let_others_go();
            told.await;
        }
    }

    fn let_others_go(&self) {
        drop(self.point.lock().expect("a run ends with its first panic"));
    }
}

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    // All threads of the model run on one thread of the machine.
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Time stands still but for those who sleep.
pub fn now() -> Instant {
    *BEGAN + PASSED.get()
}

/// Others go on; then it is that late.
pub async fn sleep_until(due: Instant) {
    shuttle::future::yield_now().await;
    PASSED.set(PASSED.get().max(due - *BEGAN));
}

/// The next run begins at the beginning.
pub fn reset_clock() {
    PASSED.set(Duration::ZERO);
}
