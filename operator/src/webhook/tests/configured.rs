use k8s_openapi::api::admissionregistration::v1::ValidatingWebhook;

use crate::webhook::{Reach, configurations};

fn validating() -> Vec<ValidatingWebhook> {
    let reach = Reach::url("https://127.0.0.1:9443/").unwrap();
    configurations(&reach, "PEM").1.webhooks.unwrap()
}

#[test]
fn a_url_gets_the_path_of_each_hook_and_the_authority() {
    let hooks = validating();
    assert_eq!(hooks.len(), 5);
    for hook in hooks {
        let name = hook.name.strip_suffix(".atoll.dev").unwrap();
        assert_eq!(hook.client_config.url, Some(format!("https://127.0.0.1:9443/{name}")));
        assert_eq!(hook.client_config.ca_bundle.unwrap().0, b"PEM");
        assert_eq!(hook.side_effects, "None");
        assert_eq!(hook.timeout_seconds, Some(3));
    }
}

#[test]
fn only_the_protection_against_deletion_stands_in_the_way_and_only_of_labelled_objects() {
    let (failing, ignoring): (Vec<_>, Vec<_>) =
        validating().into_iter().partition(|hook| hook.failure_policy.as_deref() == Some("Fail"));
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].name, "validate-resourcedeletionprotection.atoll.dev");
    let labels = failing[0].object_selector.clone().unwrap().match_labels.unwrap();
    assert_eq!(labels["resourcetemplate.karmada.io/deletion-protected"], "Always");
    assert_eq!(failing[0].rules.clone().unwrap()[0].operations, Some(vec!["DELETE".to_owned()]));
    assert!(ignoring.iter().all(|hook| hook.failure_policy.as_deref() == Some("Ignore")));
}

#[test]
fn mutating_hooks_are_asked_about_creates_and_updates_of_policies() {
    let reach = Reach::Service { namespace: "atoll-system".into(), name: "atoll".into(), port: 443 };
    let hooks = configurations(&reach, "PEM").0.webhooks.unwrap();
    let resources: Vec<_> =
        hooks.iter().map(|hook| hook.rules.clone().unwrap()[0].resources.clone().unwrap()).collect();
    assert_eq!(resources, [["propagationpolicies"], ["clusterpropagationpolicies"], ["overridepolicies"]]);
    let service = hooks[0].client_config.service.clone().unwrap();
    assert_eq!(service.path.as_deref(), Some("/mutate-propagationpolicy"));
    assert_eq!((service.namespace.as_str(), service.name.as_str(), service.port), ("atoll-system", "atoll", Some(443)));
}

#[test]
fn a_certificate_holds_for_the_host_of_the_url_or_the_name_of_the_service() {
    assert_eq!(Reach::url("https://[::1]:9443").unwrap().names(), ["::1"]);
    assert_eq!(Reach::url("https://hub.example").unwrap().names(), ["hub.example"]);
    let service = Reach::Service { namespace: "atoll-system".into(), name: "atoll".into(), port: 443 };
    assert_eq!(service.names(), ["atoll.atoll-system.svc", "atoll.atoll-system.svc.cluster.local"]);
}

#[test]
fn urls_that_an_api_server_refuses_are_refused_with_a_reason() {
    for (url, problem) in [
        ("http://hub.example:9443", "does not begin with https"),
        ("/hook", "has no host"),
        ("https://me@hub.example", "carries a user or a query"),
        ("https://hub.example?a=b", "carries a user or a query"),
        ("not a url", "cannot be read"),
    ] {
        let error = Reach::url(url).unwrap_err().to_string();
        assert!(error.contains(problem), "{url}: {error}");
    }
}
