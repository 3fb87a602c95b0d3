//! Copies that carry our marks and have no binding: reported, never deleted
//! (promise I2).

use std::sync::Arc;
use std::time::Duration;

use super::member::Member;
use crate::app::App;

/// How often a member's copies are compared with the bindings.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// So many are named in the report.
const NAMED: usize = 5;

/// Reports until the task is cancelled.
pub async fn run(app: Arc<App>, member: Arc<Member>) {
    app.synced.wait().await;
    let mut reported = Vec::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = find(&app, &member);
        // Twice in a row: a binding that is just going takes its copies along.
        if found != reported && !found.is_empty() && app.leads() {
            let named = found.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let message = format!(
                "{} objects carry this hub's marks and have no binding: {named}{}; they are left alone, remove them by \
                 hand or take the label karmada.io/managed off",
                found.len(),
                if found.len() > NAMED { ", ..." } else { "" },
            );
            tracing::warn!(cluster = %member.name, count = found.len(), %named, "orphans");
            app.tell_cluster(&member.name, "OrphansFound", &message, true);
        }
        reported = found;
    }
}

fn find(app: &App, member: &Member) -> Vec<String> {
    let copies = member.copies.all().into_iter();
    let orphans = copies.filter(|(key, copy)| {
        !copy.binding.is_empty()
            && *copy.hub == *app.hub_uid
            && !copy.deleting
            && app.bindings.get(key).is_none()
            && app.templates.get(key).is_none()
    });
    let mut names: Vec<String> = orphans.map(|(key, _)| key.to_string()).collect();
    names.sort();
    names
}
