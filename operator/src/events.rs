//! Kubernetes Events on the hub: few, and only for what a person should know.
//!
//! Nothing is written for a success that repeats itself. Telling never holds
//! anything up: a full queue drops, and the drop is counted.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::{Mutex, mpsc};

use crate::telemetry::Metrics;
use crate::telemetry::metrics::labels::{DropLabel, HubWriteLabel};

/// Events that wait to be written.
const QUEUE: usize = 512;

/// Tells; clones share the queue.
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<(ObjectReference, Event)>,
    metrics: Arc<Metrics>,
}

/// Writes what was told.
pub struct Writer {
    queue: Mutex<mpsc::Receiver<(ObjectReference, Event)>>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

/// A teller and its writer.
pub fn events(client: Client, metrics: Arc<Metrics>) -> (Events, Writer) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let reporter = Reporter { controller: "atoll".into(), instance: None };
    let recorder = Recorder::new(client, reporter);
    let writer = Writer { queue: Mutex::new(receiver), recorder, metrics: Arc::clone(&metrics) };
    (Events { queue: sender, metrics }, writer)
}

impl Events {
    /// Something a person should act on.
    pub fn warn(&self, about: ObjectReference, reason: &str, message: &str) {
        self.tell(about, EventType::Warning, reason, message);
    }

    /// Something a person may want to know.
    pub fn note(&self, about: ObjectReference, reason: &str, message: &str) {
        self.tell(about, EventType::Normal, reason, message);
    }

    fn tell(&self, about: ObjectReference, type_: EventType, reason: &str, message: &str) {
        // The API takes 1,024 characters.
        let note: String = message.chars().take(1000).collect();
        let event = Event { type_, reason: reason.into(), note: Some(note), action: reason.into(), secondary: None };
        if self.queue.try_send((about, event)).is_err() {
            self.metrics.telling.dropped.inc(DropLabel::Event);
            tracing::warn!(reason, "an event was dropped: too many wait to be written");
        }
    }
}

impl Writer {
    /// Writes until the task is cancelled. An event that cannot be written is
    /// let go: the conditions say the same.
    pub async fn run(self: Arc<Self>) {
        let mut queue = self.queue.lock().await;
        while let Some((about, event)) = queue.recv().await {
            let written = self.recorder.publish(&event, &about).await;
            if let Err(error) = self.metrics.hub.count(HubWriteLabel::Event, written) {
                tracing::debug!(%error, reason = %event.reason, "event not written");
            }
        }
    }
}
