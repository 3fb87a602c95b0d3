//! The kinds of deviation, and when each of them is undone.

use anyhow::{Context, Result};
use atoll_crds::names::label::MANAGED;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::names::{INTRUDER, Load};
use super::super::templates;

/// What is done to a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Deviation {
    /// A value of ours is edited, as `kubectl edit` does it.
    FieldEdited,
    /// The copy is deleted.
    ObjectDeleted,
    /// The label by which the operator finds its copies is taken off.
    LabelStripped,
    /// Another manager takes a field of ours by force and gives it another value.
    ForeignManager,
}

impl Deviation {
    /// All of them, in the order in which they take turns.
    pub const ALL: [Self; 4] = [Self::FieldEdited, Self::ObjectDeleted, Self::LabelStripped, Self::ForeignManager];

    /// Makes it; returns the copy's uid, and the version it has after it or had before it went.
    pub async fn inject(self, api: &Api<ConfigMap>, name: &str) -> Result<(String, u64)> {
        let theirs = json!({"data": {"payload": format!("not as on the hub: {name}")}});
        let unlabelled = json!({"metadata": {"labels": {MANAGED: null}}});
        let merge = async |patch: Value| {
            let parameters = PatchParams { field_manager: Some(INTRUDER.to_owned()), ..PatchParams::default() };
            api.patch(name, &parameters, &Patch::Merge(patch)).await
        };
        let object = match self {
            Self::FieldEdited => merge(theirs).await?,
            Self::LabelStripped => merge(unlabelled).await?,
            Self::ForeignManager => {
                let mut object = theirs;
                object["apiVersion"] = "v1".into();
                object["kind"] = "ConfigMap".into();
                api.patch(name, &PatchParams::apply(INTRUDER).force(), &Patch::Apply(object)).await?
            }
            Self::ObjectDeleted => {
                let object = api.get(name).await?;
                api.delete(name, &DeleteParams::default()).await?;
                object
            }
        };
        Ok((object.uid().context("the member gave the copy no uid")?, version(&object)))
    }
}

/// A deviation that was made.
#[derive(Clone, Debug)]
pub struct Injected {
    /// What it was.
    pub deviation: Deviation,
    /// Which of the site's members.
    pub member: usize,
    /// Its name.
    pub cluster: String,
    /// Which copy.
    pub name: String,
    /// The copy's uid then.
    pub uid: String,
    /// Its version after the deviation, or before it went.
    pub version: u64,
    /// When the member had answered.
    pub at: Instant,
}

/// A state of a copy, as far as deviations go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub version: u64,
    /// It holds what the hub's template holds.
    pub as_on_hub: bool,
    /// It carries the operator's label.
    pub labelled: bool,
    /// The intruder owns its payload, alone or with others.
    pub intruded: bool,
}

impl State {
    /// Of a copy as a member shows it.
    pub fn of(copy: &ConfigMap, namespace: &str) -> Self {
        let name = copy.name_any();
        let wanted = templates::build(namespace, &name, Load::Burst).data;
        Self {
            uid: copy.uid().unwrap_or_default(),
            version: version(copy),
            as_on_hub: copy.data == wanted,
            labelled: copy.labels().get(MANAGED).is_some_and(|value| value == "true"),
            intruded: copy.managed_fields().iter().any(is_intrusion),
        }
    }

    /// Whether this state comes after the deviation and has nothing of it.
    pub fn undoes(&self, injected: &Injected) -> bool {
        let is_later = match injected.deviation {
            Deviation::ObjectDeleted => self.uid != injected.uid,
            _ => self.version > injected.version,
        };
        is_later && self.as_on_hub && self.labelled && !self.intruded
    }

    /// What is wrong with it, for a person.
    pub fn describe(&self, injected: &Injected) -> String {
        let mut wrong = Vec::new();
        if injected.deviation == Deviation::ObjectDeleted && self.uid == injected.uid {
            wrong.push("no other object has come in its place");
        }
        if !self.as_on_hub {
            wrong.push("its data is not as on the hub");
        }
        if !self.labelled {
            wrong.push("the operator's label is missing");
        }
        if self.intruded {
            wrong.push("the intruder still owns its payload");
        }
        if wrong.is_empty() {
            "nothing is wrong with it but that no change was seen".to_owned()
        } else {
            wrong.join("; ")
        }
    }
}

fn is_intrusion(entry: &ManagedFieldsEntry) -> bool {
    let owns_payload = entry.fields_v1.as_ref().is_some_and(|fields| fields.0["f:data"]["f:payload"].is_object());
    entry.manager.as_deref() == Some(INTRUDER) && owns_payload
}

fn version(object: &ConfigMap) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn injected(deviation: Deviation) -> Injected {
        let (cluster, name) = ("m1".to_owned(), "burst-000001".to_owned());
        Injected { deviation, member: 0, cluster, name, uid: "a".into(), version: 7, at: Instant::now() }
    }

    pub fn good(uid: &str, version: u64) -> State {
        State { uid: uid.into(), version, as_on_hub: true, labelled: true, intruded: false }
    }

    #[test]
    fn a_good_state_from_before_the_deviation_undoes_nothing() {
        assert!(!good("a", 7).undoes(&injected(Deviation::FieldEdited)));
        assert!(good("a", 8).undoes(&injected(Deviation::FieldEdited)));
    }

    #[test]
    fn a_deleted_copy_is_back_only_as_another_object() {
        assert!(!good("a", 9).undoes(&injected(Deviation::ObjectDeleted)));
        assert!(good("b", 9).undoes(&injected(Deviation::ObjectDeleted)));
    }

    #[test]
    fn a_copy_of_which_anything_is_wrong_is_not_undone_and_says_what() {
        let wrong = State { labelled: false, intruded: true, ..good("a", 8) };
        let label_missing = State { labelled: false, ..good("a", 8) };
        assert!(!label_missing.undoes(&injected(Deviation::FieldEdited)));
        let told = wrong.describe(&injected(Deviation::LabelStripped));
        assert!(told.contains("label") && told.contains("intruder"), "{told}");
    }

    #[test]
    fn the_state_is_read_from_the_copy_itself() {
        let mut copy = templates::build("shop", "burst-000001", Load::Burst);
        copy.metadata.uid = Some("a".into());
        copy.metadata.resource_version = Some("12".into());
        copy.labels_mut().insert(MANAGED.to_owned(), "true".to_owned());
        assert_eq!(State::of(&copy, "shop"), good("a", 12));
        let fields = json!([{"manager": INTRUDER, "fieldsV1": {"f:data": {"f:payload": {}}}}]);
        copy.metadata.managed_fields = serde_json::from_value(fields).unwrap();
        copy.data = None;
        let state = State::of(&copy, "shop");
        assert!(state.intruded && !state.as_on_hub, "{state:?}");
    }
}
