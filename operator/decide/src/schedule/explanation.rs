//! How a schedule came about, as a value: the decision of [`super::schedule`],
//! and what each of its steps saw.

use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, Growth};
use super::divide::Division;
use super::observer::{Again, Apportioned, Observer, Step};
use super::spread::{Bounds, Rules};
use super::term::Term;
use super::{Decision, Failure, Reason, Request, schedule_before};
use crate::affinity::Unmet;
use crate::cluster::Cluster;
use crate::ids::ClusterName;
use crate::webster::NameOrder;

/// How a schedule came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// One for each affinity group that was tried, in their order; the last
    /// one is that of the answer, unless all failed.
    pub attempts: Vec<Attempt>,
}

/// One try to find a placement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The affinity group; None without groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Every cluster of the fleet, in its order.
    pub clusters: Vec<Examined>,
    /// How the clusters were chosen among those that fit.
    pub choice: String,
    /// Regions, where a spread constraint groups by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// How replicas are divided, and how many.
    pub division: String,
    /// Rounds of the division that count, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Round>,
}

/// One cluster before the filters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Examined {
    /// The cluster.
    pub cluster: String,
    /// It may be chosen.
    pub fits: bool,
    /// It was chosen.
    pub chosen: bool,
    /// Every filter that refuses it; of a cluster that does not fit the first
    /// one that counts decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// Its place among those that fit, from 1, by tier, score, room and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// 0 for the affinity itself, then its overflow tiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<usize>,
    /// 100 for a present target, -10 for one that is avoided, else 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    /// Replicas that fit in addition; None: nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<i64>,
    /// It has reported what room it has.
    pub measured: bool,
    /// Replicas of the previous answer; None: it is no target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<i64>,
    /// Whether it takes more than it has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub growth: String,
}

/// One filter's word against a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The filter.
    pub filter: String,
    /// Its reason, for programs.
    pub reason: Reason,
    /// The reason in words, with the values.
    pub message: String,
    /// It is a target, and stays all the same.
    pub stays: bool,
}

/// One region to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// Its name.
    pub name: String,
    /// What it is worth.
    pub score: i64,
    /// The previous answer has a target there.
    pub in_use: bool,
    /// A cluster of it was chosen.
    pub chosen: bool,
}

/// Replicas that were given out at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// What it started from.
    pub basis: String,
    /// How many were given out.
    pub replicas: i64,
    /// Who goes first among equals: the smallest or the greatest name.
    pub ties: String,
    /// Who got how many.
    pub shares: Vec<Share>,
}

/// One cluster's part of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The cluster.
    pub cluster: String,
    /// Its weight: what the user wrote, or room, or what it has.
    pub weight: i64,
    /// Its exact share, before it is rounded to whole replicas.
    pub exact: f64,
    /// What it has and keeps beside that.
    pub keeps: i64,
    /// What it got.
    pub gets: i64,
}

/// The decision, and how it came about.
pub fn explain(request: &Request<'_>) -> (Result<Decision, Failure>, Explanation) {
    let mut collector = Collector::default();
    let decision = schedule_before(request, &mut collector);
    (decision, collector.end())
}

/// Writes down what it sees.
#[derive(Default)]
pub(crate) struct Collector {
    attempts: Vec<Attempt>,
}

impl Collector {
    /// What was seen.
    pub fn end(self) -> Explanation {
        Explanation { attempts: self.attempts }
    }

    fn attempt(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }

    fn cluster(&mut self, name: &ClusterName) -> Option<&mut Examined> {
        let clusters = self.attempt().map(|attempt| &mut attempt.clusters);
        clusters.into_iter().flatten().find(|examined| examined.cluster == name.as_str())
    }

    fn choose(&mut self, candidates: &[&Candidate<'_>], choice: String) {
        for candidate in candidates {
            if let Some(examined) = self.cluster(&candidate.cluster.name) {
                examined.chosen = true;
            }
        }
        let Some(attempt) = self.attempt() else { return };
        attempt.choice = choice;
        let is_in = |region: &Region| candidates.iter().any(|candidate| candidate.cluster.region == region.name);
        for region in &mut attempt.regions {
            region.chosen = is_in(region);
        }
    }
}

impl Observer for Collector {
    const EVERYTHING: bool = true;

    fn attempt(&mut self, term: &Term<'_>, division: &Division<'_>) {
        let group = term.name.map(str::to_owned);
        self.attempts.push(Attempt { group, division: describe(division), ..Attempt::default() });
    }

    fn examining(&mut self, cluster: &Cluster) {
        let examined =
            Examined { cluster: cluster.name.to_string(), measured: cluster.capacity.is_some(), ..Examined::default() };
        if let Some(attempt) = self.attempt() {
            attempt.clusters.push(examined);
        }
    }

    fn refused(&mut self, filter: &'static str, why: &Reason, kept: Option<Growth>, affinity: Option<Unmet<'_>>) {
        let detail = affinity.filter(|_| *why == Reason::NotSelected).map(|unmet| format!(": {unmet}"));
        let refusal = Refusal {
            filter: filter.to_owned(),
            reason: why.clone(),
            message: format!("{why}{}", detail.unwrap_or_default()),
            stays: kept.is_some(),
        };
        if let Some(examined) = self.attempt().and_then(|attempt| attempt.clusters.last_mut()) {
            examined.refusals.push(refusal);
        }
    }

    fn ranked(&mut self, candidates: &[Candidate<'_>], by_room: bool) {
        for (place, candidate) in candidates.iter().enumerate() {
            let Some(examined) = self.cluster(&candidate.cluster.name) else { continue };
            examined.fits = true;
            examined.rank = Some(place + 1);
            examined.tier = Some(candidate.tier);
            examined.score = Some(candidate.score);
            examined.free = by_room.then_some(candidate.free);
            examined.held = candidate.is_target.then_some(candidate.assigned);
            growth(candidate.growth).clone_into(&mut examined.growth);
        }
    }

    fn settled(&mut self) {
        let Some(attempt) = self.attempt() else { return };
        for examined in attempt.clusters.iter_mut().filter(|examined| examined.held.is_some_and(|held| held > 0)) {
            examined.chosen = true;
        }
        "the clusters hold what is wanted, and what is settled does not move".clone_into(&mut attempt.choice);
    }

    fn region(&mut self, name: &str, score: i64, is_used: bool) {
        let region = Region { name: name.to_owned(), score, in_use: is_used, chosen: false };
        if let Some(attempt) = self.attempt() {
            attempt.regions.push(region);
        }
    }

    fn selected(&mut self, rules: &Rules, chosen: &[&Candidate<'_>]) {
        let choice = match (rules.region, rules.cluster) {
            (Some(regions), Some(clusters)) => {
                format!("the best of {} and {}", bounds(regions, "region"), bounds(clusters, "cluster"))
            }
            (Some(regions), None) => format!("the best of {}", bounds(regions, "region")),
            (None, Some(clusters)) => format!("the best {}", bounds(clusters, "cluster")),
            (None, None) => "all that fit".to_owned(),
        };
        self.choose(chosen, choice);
    }

    fn apportioned(&mut self, round: &Apportioned<'_>) {
        let Some(attempt) = self.attempt() else { return };
        let total: i64 = round.votes.iter().sum();
        let shares = (0..round.names.len()).map(|index| Share {
            cluster: round.names[index].to_owned(),
            weight: round.votes[index],
            exact: exact(round.votes[index], total, round.seats),
            keeps: round.kept.get(index).copied().unwrap_or(0),
            gets: round.given[index],
        });
        let ties = match round.ties {
            NameOrder::Ascending => "smallest name first",
            NameOrder::Descending => "greatest name first",
        };
        attempt.rounds.push(Round {
            basis: basis(round.step).to_owned(),
            replicas: round.seats,
            ties: ties.to_owned(),
            shares: shares.collect(),
        });
    }

    fn begun_again(&mut self, why: Again) {
        let Some(attempt) = self.attempt() else { return };
        attempt.rounds.clear();
        let note = match why {
            Again::SomeMustNotGrow => "a cluster that takes no new copies keeps what it has, the others share the rest",
            Again::NobodyElseHasAWeight => "only clusters that take no new copies have a weight, so the weights decide",
            Again::TheOthersHaveTooLittleRoom => "clusters that are avoided take part: the others have too little room",
        };
        if !attempt.division.contains(note) {
            attempt.division = format!("{}; {note}", attempt.division);
        }
    }
}

fn describe(division: &Division<'_>) -> String {
    match division {
        Division::Whole(None) => "every chosen cluster gets the object".to_owned(),
        Division::Whole(Some(replicas)) => format!("every chosen cluster gets all {replicas} replicas"),
        Division::Weighted { replicas, .. } => format!("{replicas} replicas are divided by static weights"),
        Division::ByCapacity { replicas, aggregated: false } => format!("{replicas} replicas are divided by room"),
        Division::ByCapacity { replicas, aggregated: true } => {
            format!("{replicas} replicas go to as few clusters as have room")
        }
    }
}

fn basis(step: Step) -> &'static str {
    match step {
        Step::ByWeight => "by weight",
        Step::Anew => "all by room",
        Step::Shrink => "fewer, in proportion to what is there",
        Step::Grow => "more, by free room beside what is there",
    }
}

fn growth(growth: Growth) -> &'static str {
    match growth {
        Growth::Welcome => "takes more",
        Growth::LastResort => "takes more as a last resort",
        Growth::Refused => "keeps what it has",
    }
}

fn bounds(bounds: Bounds, noun: &str) -> String {
    match (bounds.min, bounds.max) {
        (min, usize::MAX) => format!("{min} or more {noun}s"),
        (min, max) if min == max => format!("{min} {noun}s"),
        (min, max) => format!("{min} to {max} {noun}s"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for a person to read, rounded to hundredths")]
fn exact(weight: i64, total: i64, replicas: i64) -> f64 {
    if total <= 0 { 0.0 } else { (weight as f64 * replicas as f64 / total as f64 * 100.0).round() / 100.0 }
}
