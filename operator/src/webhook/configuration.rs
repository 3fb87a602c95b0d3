//! What tells the API server which hook to ask about what.

use http::Uri;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use thiserror::Error;

use super::hook::Hook;
use atoll_crds::names::label;

/// Name of both configurations.
pub const NAME: &str = "atoll";

/// How long the API server waits for an answer (karmada-api 2.22).
const TIMEOUT_SECONDS: i32 = 3;

/// How an API server reaches the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https://host:port`, without a slash at its end.
    Url {
        /// The URL before the path of a hook.
        base: String,
        /// Its host, without the brackets of an IPv6 address.
        host: String,
    },
    /// A Service of the cluster that the API server runs in.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
}

/// A `--webhook-url` that API servers would not take.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("--webhook-url {url:?} {problem}; use a URL such as https://operator.example:9443")]
pub struct BadUrl {
    url: String,
    problem: &'static str,
}

impl Reach {
    /// Reads a base URL. API servers want https, and neither user nor query; a
    /// path stays in front of the hooks' own.
    pub fn url(url: &str) -> Result<Self, BadUrl> {
        let bad = |problem| BadUrl { url: url.to_owned(), problem };
        let uri: Uri = url.parse().map_err(|_| bad("cannot be read"))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| bad("has no host"))?;
        if uri.scheme_str() != Some("https") {
            return Err(bad("does not begin with https"));
        }
        if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad("carries a user or a query"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self::Url { base: url.trim_end_matches('/').to_owned(), host })
    }

    /// The names a certificate has to hold for.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Url { host, .. } => vec![host.clone()],
            Self::Service { namespace, name, .. } => {
                vec![format!("{name}.{namespace}.svc"), format!("{name}.{namespace}.svc.cluster.local")]
            }
        }
    }

    fn client_config(&self, hook: Hook, authority: &str) -> WebhookClientConfig {
        let path = format!("/{}", hook.name());
        let ca_bundle = Some(ByteString(authority.as_bytes().to_vec()));
        match self {
            Self::Url { base, .. } => {
                WebhookClientConfig { ca_bundle, service: None, url: Some(format!("{base}{path}")) }
            }
            Self::Service { namespace, name, port } => WebhookClientConfig {
                ca_bundle,
                service: Some(ServiceReference {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    path: Some(path),
                    port: Some(i32::from(*port)),
                }),
                url: None,
            },
        }
    }
}

/// Both configurations.
pub type Configurations = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration);

/// The configurations for a webhook that is reached by `reach` and shows a
/// certificate of `authority` (PEM).
///
/// Every field that the API server would fill in is stated, so that what it
/// stores can be compared with what is wanted.
pub fn configurations(reach: &Reach, authority: &str) -> Configurations {
    let metadata = || ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
    let hooks = |mutates: bool| Hook::ALL.into_iter().filter(move |hook| hook.mutates() == mutates);
    let mutating = MutatingWebhookConfiguration {
        metadata: metadata(),
        webhooks: Some(hooks(true).map(|hook| mutating(hook, reach, authority)).collect()),
    };
    let validating = ValidatingWebhookConfiguration {
        metadata: metadata(),
        webhooks: Some(hooks(false).map(|hook| validating(hook, reach, authority)).collect()),
    };
    (mutating, validating)
}

fn mutating(hook: Hook, reach: &Reach, authority: &str) -> MutatingWebhook {
    MutatingWebhook {
        admission_review_versions: vec!["v1".to_owned()],
        client_config: reach.client_config(hook, authority),
        failure_policy: Some(failure_policy(hook).to_owned()),
        match_conditions: None,
        match_policy: Some("Equivalent".to_owned()),
        name: name_of(hook),
        namespace_selector: Some(LabelSelector::default()),
        object_selector: Some(object_selector(hook)),
        reinvocation_policy: Some("Never".to_owned()),
        rules: Some(vec![rule(hook)]),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(TIMEOUT_SECONDS),
    }
}

fn validating(hook: Hook, reach: &Reach, authority: &str) -> ValidatingWebhook {
    ValidatingWebhook {
        admission_review_versions: vec!["v1".to_owned()],
        client_config: reach.client_config(hook, authority),
        failure_policy: Some(failure_policy(hook).to_owned()),
        match_conditions: None,
        match_policy: Some("Equivalent".to_owned()),
        name: name_of(hook),
        namespace_selector: Some(LabelSelector::default()),
        object_selector: Some(object_selector(hook)),
        rules: Some(vec![rule(hook)]),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(TIMEOUT_SECONDS),
    }
}

fn name_of(hook: Hook) -> String {
    format!("{}.atoll.dev", hook.name())
}

/// Only the safety rule stands in the way while nobody answers; everything
/// else is judged again by the operator.
fn failure_policy(hook: Hook) -> &'static str {
    if hook == Hook::ValidateDeletion { "Fail" } else { "Ignore" }
}

/// The safety rule depends on the webhook, so it concerns nothing but objects
/// that ask for it.
fn object_selector(hook: Hook) -> LabelSelector {
    if hook != Hook::ValidateDeletion {
        return LabelSelector::default();
    }
    let labels = [(label::DELETION_PROTECTED.to_owned(), label::ALWAYS.to_owned())];
    LabelSelector { match_labels: Some(labels.into()), match_expressions: None }
}

fn rule(hook: Hook) -> RuleWithOperations {
    let list = |items: &[&str]| Some(items.iter().map(|&item| item.to_owned()).collect());
    let (groups, versions, operations): (_, _, &[&str]) = match hook.resource() {
        Some(_) => ("policy.karmada.io", "v1alpha1", &["CREATE", "UPDATE"]),
        None => ("*", "*", &["DELETE"]),
    };
    RuleWithOperations {
        api_groups: list(&[groups]),
        api_versions: list(&[versions]),
        operations: list(operations),
        resources: list(&[hook.resource().unwrap_or("*")]),
        scope: Some("*".to_owned()),
    }
}
