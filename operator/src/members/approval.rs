//! A person's word that deletes which wait are meant (promise I7): taken once,
//! then withdrawn from the Cluster. The same deletes may wait again one day,
//! and an old word says nothing about those.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atoll_crds::names::annotation::APPROVE_DELETES;
use kube::ResourceExt;
use tokio::sync::Notify;

use super::member::Member;
use crate::app::App;
use crate::hub::cluster_write;

/// Whether a word stands that nothing asked for is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What became of the word on one Cluster.
#[derive(Default)]
pub struct Approval {
    taken: Mutex<Option<String>>,
    due: Notify,
}

impl Approval {
    /// The token on the Cluster, unless it was taken already.
    pub fn offered(&self, app: &App, member: &Member) -> Option<String> {
        let offered = token(app, member);
        let taken = self.lock();
        offered.filter(|token| taken.as_ref() != Some(token))
    }

    /// The token was acted on: it is worth nothing any more.
    pub fn take(&self, token: String) {
        *self.lock() = Some(token);
        self.due.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn token(app: &App, member: &Member) -> Option<String> {
    app.clusters.get(&member.name)?.annotations().get(APPROVE_DELETES).cloned()
}

/// Withdraws what was taken, and what stands there without anything waiting
/// for it, for ever.
pub async fn run(app: Arc<App>, member: Arc<Member>) {
    loop {
        tokio::select! {
            () = member.approval.due.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let Some(token) = token(&app, &member) else {
            *member.approval.lock() = None;
            continue;
        };
        let is_taken = member.approval.lock().as_ref() == Some(&token);
        // A mark that was not read yet may still ask for it.
        let is_idle = member.hub_mark.is_read() && member.deletes_paused().is_none();
        if app.leads() && (is_taken || is_idle) {
            withdraw(&app, &member, &token).await;
        }
    }
}

async fn withdraw(app: &App, member: &Member, token: &str) {
    let Some(cluster) = app.clusters.get(&member.name) else { return };
    let withdrawn = cluster_write::marks(app, &cluster, |cluster| {
        if cluster.annotations().get(APPROVE_DELETES).is_some_and(|held| held == token) {
            cluster.annotations_mut().remove(APPROVE_DELETES);
        }
    });
    if let Err(error) = withdrawn.await {
        tracing::warn!(cluster = %member.name, %error, "an approval of deletes that is used up was not withdrawn");
    }
}
