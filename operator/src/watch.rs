//! Following a collection: one streaming list, then its changes, for ever.
//!
//! Enters: an API and a selector. Leaves: calls on a [`Sink`], one at a time,
//! in order. A broken stream is resumed with back-off; what vanished while it
//! was broken is told by [`Sink::synced`], which knows what the new list held.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::telemetry::metrics::counters::Counters;
use crate::telemetry::metrics::labels::WatchLabel;

/// A broken watch is resumed after this, doubling up to [`SLOWEST_RESUME`]: what
/// comes back is seen within seconds, however long it was away.
const FIRST_RESUME: Duration = Duration::from_millis(250);
const SLOWEST_RESUME: Duration = Duration::from_secs(4);
/// A watch that held for so long begins anew with the first delay.
const HELD: Duration = Duration::from_secs(30);

/// What a watch tells its owner.
pub trait Sink<K>: Send {
    /// A new list begins.
    fn relisting(&mut self) {}
    /// The object is there, in this state. `listed` while a list runs.
    fn applied(&mut self, object: K, listed: bool);
    /// The object is gone.
    fn deleted(&mut self, object: K);
    /// The list is complete: what was known before it and was not in it is
    /// no longer selected there.
    fn synced(&mut self);
    /// The watch is broken and will be resumed.
    fn broken(&mut self, error: &watcher::Error) {
        tell_broken(error);
    }
}

/// The log's line of a broken watch.
pub fn tell_broken(error: &watcher::Error) {
    if is_refused(error) {
        // Nothing mends that by itself, and without this list nothing goes on.
        tracing::warn!(%error, "watch refused");
    } else {
        tracing::debug!(%error, "watch interrupted");
    }
}

/// Where interruptions are counted.
pub type Broken = (Counters<WatchLabel>, WatchLabel);

/// Follows the collection until the caller drops the future.
pub async fn follow<K>(api: Api<K>, config: watcher::Config, mut sink: impl Sink<K>, broken: Broken)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut events = watcher(api, config.streaming_lists()).backoff(Resume::default()).boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => sink.relisting(),
            Ok(Event::InitApply(object)) => sink.applied(object, true),
            Ok(Event::InitDone) => sink.synced(),
            Ok(Event::Apply(object)) => sink.applied(object, false),
            Ok(Event::Delete(object)) => sink.deleted(object),
            Err(error) => {
                broken.0.inc(broken.1);
                sink.broken(&error);
            }
        }
    }
}

/// Whether the server says that we may not, or that there is no such thing.
fn is_refused(error: &watcher::Error) -> bool {
    matches!(code(error), Some(401 | 403 | 404))
}

/// Whether the server says that our role does not allow it.
pub fn is_forbidden(error: &watcher::Error) -> bool {
    code(error) == Some(403)
}

fn code(error: &watcher::Error) -> Option<u16> {
    use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}

/// The delays of one watch. What the stream takes for success, the beginning of
/// a list, is none yet, so only time resets them.
#[derive(Default)]
struct Resume {
    last: Option<(Instant, Duration)>,
}

impl Iterator for Resume {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let delay = match self.last {
            Some((at, delay)) if now.duration_since(at) < HELD => SLOWEST_RESUME.min(delay * 2),
            Some(_) | None => FIRST_RESUME,
        };
        self.last = Some((now, delay));
        Some(delay)
    }
}

impl Backoff for Resume {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delays_double_to_a_few_seconds_and_begin_anew_after_a_watch_that_held() {
        let mut resume = Resume::default();
        let delays: Vec<u128> = resume.by_ref().take(7).map(|delay| delay.as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 4000, 4000]);
        resume.reset();
        assert_eq!(resume.next(), Some(SLOWEST_RESUME), "a list that begins is no success");
        tokio::time::advance(HELD).await;
        assert_eq!(resume.next(), Some(FIRST_RESUME));
    }
}
