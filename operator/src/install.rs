//! Installs the API: the `CustomResourceDefinitions` of `atoll-crds`.
//!
//! Enters: a client of the hub. Leaves: definitions that are served. Must not:
//! remove or narrow what it does not know; a definition that says the same is
//! not written.
//!
//! Eight kinds are needed: Atoll reads or writes them, so it does not begin
//! without them, and brings them up to date whoever wrote them. The others are
//! installed so that users' manifests are taken and checked, and nothing reads
//! them yet. They are therefore only made where they are missing and kept up to
//! date where we made them: the multi-cluster services API may come from
//! somebody else, with versions of theirs. What goes wrong with one of them is
//! told and stops nothing.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// The kinds that Atoll does not work without, by the names of their
/// definitions.
const NEEDED: [&str; 8] = [
    "clusteroverridepolicies.policy.karmada.io",
    "clusterpropagationpolicies.policy.karmada.io",
    "clusterresourcebindings.work.karmada.io",
    "clusters.cluster.karmada.io",
    "isolationsnapshots.atoll.dev",
    "overridepolicies.policy.karmada.io",
    "propagationpolicies.policy.karmada.io",
    "resourcebindings.work.karmada.io",
];

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
    /// Somebody else's, of kinds that nothing reads yet.
    pub left: Vec<String>,
    /// Not in place, of kinds that nothing reads yet: why.
    pub failed: Vec<String>,
}

/// What became of one definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Written,
    Unchanged,
    Left,
}

/// Puts every definition in place and waits until all are served.
pub async fn install_crds(client: &Client) -> Result<Installed, Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut installed = Installed::default();
    for wanted in atoll_crds::all_crds() {
        let name = wanted.name_any();
        match apply(&api, &wanted).await {
            Ok(Outcome::Written) => installed.written.push(name),
            Ok(Outcome::Unchanged) => installed.unchanged.push(name),
            Ok(Outcome::Left) => installed.left.push(name),
            Err(error) if is_needed(&name) => return Err(error),
            Err(error) => installed.failed.push(error.to_string()),
        }
    }
    let deadline = Instant::now() + ESTABLISHED_DEADLINE;
    for name in installed.written.iter().chain(&installed.unchanged) {
        match wait_established(&api, name, deadline).await {
            Err(error) if !is_needed(name) => installed.failed.push(error.to_string()),
            served => served?,
        }
    }
    Ok(installed)
}

fn is_needed(name: &str) -> bool {
    NEEDED.contains(&name)
}

/// The needed definitions whose kinds the hub does not serve, by name, whoever
/// would serve them.
pub async fn missing(client: &Client) -> Result<Vec<String>, kube::Error> {
    let mut missing = Vec::new();
    for wanted in atoll_crds::all_crds().into_iter().filter(|wanted| is_needed(&wanted.name_any())) {
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

/// Writes a definition unless the API server holds it as it is, or it is not
/// ours to change.
async fn apply(api: &Api<CustomResourceDefinition>, wanted: &CustomResourceDefinition) -> Result<Outcome, Error> {
    let name = wanted.name_any();
    let held = api.get_opt(&name).await.map_err(|source| Error::Read { name: name.clone(), source })?;
    if let Some(outcome) = held.and_then(|held| keep(&held, wanted)) {
        return Ok(outcome);
    }
    let parameters = PatchParams::apply(MANAGER).force();
    let patched = api.patch(&name, &parameters, &Patch::Apply(wanted)).await;
    patched.map_err(|source| Error::Apply { name, source })?;
    Ok(Outcome::Written)
}

/// Why a definition that is there stays as it is; none when it is to be
/// written.
fn keep(held: &CustomResourceDefinition, wanted: &CustomResourceDefinition) -> Option<Outcome> {
    if completed(&held.spec) == completed(&wanted.spec) {
        return Some(Outcome::Unchanged);
    }
    let ours = held.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some(MANAGER));
    (!ours && !is_needed(&wanted.name_any())).then_some(Outcome::Left)
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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

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
    fn every_needed_kind_is_one_of_ours() {
        let names: Vec<String> = atoll_crds::all_crds().iter().map(ResourceExt::name_any).collect();
        for needed in NEEDED {
            assert!(names.iter().any(|name| name == needed), "{needed}");
        }
    }

    #[test]
    fn a_definition_of_somebody_else_is_changed_only_where_atoll_needs_the_kind() {
        let named = |name: &str| {
            let mut definitions = atoll_crds::all_crds().into_iter();
            definitions.find(|definition| definition.name_any() == name).unwrap()
        };
        let managed_by = |definition: &CustomResourceDefinition, manager: &str| {
            let mut held = definition.clone();
            held.spec.names.short_names = Some(vec!["other".into()]);
            let entry = ManagedFieldsEntry { manager: Some(manager.into()), ..ManagedFieldsEntry::default() };
            held.metadata.managed_fields = Some(vec![entry]);
            held
        };
        let imports = named("serviceimports.multicluster.x-k8s.io");
        assert_eq!(keep(&managed_by(&imports, "kubectl"), &imports), Some(Outcome::Left));
        assert_eq!(keep(&managed_by(&imports, MANAGER), &imports), None);
        assert_eq!(keep(&imports, &imports), Some(Outcome::Unchanged));
        let clusters = named("clusters.cluster.karmada.io");
        assert_eq!(keep(&managed_by(&clusters, "kubectl"), &clusters), None);
    }

    #[test]
    fn a_removed_field_counts_as_a_difference() {
        let wanted = atoll_crds::all_crds().remove(0);
        let mut held = wanted.clone();
        held.spec.names.categories.get_or_insert_default().push("extra".into());
        assert_ne!(completed(&held.spec), completed(&wanted.spec));
    }
}
