//! From what a person calls a kind to what a role calls it.
//!
//! Enters: words such as `Deployment`, `deployments.apps`, `workloads` and what
//! clusters say they serve. Leaves: groups and resources, or why a word means
//! none. A kind the member does not serve yet is looked up on the hub: its
//! right may be there before the kind is.

mod catalogue;

use std::collections::BTreeSet;
use std::fmt;

use atoll_crds::names::reserved::is_never_propagated;

pub use catalogue::{Catalogue, Served};

/// The word for [`WORKLOADS`].
const WORKLOADS_WORD: &str = "workloads";

/// What an application is usually made of. Roles and their bindings are left
/// out: whoever may write them can give itself more.
const WORKLOADS: [(&str, &str); 16] = [
    ("", "configmaps"),
    ("", "persistentvolumeclaims"),
    ("", "pods"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
];

/// Words at least this alike are offered instead of an unknown one.
const ALIKE: f64 = 0.7;

/// At most so many are offered.
const OFFERS: usize = 3;

/// A kind as roles name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupResource {
    /// Empty for the core group.
    pub group: String,
    /// Plural.
    pub resource: String,
}

impl GroupResource {
    pub fn new(group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned() }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// Why a word means no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither cluster serves it.
    #[error("neither the member nor the hub serves a kind {word:?}{}", offers(.close))]
    Unknown {
        word: String,
        /// Kinds whose names are like it, closest first.
        close: Vec<String>,
    },
    /// Several groups have it.
    #[error("{word:?} can mean {}: say which", .choices.join(" or "))]
    Ambiguous { word: String, choices: Vec<String> },
    /// It never goes to members.
    #[error("{0} is never propagated to members, so the operator needs no right to write it")]
    NeverPropagated(String),
}

fn offers(close: &[String]) -> String {
    if close.is_empty() { String::new() } else { format!("; close to it: {}", close.join(", ")) }
}

/// What goes without asking anybody.
pub fn workloads() -> BTreeSet<GroupResource> {
    WORKLOADS.iter().map(|(group, resource)| GroupResource::new(group, resource)).collect()
}

/// Whether the words can be understood without asking a cluster.
pub fn needs_discovery(words: &[String]) -> bool {
    words.iter().any(|word| word != WORKLOADS_WORD)
}

/// The kinds that `words` mean: as the first of `catalogues` has it that knows
/// the word.
pub fn resolve(words: &[String], catalogues: &[Catalogue]) -> Result<BTreeSet<GroupResource>, Error> {
    let mut kinds = BTreeSet::new();
    for word in words {
        if word == WORKLOADS_WORD {
            kinds.extend(workloads());
        } else {
            kinds.insert(resolve_word(word, catalogues)?);
        }
    }
    Ok(kinds)
}

fn resolve_word(word: &str, catalogues: &[Catalogue]) -> Result<GroupResource, Error> {
    let found = catalogues.iter().map(|catalogue| catalogue.find(word)).find(|found| !found.is_empty());
    let Some(found) = found else {
        return Err(Error::Unknown { word: word.to_owned(), close: closest(word, catalogues) });
    };
    // As kubectl does: the core group goes before others.
    let core = found.iter().find(|served| served.name.group.is_empty());
    let chosen = match (core, found.as_slice()) {
        (Some(chosen), _) | (None, [chosen]) => chosen,
        (None, several) => {
            let choices = several.iter().map(|served| served.name.to_string()).collect();
            return Err(Error::Ambiguous { word: word.to_owned(), choices });
        }
    };
    if is_never_propagated(&chosen.name.group, &chosen.kind) {
        return Err(Error::NeverPropagated(chosen.name.to_string()));
    }
    Ok(chosen.name.clone())
}

fn closest(word: &str, catalogues: &[Catalogue]) -> Vec<String> {
    let word = word.to_lowercase();
    let alike = |served: &Served| {
        let names = [served.name.to_string(), served.name.resource.clone(), served.kind.to_lowercase()];
        names.iter().map(|name| strsim::normalized_levenshtein(&word, name)).fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, String)> = catalogues
        .iter()
        .flat_map(Catalogue::all)
        .filter(|served| !is_never_propagated(&served.name.group, &served.kind))
        .map(|served| (alike(served), served.name.to_string()))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    ranked.dedup();
    ranked.into_iter().take(OFFERS).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(served: &[(&str, &str, &str)]) -> Catalogue {
        served.iter().map(|(group, resource, kind)| Served::for_tests(group, resource, kind)).collect()
    }

    fn member() -> Catalogue {
        catalogue(&[
            ("", "pods", "Pod"),
            ("", "events", "Event"),
            ("", "services", "Service"),
            ("apps", "deployments", "Deployment"),
            ("serving.example.com", "services", "Service"),
            ("a.example.com", "widgets", "Widget"),
            ("b.example.com", "widgets", "Widget"),
            ("policy.karmada.io", "propagationpolicies", "PropagationPolicy"),
        ])
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn one(word: &str) -> Result<String, Error> {
        let kinds = resolve(&words(&[word]), &[member(), catalogue(&[("c.example.com", "gears", "Gear")])])?;
        assert_eq!(kinds.len(), 1);
        Ok(kinds.first().unwrap().to_string())
    }

    #[test]
    fn a_kind_is_known_by_plural_by_kind_and_with_its_group_in_any_case() {
        for word in ["deployments", "Deployment", "deployment", "deployments.apps", "Deployment.apps"] {
            assert_eq!(one(word).unwrap(), "deployments.apps", "{word}");
        }
    }

    #[test]
    fn the_core_group_goes_before_others_and_a_group_can_be_named() {
        assert_eq!(one("services").unwrap(), "services");
        assert_eq!(one("services.serving.example.com").unwrap(), "services.serving.example.com");
    }

    #[test]
    fn a_word_that_means_two_kinds_is_refused_with_both() {
        let choices = words(&["widgets.a.example.com", "widgets.b.example.com"]);
        assert_eq!(one("Widget"), Err(Error::Ambiguous { word: "Widget".into(), choices }));
    }

    #[test]
    fn what_the_member_does_not_serve_yet_is_known_from_the_hub() {
        assert_eq!(one("gears").unwrap(), "gears.c.example.com");
    }

    #[test]
    fn an_unknown_kind_is_refused_with_those_that_are_spelt_alike() {
        let close = words(&["deployments.apps"]);
        assert_eq!(one("deploymnets"), Err(Error::Unknown { word: "deploymnets".into(), close }));
        assert_eq!(one("zebras"), Err(Error::Unknown { word: "zebras".into(), close: vec![] }));
    }

    #[test]
    fn the_federations_own_kinds_and_events_are_not_granted() {
        assert_eq!(
            one("propagationpolicies"),
            Err(Error::NeverPropagated("propagationpolicies.policy.karmada.io".into()))
        );
        assert_eq!(one("Event"), Err(Error::NeverPropagated("events".into())));
    }

    #[test]
    fn workloads_need_no_cluster_to_be_understood_and_hold_no_roles() {
        assert!(!needs_discovery(&words(&["workloads"])));
        let kinds = resolve(&words(&["workloads"]), &[]).unwrap();
        assert_eq!(kinds.len(), WORKLOADS.len());
        assert!(kinds.iter().all(|kind| kind.group != "rbac.authorization.k8s.io"));
    }
}
