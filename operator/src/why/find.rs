//! Which object a question is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_decide::ids::{Gvk, ObjectKey};
use axum::http::StatusCode;
use serde::Deserialize;

use super::{Found, Refusal};
use crate::app::App;
use crate::hub::template_watch::into_value;
use crate::hub::templates::Template;
use crate::members::intent::KindInfo;
use crate::pipeline::template_api;

/// The query of `/debug/why`.
#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Kind or plural, in any case.
    kind: String,
    /// Name.
    name: String,
    /// None or empty for a cluster-scoped kind.
    namespace: Option<String>,
    /// API group, where the kind alone means several.
    group: Option<String>,
    /// Group and version, where no policy selects the kind.
    api_version: Option<String>,
}

/// Finds it, on the hub where no watch shows it.
pub async fn find(app: &Arc<App>, question: &Question) -> Result<Found, Refusal> {
    let gvk = kind(app, question)?;
    let kind = app.kinds.resolve(&gvk).await.map_err(|error| missing(error.to_string()))?;
    let key = key(question, &gvk, &kind)?;
    let binding = app.bindings.get(&key);
    let template = match app.templates.get(&key) {
        Some(template) => Some(template),
        None => fetch(app, &key, &kind).await?,
    };
    if template.is_none() && binding.is_none() {
        return Err(missing(nowhere(app, &key)));
    }
    Ok(Found { key, template, binding })
}

fn missing(message: String) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, message)
}

fn key(question: &Question, gvk: &Gvk, kind: &KindInfo) -> Result<ObjectKey, Refusal> {
    let namespace = question.namespace.as_deref().filter(|namespace| !namespace.is_empty() && kind.namespaced);
    if kind.namespaced && namespace.is_none() {
        let message = format!("{} objects live in namespaces: add namespace=NAME", gvk.kind);
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    Ok(ObjectKey { gvk: gvk.clone(), namespace: namespace.map(Into::into), name: question.name.as_str().into() })
}

/// The kind that is meant: the one that is named in full, or the only one of
/// those that policies select or bindings speak of.
fn kind(app: &App, question: &Question) -> Result<Gvk, Refusal> {
    if let Some(version) = question.api_version.as_deref().filter(|version| !version.is_empty()) {
        return Ok(Gvk::from_api_version(version, &question.kind));
    }
    let bound = app.bindings.all().into_iter().map(|(key, _)| key.gvk);
    let known: BTreeSet<Gvk> = app.policies.kinds().into_iter().chain(bound).collect();
    let plural = |gvk: &Gvk| app.kinds.known(gvk).map(|kind| kind.resource.plural.clone()).unwrap_or_default();
    choose(&known, question, plural)
}

fn choose(known: &BTreeSet<Gvk>, question: &Question, plural: impl Fn(&Gvk) -> String) -> Result<Gvk, Refusal> {
    let is_meant = |gvk: &&Gvk| {
        let in_group = question.group.as_ref().is_none_or(|group| *group == *gvk.group);
        in_group && (gvk.kind.eq_ignore_ascii_case(&question.kind) || plural(gvk).eq_ignore_ascii_case(&question.kind))
    };
    let found: Vec<&Gvk> = known.iter().filter(is_meant).collect();
    let list = |kinds: &[&Gvk]| kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let all: Vec<&Gvk> = known.iter().collect();
            let all = if all.is_empty() { "none".to_owned() } else { list(&all) };
            Err(missing(format!(
                "no policy selects a kind {}; the kinds that are selected: {all}. For another one add apiVersion, \
                 such as apiVersion=apps/v1",
                question.kind
            )))
        }
        several => {
            let message = format!(
                "{} can mean {}: add group, or apiVersion such as apiVersion={}",
                question.kind,
                list(several),
                several[0].api_version()
            );
            Err(Refusal::new(StatusCode::BAD_REQUEST, message))
        }
    }
}

async fn fetch(app: &App, key: &ObjectKey, kind: &KindInfo) -> Result<Option<Arc<Template>>, Refusal> {
    let read = template_api(app, key).get_opt(&key.name).await;
    let failed =
        |error: kube::Error| Refusal::new(StatusCode::BAD_GATEWAY, format!("reading {key} on the hub failed: {error}"));
    let object = read.map_err(failed)?;
    Ok(object.map(|object| Arc::new(Template::of(key.clone(), into_value(object), kind))))
}

/// There is no such object; where there is one of that name.
fn nowhere(app: &App, key: &ObjectKey) -> String {
    let same = app.templates.keys_where(|template| template.key.gvk == key.gvk && template.key.name == key.name);
    let namespaces: BTreeSet<String> =
        same.iter().filter_map(|key| key.namespace.as_ref().map(ToString::to_string)).collect();
    let elsewhere = if namespaces.is_empty() {
        String::new()
    } else {
        let namespaces: Vec<String> = namespaces.into_iter().take(5).collect();
        format!("; there is one of that name in namespace {}", namespaces.join(", "))
    };
    format!("the hub has no {key}{elsewhere}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(kind: &str, group: Option<&str>) -> Result<String, (StatusCode, String)> {
        let known = [("v1", "Service"), ("serving.example.com/v1", "Service"), ("apps/v1", "Deployment")];
        let known = known.map(|(version, kind)| Gvk::from_api_version(version, kind)).into();
        let question = Question { kind: kind.into(), group: group.map(str::to_owned), ..Question::default() };
        let plural = |gvk: &Gvk| format!("{}s", gvk.kind.to_lowercase());
        let chosen = choose(&known, &question, plural);
        chosen.map(|gvk| gvk.to_string()).map_err(|refusal| (refusal.status, refusal.message))
    }

    #[test]
    fn a_kind_is_known_by_kind_and_plural_in_any_case() {
        for word in ["Deployment", "deployment", "deployments"] {
            assert_eq!(ask(word, None).unwrap(), "apps/v1/Deployment");
        }
    }

    #[test]
    fn a_kind_of_two_groups_is_refused_with_both_and_taken_with_its_group() {
        let (status, message) = ask("Service", None).unwrap_err();
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(message.contains("v1/Service, serving.example.com/v1/Service"), "{message}");
        assert_eq!(ask("Service", Some("")).unwrap(), "v1/Service");
    }

    #[test]
    fn a_kind_that_nothing_selects_is_refused_with_those_that_are() {
        let (status, message) = ask("Job", None).unwrap_err();
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(message.contains("apps/v1/Deployment") && message.contains("apiVersion"), "{message}");
    }
}
