//! An explanation for a person: the answer first, then what it stands on.

use atoll_decide::explain::{Apply, Explanation, Overridden};
use atoll_decide::placement::Target;
use atoll_decide::schedule::explanation::{Attempt, Examined, Region, Round};
use atoll_decide::{binding, matching};

use crate::output::{or_dash, table};

/// The whole text.
pub fn explanation(seen: &Explanation) -> String {
    let mut sections = vec![seen.summary.clone(), claim(&seen.claim, seen.held_up.as_deref())];
    sections.extend(seen.placement.as_ref().map(placement));
    sections.extend(seen.binding.as_ref().map(|binding| {
        let would_be = binding.would_be.as_deref().filter(|_| !binding.settled).map(targets);
        let mut lines = vec![heading("BINDING")];
        let written = binding.written.as_deref().map_or_else(|| "not written".to_owned(), targets);
        lines.push(format!("{}: {written}{}", binding.name, if binding.deleting { " (going)" } else { "" }));
        lines.extend(would_be.map(|would_be| format!("by a decision now: {would_be}")));
        lines.extend(binding.pending.iter().map(|pending| format!("pending: {pending}")));
        lines.join("\n")
    }));
    sections.extend(overrides(&seen.overrides));
    sections.extend(applies(&seen.applies));
    sections.extend(listed(
        "PAUSED",
        seen.pauses.iter().map(|pause| match &pause.cluster {
            Some(cluster) => format!("{cluster}: {}", pause.why),
            None => pause.why.clone(),
        }),
    ));
    sections.extend(history(seen));
    sections.join("\n\n")
}

fn heading(text: &str) -> String {
    format!("{text}\n{}", "-".repeat(text.len()))
}

fn listed(title: &str, lines: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("{}\n{}", heading(title), lines.join("\n")))
}

fn targets(targets: &[Target]) -> String {
    let one = |target: &Target| match target.replicas {
        Some(replicas) => format!("{}:{replicas}", target.cluster),
        None => target.cluster.to_string(),
    };
    let all: Vec<String> = targets.iter().map(one).collect();
    if all.is_empty() { "nowhere".to_owned() } else { all.join(", ") }
}

fn claim(claim: &matching::Explanation, held_up: Option<&str>) -> String {
    let mut parts = vec![heading("CLAIM"), claim.decision.clone()];
    parts.extend(held_up.map(|why| format!("it cannot act: {why}")));
    if !claim.contenders.is_empty() {
        let rows = claim.contenders.iter().map(|one| {
            let lazy = if one.lazy { " (lazy)" } else { "" };
            let won = if one.wins { "yes" } else { "no" };
            vec![
                one.policy.clone(),
                one.priority.to_string(),
                one.selects_by.clone(),
                won.into(),
                one.why.clone() + lazy,
            ]
        });
        parts.push(table(&["POLICY", "PRIORITY", "SELECTS BY", "HAS IT", "WHY"], rows));
    }
    if !claim.nearest.is_empty() {
        let rows = claim.nearest.iter().map(|near| vec![near.policy.clone(), near.why.clone()]);
        parts.push(table(&["NEAREST POLICY", "WHY NOT"], rows));
    }
    parts.join("\n")
}

fn placement(placement: &binding::Explanation) -> String {
    let mut parts = vec![heading("PLACEMENT"), placement.outcome.clone()];
    for schedule in &placement.schedules {
        let answer = match (&schedule.answer, &schedule.failure) {
            (Some(answer), _) => targets(answer),
            (None, failure) => or_dash(failure.clone()),
        };
        parts.push(format!("schedule ({}): {answer}", schedule.why));
        parts.extend(schedule.course.attempts.iter().map(attempt));
    }
    let moves =
        placement.moves.iter().map(|one| format!("move off {} ({}, {}): {}", one.from, one.reason, one.purge, one.now));
    parts.extend(moves);
    parts.extend(placement.evictions.iter().map(|one| {
        let when = match (one.due, one.in_seconds) {
            (true, _) => "it must leave now".to_owned(),
            (false, Some(seconds)) => format!("it must leave in {seconds} s"),
            (false, None) => "it stays".to_owned(),
        };
        format!("{}: {when}: {}", one.cluster, one.why)
    }));
    parts.extend(placement.notes.iter().cloned());
    parts.join("\n")
}

fn attempt(attempt: &Attempt) -> String {
    let mut parts = Vec::new();
    parts.extend(attempt.group.as_ref().map(|group| format!("affinity group {group}")));
    if !attempt.clusters.is_empty() {
        let header = ["CLUSTER", "FITS", "CHOSEN", "SCORE", "ROOM", "HAS", "WHY"];
        parts.push(table(&header, attempt.clusters.iter().map(examined)));
    }
    if !attempt.choice.is_empty() {
        parts.push(format!("choice: {}", attempt.choice));
    }
    if !attempt.regions.is_empty() {
        let region = |one: &Region| vec![one.name.clone(), one.score.to_string(), yes(one.in_use), yes(one.chosen)];
        parts.push(table(&["REGION", "SCORE", "IN USE", "CHOSEN"], attempt.regions.iter().map(region)));
    }
    parts.push(format!("division: {}", attempt.division));
    parts.extend(attempt.rounds.iter().map(round));
    parts.join("\n")
}

fn examined(one: &Examined) -> Vec<String> {
    let refusals: Vec<String> = one
        .refusals
        .iter()
        .map(|refusal| format!("{}{}", refusal.message, if refusal.stays { " (it is a target and stays)" } else { "" }))
        .collect();
    let why = if refusals.is_empty() { Some(one.growth.clone()) } else { Some(refusals.join("; ")) };
    let number = |number: Option<i64>| or_dash(number.map(|number| number.to_string()));
    let room = match (one.free, one.measured) {
        (Some(_), false) => "not reported".to_owned(),
        (free, _) => number(free),
    };
    vec![one.cluster.clone(), yes(one.fits), yes(one.chosen), number(one.score), room, number(one.held), or_dash(why)]
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn round(round: &Round) -> String {
    let rows = round.shares.iter().map(|share| {
        let numbers = [share.weight.to_string(), format!("{:.2}", share.exact), share.gets.to_string()];
        [
            vec![share.cluster.clone()],
            numbers.to_vec(),
            vec![share.keeps.to_string(), (share.gets + share.keeps).to_string()],
        ]
        .concat()
    });
    let shares = table(&["CLUSTER", "WEIGHT", "EXACT", "GETS", "KEEPS", "IN ALL"], rows);
    format!("{} replicas {} (equals: {})\n{shares}", round.replicas, round.basis, round.ties)
}

fn overrides(overrides: &[Overridden]) -> Option<String> {
    if overrides.is_empty() {
        return None;
    }
    let mut rows = Vec::new();
    for one in overrides {
        for change in &one.changes {
            let more = if change.more > 0 { format!(" and {} more", change.more) } else { String::new() };
            let paths = if change.paths.is_empty() { "nothing".to_owned() } else { change.paths.join(", ") + &more };
            rows.push(vec![one.cluster.clone(), change.policy.clone(), change.rule.to_string(), paths]);
        }
        rows.extend(one.error.iter().map(|error| vec![one.cluster.clone(), "-".into(), "-".into(), error.clone()]));
    }
    Some(format!("{}\n{}", heading("OVERRIDES"), table(&["CLUSTER", "POLICY", "RULE", "CHANGES"], rows)))
}

fn applies(applies: &[Apply]) -> Option<String> {
    if applies.is_empty() {
        return None;
    }
    let row = |one: &Apply| {
        let why = match (&one.error, &one.waits_for) {
            (Some(error), Some(waits)) => Some(format!("{error} ({waits})")),
            (error, waits) => error.clone().or_else(|| waits.clone()),
        };
        let hashes = [or_dash(one.desired.clone()), or_dash(one.applied.clone())];
        let health = or_dash(one.health.clone());
        [
            vec![one.cluster.clone(), one.state.clone(), health],
            hashes.to_vec(),
            vec![or_dash(one.at.clone()), or_dash(why)],
        ]
        .concat()
    };
    let header = ["CLUSTER", "STATE", "HEALTH", "WANTED HASH", "HASH THERE", "LAST WRITE", "WHY"];
    Some(format!("{}\n{}", heading("ON THE CLUSTERS"), table(&header, applies.iter().map(row))))
}

fn history(seen: &Explanation) -> Option<String> {
    if seen.history.is_empty() {
        return None;
    }
    let rows = seen
        .history
        .iter()
        .map(|past| vec![past.at.clone(), or_dash(past.cluster.clone()), past.what.clone(), or_dash(past.why.clone())]);
    Some(format!("{}\n{}", heading("HISTORY"), table(&["TIME", "CLUSTER", "WHAT", "WHY"], rows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_comes_first_and_what_is_not_there_takes_no_room() {
        let seen = Explanation {
            summary: "Deployment web is not propagated.".into(),
            claim: matching::Explanation {
                decision: "no policy selects it".into(),
                ..matching::Explanation::default()
            },
            ..Explanation::default()
        };
        assert_eq!(explanation(&seen), "Deployment web is not propagated.\n\nCLAIM\n-----\nno policy selects it");
    }

    #[test]
    fn a_cluster_that_was_refused_is_shown_with_every_reason() {
        let refusal = |message: &str| atoll_decide::schedule::explanation::Refusal {
            filter: "taint".into(),
            reason: atoll_decide::schedule::Reason::ApisUnknown,
            message: message.into(),
            stays: false,
        };
        let one = Examined {
            cluster: "m3".into(),
            refusals: vec![refusal("is tainted"), refusal("is silent")],
            ..Examined::default()
        };
        assert_eq!(examined(&one), ["m3", "no", "no", "-", "-", "-", "is tainted; is silent"]);
    }
}
