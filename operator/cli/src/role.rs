//! The rules of the operator's cluster role on a member. Pure: rules in, rules
//! out.
//!
//! What the operator always needs: to see nodes and pods, to follow which kinds
//! there are, to make namespaces, to ask how the API server is. On top of that
//! it may write the kinds it was granted, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::kinds::GroupResource;

/// To look and follow.
const READ: [&str; 3] = ["get", "list", "watch"];

/// To keep objects of a kind there. Server-side apply is `patch`, and `create`
/// where the object is new.
pub const WRITE: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// Stands for all there is.
const ANY: &str = "*";

/// Paths that tell how the API server is and what it serves.
const PATHS: [&str; 7] = ["/readyz", "/healthz", "/version", "/api", "/api/*", "/apis", "/apis/*"];

/// What the operator may write on a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Everything, roles included.
    Everything,
    /// These kinds.
    Kinds(BTreeSet<GroupResource>),
}

/// Rules with something added to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    pub rules: Vec<PolicyRule>,
    /// What the rules did not allow before.
    pub added: BTreeSet<GroupResource>,
}

/// All rules for `grant`.
pub fn rules(grant: &Grant) -> Vec<PolicyRule> {
    match grant {
        Grant::Everything => vec![rule(&[ANY], &[ANY], &[ANY]), paths(&[ANY])],
        Grant::Kinds(kinds) => merge(&base(), kinds).rules,
    }
}

/// What the operator needs whatever it may write.
fn base() -> Vec<PolicyRule> {
    vec![
        rule(&[""], &["nodes", "pods"], &READ),
        rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &READ),
        rule(&[""], &["namespaces"], &WRITE),
        paths(&PATHS),
    ]
}

/// `existing` with what the operator always needs, should that be missing.
pub fn with_base(existing: &[PolicyRule]) -> Vec<PolicyRule> {
    let missing = base().into_iter().filter(|rule| !is_covered(existing, rule));
    existing.iter().cloned().chain(missing).collect()
}

/// `existing` with the right to write `kinds`. What is there stays as it is;
/// what it allows already is not written again.
pub fn merge(existing: &[PolicyRule], kinds: &BTreeSet<GroupResource>) -> Merged {
    let added: BTreeSet<GroupResource> = kinds.iter().filter(|kind| !may_write(existing, kind)).cloned().collect();
    let mut by_group: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in &added {
        by_group.entry(&kind.group).or_default().push(&kind.resource);
    }
    let mut rules = existing.to_vec();
    for (group, resources) in by_group {
        match rules.iter_mut().find(|rule| is_write_rule_of(rule, group)) {
            Some(rule) => {
                let held = rule.resources.get_or_insert_default();
                held.extend(resources.into_iter().map(str::to_owned));
                held.sort();
            }
            None => rules.push(rule(&[group], &resources, &WRITE)),
        }
    }
    Merged { rules, added }
}

/// The kinds that rules allow to write one by one, and whether they allow
/// everything.
pub fn granted(rules: &[PolicyRule]) -> Grant {
    if may_write(rules, &GroupResource::new(ANY, ANY)) {
        return Grant::Everything;
    }
    let named = rules.iter().flat_map(|rule| {
        texts(rule.api_groups.as_ref())
            .flat_map(|group| texts(rule.resources.as_ref()).map(|resource| GroupResource::new(group, resource)))
    });
    Grant::Kinds(named.filter(|kind| may_write(rules, kind)).collect())
}

/// Whether the rules allow to keep objects of `kind`.
fn may_write(rules: &[PolicyRule], kind: &GroupResource) -> bool {
    WRITE.iter().all(|verb| allows(rules, kind, verb))
}

fn allows(rules: &[PolicyRule], kind: &GroupResource, verb: &str) -> bool {
    rules.iter().any(|rule| {
        texts(rule.resource_names.as_ref()).next().is_none()
            && holds(texts(rule.api_groups.as_ref()), &kind.group)
            && holds(texts(rule.resources.as_ref()), &kind.resource)
            && holds(rule.verbs.iter().map(String::as_str), verb)
    })
}

/// Whether `rules` allow all that `wanted` allows.
fn is_covered(rules: &[PolicyRule], wanted: &PolicyRule) -> bool {
    let paths = texts(wanted.non_resource_urls.as_ref()).all(|path| {
        rules.iter().any(|rule| {
            holds(texts(rule.non_resource_urls.as_ref()), path) && holds(rule.verbs.iter().map(String::as_str), "get")
        })
    });
    let kinds = texts(wanted.api_groups.as_ref())
        .flat_map(|group| texts(wanted.resources.as_ref()).map(|resource| GroupResource::new(group, resource)));
    paths && { kinds }.all(|kind| wanted.verbs.iter().all(|verb| allows(rules, &kind, verb)))
}

/// Whether it is a rule of ours about `group` alone, so that more kinds of the
/// group belong into it. That of namespaces is: they are written as well.
fn is_write_rule_of(rule: &PolicyRule, group: &str) -> bool {
    texts(rule.api_groups.as_ref()).eq([group]) && rule.verbs == WRITE && rule.resource_names.is_none()
}

fn holds<'a>(mut texts: impl Iterator<Item = &'a str>, wanted: &str) -> bool {
    texts.any(|text| text == ANY || text == wanted)
}

fn texts(list: Option<&Vec<String>>) -> impl Iterator<Item = &str> {
    list.into_iter().flatten().map(String::as_str)
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(owned(groups)),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

fn paths(paths: &[&str]) -> PolicyRule {
    PolicyRule { non_resource_urls: Some(owned(paths)), verbs: owned(&["get"]), ..PolicyRule::default() }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The rules of the role in the namespace of the federation on the member: the
/// operator keeps there which hub it belongs to.
pub fn rules_in_namespace() -> Vec<PolicyRule> {
    vec![rule(&[""], &["configmaps"], &["get", "create", "patch"])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: &[(&str, &str)]) -> BTreeSet<GroupResource> {
        names.iter().map(|(group, resource)| GroupResource::new(group, resource)).collect()
    }

    #[test]
    fn without_kinds_the_operator_can_look_and_make_namespaces_and_no_more() {
        let rules = rules(&Grant::Kinds(kinds(&[])));
        assert_eq!(granted(&rules), Grant::Kinds(kinds(&[("", "namespaces")])));
        for resource in ["nodes", "pods"] {
            assert!(allows(&rules, &GroupResource::new("", resource), "watch"));
            assert!(!allows(&rules, &GroupResource::new("", resource), "delete"));
        }
        assert!(!allows(&rules, &GroupResource::new("", "secrets"), "get"));
        assert!(is_covered(&rules, &paths(&["/readyz", "/apis/*"])));
        assert!(!is_covered(&rules, &paths(&["/metrics"])));
    }

    #[test]
    fn granted_kinds_can_be_written_and_are_what_the_rules_say() {
        let wanted = kinds(&[("apps", "deployments"), ("", "pods"), ("example.com", "widgets")]);
        let rules = rules(&Grant::Kinds(wanted.clone()));
        let mut all = wanted;
        all.extend(kinds(&[("", "namespaces")]));
        assert_eq!(granted(&rules), Grant::Kinds(all));
    }

    #[test]
    fn no_rule_names_everything_unless_everything_was_granted() {
        let narrow = rules(&Grant::Kinds(crate::kinds::workloads()));
        let names_any = |rule: &PolicyRule| {
            [rule.api_groups.as_ref(), rule.resources.as_ref()]
                .into_iter()
                .any(|list| texts(list).any(|text| text == ANY))
        };
        assert!(!narrow.iter().any(names_any));
        assert_eq!(granted(&rules(&Grant::Everything)), Grant::Everything);
    }

    #[test]
    fn a_grant_adds_what_is_new_and_keeps_what_is_there() {
        let own = rule(&["example.com"], &["gears"], &["get", "escalate"]);
        let mut existing = rules(&Grant::Kinds(kinds(&[("apps", "deployments")])));
        existing.push(own.clone());
        let merged = merge(&existing, &kinds(&[("apps", "deployments"), ("apps", "statefulsets"), ("", "secrets")]));
        assert_eq!(merged.added, kinds(&[("apps", "statefulsets"), ("", "secrets")]));
        assert!(merged.rules.contains(&own));
        assert_eq!(merged.rules.len(), existing.len(), "kinds of a known group join its rule");
    }

    #[test]
    fn a_grant_given_twice_changes_nothing() {
        let wanted = kinds(&[("example.com", "widgets"), ("", "secrets")]);
        let once = merge(&base(), &wanted).rules;
        let twice = merge(&once, &wanted);
        assert_eq!(twice, Merged { rules: once, added: kinds(&[]) });
    }

    #[test]
    fn whoever_may_do_everything_needs_no_grant() {
        let all = rules(&Grant::Everything);
        assert!(merge(&all, &kinds(&[("apps", "deployments")])).added.is_empty());
        assert_eq!(with_base(&all), all);
    }

    #[test]
    fn a_right_on_named_objects_alone_is_not_the_right_on_the_kind() {
        let mut named = rule(&[""], &["secrets"], &WRITE);
        named.resource_names = Some(owned(&["one"]));
        assert_eq!(merge(&[named], &kinds(&[("", "secrets")])).added, kinds(&[("", "secrets")]));
    }

    #[test]
    fn rights_spread_over_rules_count_together() {
        let spread = [rule(&["apps"], &["deployments"], &READ), rule(&["apps"], &[ANY], &WRITE[3..])];
        assert!(merge(&spread, &kinds(&[("apps", "deployments")])).added.is_empty());
    }

    #[test]
    fn a_role_that_lost_what_the_operator_always_needs_gets_it_back() {
        let lost = [rule(&["apps"], &["deployments"], &WRITE)];
        let mended = with_base(&lost);
        assert_eq!(mended[0], lost[0]);
        assert!(base().iter().all(|rule| is_covered(&mended, rule)));
        assert_eq!(with_base(&mended), mended);
    }
}
