//! The answer in a sentence or two.

use super::Explanation;
use crate::binding;
use crate::placement::Target;
use crate::schedule::explanation::{Attempt, Examined};

/// So many clusters are spoken of one by one.
const NAMED: usize = 5;

/// Says where the object runs and what stands in the way, the most important
/// first.
pub fn summarize(seen: &Explanation) -> String {
    let name = format!("{} {}", seen.object.kind, seen.object.name);
    let mut said = vec![placed(&name, seen)];
    said.extend(refused(seen));
    said.extend(failing(seen));
    if let Some(binding) = &seen.binding {
        said.extend(binding.pending.first().map(|pending| sentence(pending)));
    }
    said.extend(seen.pauses.first().map(|pause| match &pause.cluster {
        Some(cluster) => format!("On {cluster}: {}.", pause.why.trim_end_matches('.')),
        None => sentence(&pause.why),
    }));
    said.join(" ")
}

fn placed(name: &str, seen: &Explanation) -> String {
    let written = seen.binding.as_ref().and_then(|binding| binding.written.as_deref());
    match (written, &seen.claim.policy) {
        (Some([]), Some(_)) => format!("{name} runs nowhere: {}.", last_words(seen)),
        (Some(targets), Some(policy)) => format!("{name} goes to {} by {policy}.", list(targets)),
        (Some(targets), None) if !targets.is_empty() => {
            format!("{name} belongs to no policy any more; its copies stay on {}.", list(targets))
        }
        (_, None) => {
            let near = seen.claim.nearest.first();
            let near = near.map(|near| format!(" The nearest is {}: {}.", near.policy, near.why));
            format!("{name} is not propagated: {}.{}", seen.claim.decision, near.unwrap_or_default())
        }
        (None, Some(policy)) => match &seen.held_up {
            Some(why) => format!("{name} waits: {policy} cannot act: {why}."),
            None => format!("{name} belongs to {policy} and has no binding yet: {}.", last_words(seen)),
        },
    }
}

fn last_words(seen: &Explanation) -> String {
    let outcome = seen.placement.as_ref().map(|placement| placement.outcome.clone());
    outcome.unwrap_or_else(|| seen.claim.decision.clone())
}

fn refused(seen: &Explanation) -> Option<String> {
    let attempt = last_attempt(seen.placement.as_ref()?)?;
    let refused: Vec<&Examined> = attempt.clusters.iter().filter(|one| !one.fits && !one.refusals.is_empty()).collect();
    // What the user's own affinity leaves out is no news, unless nothing is left.
    let is_news = |one: &&Examined| one.refusals.first().is_some_and(|refusal| refusal.filter != "affinity");
    let told: Vec<String> = refused
        .iter()
        .copied()
        .filter(is_news)
        .map(|one| format!("{} was refused: it {}", one.cluster, one.refusals[0].message))
        .take(NAMED)
        .collect();
    (!told.is_empty()).then(|| format!("{}.", told.join("; ")))
}

/// The attempt whose answer counts.
fn last_attempt(placement: &binding::Explanation) -> Option<&Attempt> {
    placement.schedules.last()?.course.attempts.last()
}

fn failing(seen: &Explanation) -> Option<String> {
    let failing = seen.applies.iter().filter_map(|one| {
        let why = one.error.as_ref()?;
        one.wanted.then(|| format!("{} does not have it: {}", one.cluster, why.trim_end_matches('.')))
    });
    let told: Vec<String> = failing.take(NAMED).collect();
    (!told.is_empty()).then(|| format!("{}.", told.join("; ")))
}

fn list(targets: &[Target]) -> String {
    let one = |target: &Target| match target.replicas {
        Some(replicas) => format!("{} ({replicas})", target.cluster),
        None => target.cluster.to_string(),
    };
    let named: Vec<String> = targets.iter().take(NAMED).map(one).collect();
    match targets.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
