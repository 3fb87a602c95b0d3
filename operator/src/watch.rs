//! Following a collection: one streaming list, then its changes, for ever.
//!
//! Enters: an API and a selector. Leaves: calls on a [`Sink`], one at a time,
//! in order. A broken stream is resumed with back-off; what vanished while it
//! was broken is told by [`Sink::synced`], which knows what the new list held.

use std::fmt::Debug;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

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
        tracing::debug!(%error, "watch interrupted");
    }
}

/// Follows the collection until the caller drops the future.
pub async fn follow<K>(api: Api<K>, config: watcher::Config, mut sink: impl Sink<K>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut events = watcher(api, config.streaming_lists()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => sink.relisting(),
            Ok(Event::InitApply(object)) => sink.applied(object, true),
            Ok(Event::InitDone) => sink.synced(),
            Ok(Event::Apply(object)) => sink.applied(object, false),
            Ok(Event::Delete(object)) => sink.deleted(object),
            Err(error) => sink.broken(&error),
        }
    }
}
