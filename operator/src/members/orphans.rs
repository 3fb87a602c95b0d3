//! Copies that carry our marks and have no binding: reported, never deleted
//! (promise I2).

use std::sync::Arc;
use std::time::Duration;

use atoll_decide::ids::ObjectKey;

use super::copies::Copy;
use super::member::Member;
use crate::app::App;

/// How often a member's copies are compared with the bindings.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// So many are named in the report.
const NAMED: usize = 5;

/// Reports until the task is cancelled.
pub async fn run(app: Arc<App>, member: Arc<Member>) {
    app.synced.wait().await;
    let (mut before, mut told) = (Vec::new(), Vec::new());
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = find(&app, &member);
        member.put_orphans(found.len());
        // Twice in a row: a binding that is just going takes its copies along.
        if found == before && found != told && app.leads() {
            if !found.is_empty() {
                tell(&app, &member, &found);
            }
            told.clone_from(&found);
        }
        before = found;
    }
}

fn tell(app: &App, member: &Member, found: &[String]) {
    let named = found.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} objects bear a federation's marks and no binding of this hub stands behind them: {named}{}; they are left \
         alone, remove them by hand or take the label karmada.io/managed off",
        found.len(),
        if found.len() > NAMED { ", ..." } else { "" },
    );
    tracing::warn!(cluster = %member.name, count = found.len(), %named, "orphans");
    app.tell_cluster(&member.name, "OrphansFound", &message, true);
}

/// Another hub's are among them: where this hub is the one that the member
/// obeys, nobody takes those away either.
fn find(app: &App, member: &Member) -> Vec<String> {
    if member.hub_mark.pause(member).is_some() {
        return Vec::new();
    }
    let is_orphan = |key: &ObjectKey, copy: &Copy| match app.bindings.get(key) {
        None => app.templates.get(key).is_none(),
        Some(binding) => {
            let is_ours = copy.is_of(&binding.reference.to_string(), &app.hub_uid);
            !is_ours && binding.named_clusters().all(|name| name != member.name)
        }
    };
    let orphans =
        member.copies.keys_where(|key, copy| !copy.binding.is_empty() && !copy.deleting && is_orphan(key, copy));
    let mut names: Vec<String> = orphans.iter().map(ToString::to_string).collect();
    names.sort();
    names
}
