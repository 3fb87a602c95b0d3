//! Installs the API: the `CustomResourceDefinitions` of `atoll-crds`.
//!
//! Enters: a client of the hub. Leaves: definitions that are served. Must not:
//! remove or narrow what it does not know; a definition that says the same is
//! not written.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// Owner of the definitions' fields.
const MANAGER: &str = "atoll-install";

/// A new definition is served within a second; a busy API server gets longer.
const ESTABLISHED_DEADLINE: Duration = Duration::from_secs(30);

/// How often a definition is looked at until then.
const LOOK: Duration = Duration::from_millis(100);

/// Why the API is not installed.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server did not answer, or does not let us read it.
    #[error("read CustomResourceDefinition {name}: {source}")]
    Read {
        /// The definition.
        name: String,
        /// What the API server says.
        source: kube::Error,
    },
    /// The API server did not take it.
    #[error("apply CustomResourceDefinition {name}: {source}")]
    Apply {
        /// The definition.
        name: String,
        /// What the API server says.
        source: kube::Error,
    },
    /// It was taken, and is not served.
    #[error("CustomResourceDefinition {name} is not served after {}s: {seen}", ESTABLISHED_DEADLINE.as_secs())]
    NotEstablished {
        /// The definition.
        name: String,
        /// Its conditions when looked at last.
        seen: String,
    },
}

/// What an installation did, by names of definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// New or changed.
    pub written: Vec<String>,
    /// The same already.
    pub unchanged: Vec<String>,
}

/// Puts every definition in place and waits until all are served.
pub async fn install_crds(client: &Client) -> Result<Installed, Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut installed = Installed::default();
    for wanted in atoll_crds::all_crds() {
        let name = wanted.name_any();
        if apply(&api, &wanted).await? {
            installed.written.push(name);
        } else {
            installed.unchanged.push(name);
        }
    }
    let deadline = Instant::now() + ESTABLISHED_DEADLINE;
    for name in installed.written.iter().chain(&installed.unchanged) {
        wait_established(&api, name, deadline).await?;
    }
    Ok(installed)
}

/// The definitions whose kinds the hub does not serve, by name, whoever would
/// serve them.
pub async fn missing(client: &Client) -> Result<Vec<String>, kube::Error> {
    let mut missing = Vec::new();
    for wanted in atoll_crds::all_crds() {
        let spec = &wanted.spec;
        let mut served = false;
        for version in &spec.versions {
            served |= match client.list_api_group_resources(&format!("{}/{}", spec.group, version.name)).await {
                Ok(list) => list.resources.iter().any(|resource| resource.name == spec.names.plural),
                Err(kube::Error::Api(status)) if status.code == 404 => false,
                Err(error) => return Err(error),
            };
        }
        if !served {
            missing.push(wanted.name_any());
        }
    }
    Ok(missing)
}

/// Writes a definition unless the API server holds it as it is. Whether it
/// did.
async fn apply(api: &Api<CustomResourceDefinition>, wanted: &CustomResourceDefinition) -> Result<bool, Error> {
    let name = wanted.name_any();
    let held = api.get_opt(&name).await.map_err(|source| Error::Read { name: name.clone(), source })?;
    if held.is_some_and(|held| completed(&held.spec) == completed(&wanted.spec)) {
        return Ok(false);
    }
    let parameters = PatchParams::apply(MANAGER).force();
    let patched = api.patch(&name, &parameters, &Patch::Apply(wanted)).await;
    patched.map_err(|source| Error::Apply { name, source })?;
    Ok(true)
}

/// `spec` with what the API server fills in where nothing is said, so that a
/// stored definition can be compared with a wanted one.
fn completed(spec: &CustomResourceDefinitionSpec) -> CustomResourceDefinitionSpec {
    let mut spec = spec.clone();
    let none = || CustomResourceConversion { strategy: "None".to_owned(), webhook: None };
    spec.conversion.get_or_insert_with(none);
    spec.preserve_unknown_fields = spec.preserve_unknown_fields.filter(|preserve| *preserve);
    let names = &mut spec.names;
    names.list_kind.get_or_insert_with(|| format!("{}List", names.kind));
    names.singular.get_or_insert_with(|| names.kind.to_lowercase());
    for list in [&mut names.categories, &mut names.short_names] {
        *list = list.take().filter(|entries| !entries.is_empty());
    }
    spec
}

/// Looks until the definition is established, at most until `deadline`.
async fn wait_established(api: &Api<CustomResourceDefinition>, name: &str, deadline: Instant) -> Result<(), Error> {
    let mut seen = "no answer of the API server".to_owned();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            ticks.tick().await;
            match api.get_opt(name).await {
                Ok(Some(definition)) if is_established(&definition) => return,
                Ok(Some(definition)) => seen = conditions(&definition),
                Ok(None) => seen = String::from("it is gone"),
                Err(error) => seen = error.to_string(),
            }
        }
    };
    let in_time = timeout_at(deadline, looking).await;
    in_time.map_err(|_| Error::NotEstablished { name: name.to_owned(), seen })
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let status = definition.status.iter();
    let mut held = status.flat_map(|status| status.conditions.iter().flatten());
    held.any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// The conditions in one line, such as
/// `NamesAccepted=False (PluralConflict: "propagationpolicies" is already in use)`.
fn conditions(definition: &CustomResourceDefinition) -> String {
    let status = definition.status.iter();
    let told = status.flat_map(|status| status.conditions.iter().flatten()).map(|condition| {
        let reason = condition.reason.as_deref().unwrap_or("no reason");
        let message = condition.message.as_deref().unwrap_or("no message");
        format!("{}={} ({reason}: {message})", condition.type_, condition.status)
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "no conditions yet".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceDefinitionCondition as Condition, CustomResourceDefinitionStatus as Status,
    };

    fn with_condition(type_: &str, status: &str, reason: &str) -> CustomResourceDefinition {
        let condition = Condition {
            type_: type_.into(),
            status: status.into(),
            reason: Some(reason.into()),
            message: Some("in use".into()),
            ..Condition::default()
        };
        let status = Status { conditions: Some(vec![condition]), ..Status::default() };
        CustomResourceDefinition { status: Some(status), ..CustomResourceDefinition::default() }
    }

    #[test]
    fn a_definition_is_served_when_its_condition_is_true() {
        assert!(is_established(&with_condition("Established", "True", "InitialNamesAccepted")));
        assert!(!is_established(&with_condition("Established", "False", "Installing")));
        assert!(!is_established(&CustomResourceDefinition::default()));
    }

    #[test]
    fn what_was_seen_instead_names_type_reason_and_message() {
        let seen = conditions(&with_condition("NamesAccepted", "False", "PluralConflict"));
        assert_eq!(seen, "NamesAccepted=False (PluralConflict: in use)");
        assert_eq!(conditions(&CustomResourceDefinition::default()), "no conditions yet");
    }

    #[test]
    fn a_definition_with_the_servers_defaults_counts_as_the_same() {
        for wanted in atoll_crds::all_crds() {
            let mut held = wanted.clone();
            held.spec.conversion = Some(CustomResourceConversion { strategy: "None".into(), webhook: None });
            held.spec.names.singular = Some(held.spec.names.kind.to_lowercase());
            assert_eq!(completed(&held.spec), completed(&wanted.spec), "{}", wanted.name_any());
        }
    }

    #[test]
    fn a_removed_field_counts_as_a_difference() {
        let wanted = atoll_crds::all_crds().remove(0);
        let mut held = wanted.clone();
        held.spec.names.categories.get_or_insert_default().push("extra".into());
        assert_ne!(completed(&held.spec), completed(&wanted.spec));
    }
}
