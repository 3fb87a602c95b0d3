//! What is to be written, as a list. Pure.

use std::collections::BTreeMap;

use anyhow::Result;
use atoll_crds::cluster::{SecretReference, SyncMode};
use atoll_crds::names::CLUSTER_NAMESPACE;
use atoll_crds::{Cluster, ClusterSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use super::validate::{Address, Validated};
use crate::account::{self, Account};
use crate::args;
use crate::kinds;
use crate::planned::Planned;
use crate::role::{self, Grant};

/// Everything to write, in order: the member's objects, the hub's, its Secret,
/// its Cluster.
pub struct Plan {
    pub name: args::ClusterName,
    pub member: Vec<Planned>,
    pub hub: Vec<Planned>,
    pub cluster: ClusterWrite,
    pub address: Address,
    /// What the operator may write afterwards.
    pub grant: Grant,
    /// What it may write now and no longer afterwards, in words.
    pub taken: Vec<String>,
}

/// What happens to the Cluster object.
pub enum ClusterWrite {
    /// It is new.
    Create(Box<Cluster>),
    /// These fields differ; everything else is others' and stays.
    Patch { current: Box<Cluster>, patch: Value },
    /// It is as it should be.
    Nothing { current: Box<Cluster> },
}

impl ClusterWrite {
    /// As it would be sent.
    pub fn manifest(&self) -> String {
        match self {
            Self::Create(cluster) => format!("{:#}", json!(cluster)),
            Self::Patch { patch, .. } => format!("{patch:#}"),
            Self::Nothing { .. } => "the cluster is as it should be".to_owned(),
        }
    }
}

/// Lists what is to be written.
pub fn plan(task: &args::Join, validated: &Validated) -> Result<Plan> {
    let account = Account::of(&task.name);
    let rules = decide_rules(task, validated);
    let version = validated.role.as_ref().and_then(ClusterRole::resource_version);
    let grant = role::granted(&rules);
    let held = validated.role.as_ref().and_then(|role| role.rules.as_deref()).map(role::granted);
    let taken = held.map(|held| taken(&held, &grant)).unwrap_or_default();
    Ok(Plan {
        name: task.name.clone(),
        member: vec![
            Planned::of(&account::namespace())?,
            Planned::of(&account.service_account())?,
            Planned::of(&account.cluster_role(rules, version))?,
            Planned::of(&account.cluster_role_binding())?,
            Planned::of(&account.role())?,
            Planned::of(&account.role_binding())?,
            Planned::of(&account.token_secret())?,
        ],
        hub: vec![Planned::of(&account::namespace())?],
        cluster: decide_cluster(task, validated),
        address: validated.address.clone(),
        grant,
        taken,
    })
}

fn taken(held: &Grant, grant: &Grant) -> Vec<String> {
    match (held, grant) {
        (_, Grant::Everything) => Vec::new(),
        (Grant::Everything, Grant::Kinds(_)) => vec!["anything else".to_owned()],
        (Grant::Kinds(held), Grant::Kinds(kinds)) => held.difference(kinds).map(ToString::to_string).collect(),
    }
}

/// What was asked for; without a word of the user what is there, so that a
/// refresh takes back no grant.
fn decide_rules(task: &args::Join, validated: &Validated) -> Vec<PolicyRule> {
    if task.cluster_admin {
        return role::rules(&Grant::Everything);
    }
    let held = validated.role.as_ref().and_then(|role| role.rules.as_deref());
    match held {
        _ if !task.allow.is_empty() => role::rules(&Grant::Kinds(validated.allowed.clone())),
        Some(held) if !held.is_empty() => role::with_base(held),
        _ => role::rules(&Grant::Kinds(kinds::workloads())),
    }
}

fn decide_cluster(task: &args::Join, validated: &Validated) -> ClusterWrite {
    match &validated.cluster {
        None => ClusterWrite::Create(Box::new(build_cluster(task, validated))),
        Some(current) => {
            let patch = differences(current, &build_cluster(task, validated));
            let current = Box::new(current.clone());
            match patch {
                Some(patch) => ClusterWrite::Patch { current, patch },
                None => ClusterWrite::Nothing { current },
            }
        }
    }
}

fn build_cluster(task: &args::Join, validated: &Validated) -> Cluster {
    let spec = ClusterSpec {
        id: Some(validated.id.clone()),
        sync_mode: SyncMode::Push,
        api_endpoint: Some(validated.address.url()),
        secret_ref: Some(SecretReference { namespace: CLUSTER_NAMESPACE.to_owned(), name: task.name.to_string() }),
        insecure_skip_tls_verification: validated.address.insecure,
        provider: task.cluster_provider.clone(),
        region: task.cluster_region.clone(),
        zones: task.cluster_zones.clone(),
        ..ClusterSpec::default()
    };
    let mut cluster = Cluster::new(task.name.as_str(), spec);
    let labels: BTreeMap<_, _> = task.labels.iter().map(|label| (label.key.clone(), label.value.clone())).collect();
    if !labels.is_empty() {
        cluster.metadata.labels = Some(labels);
    }
    cluster
}

/// A merge patch with what `wanted` says and `current` does not; None when
/// there is nothing. What the user did not name stays, whoever wrote it.
fn differences(current: &Cluster, wanted: &Cluster) -> Option<Value> {
    let (held, spec) = (json!(current.spec), json!(wanted.spec));
    let mut changed: Map<String, Value> = spec
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, value)| held.get(field) != Some(value))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    if current.spec.insecure_skip_tls_verification && !wanted.spec.insecure_skip_tls_verification {
        changed.insert("insecureSkipTLSVerification".to_owned(), Value::Null);
    }
    // The old field for one zone must not stand beside zones (karmada-api 1.3).
    if !wanted.spec.zones.is_empty() && current.spec.zone.is_some() {
        changed.insert("zone".to_owned(), Value::Null);
    }
    let labels: BTreeMap<_, _> =
        wanted.labels().iter().filter(|(key, value)| current.labels().get(*key) != Some(value)).collect();
    if changed.is_empty() && labels.is_empty() {
        return None;
    }
    let version = current.resource_version().unwrap_or_default();
    Some(json!({"metadata": {"resourceVersion": version, "labels": labels}, "spec": changed}))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Task};

    fn task(more: &str) -> args::Join {
        let line = format!("kubectl-atoll join m1 --cluster-kubeconfig f {more}");
        let Task::Join(join) = Cli::parse_from(line.split_whitespace()).task else { panic!("no join") };
        join
    }

    fn validated(cluster: Option<Cluster>, role: Option<Vec<PolicyRule>>) -> Validated {
        let endpoint = "https://10.0.0.1:6443".parse().unwrap();
        Validated {
            id: "id-1".into(),
            address: Address { endpoint, overridden: false, insecure: false },
            cluster,
            role: role.map(|rules| ClusterRole { rules: Some(rules), ..ClusterRole::default() }),
            allowed: [kinds::GroupResource::new("", "configmaps")].into(),
            warnings: vec![],
        }
    }

    fn joined(more: &str) -> Cluster {
        let mut cluster = build_cluster(&task(more), &validated(None, None));
        cluster.metadata.resource_version = Some("7".into());
        cluster
    }

    fn patch(current: Cluster, more: &str) -> Option<Value> {
        match decide_cluster(&task(more), &validated(Some(current), None)) {
            ClusterWrite::Patch { patch, .. } => Some(patch),
            ClusterWrite::Nothing { .. } => None,
            ClusterWrite::Create(_) => panic!("created again"),
        }
    }

    #[test]
    fn an_endpoint_is_written_without_a_slash_at_its_end() {
        assert_eq!(joined("").spec.api_endpoint.as_deref(), Some("https://10.0.0.1:6443"));
    }

    #[test]
    fn joining_again_writes_nothing_when_nothing_changed() {
        assert_eq!(patch(joined("--cluster-region r --labels a=b"), ""), None);
        assert_eq!(patch(joined("--cluster-region r"), "--cluster-region r"), None);
    }

    #[test]
    fn joining_again_writes_what_the_user_names_and_leaves_the_rest() {
        let mut current = joined("--cluster-region r --labels a=b");
        current.spec.api_endpoint = Some("https://10.0.0.2:6443".into());
        let expected = json!({
            "metadata": {"resourceVersion": "7", "labels": {"c": "d"}},
            "spec": {"apiEndpoint": "https://10.0.0.1:6443", "zones": ["z1", "z2"]},
        });
        assert_eq!(patch(current, "--cluster-zones z1,z2 --labels a=b,c=d"), Some(expected));
    }

    #[test]
    fn zones_replace_the_old_single_zone() {
        let mut current = joined("");
        current.spec.zone = Some("z0".into());
        assert_eq!(patch(current, "--cluster-zones z1").unwrap()["spec"], json!({"zone": null, "zones": ["z1"]}));
    }

    #[test]
    fn the_first_join_grants_workloads() {
        let rules = decide_rules(&task(""), &validated(None, None));
        assert_eq!(rules, role::rules(&Grant::Kinds(kinds::workloads())));
    }

    #[test]
    fn a_refresh_takes_no_grant_back_and_a_list_of_kinds_is_taken_at_its_word() {
        let held = role::rules(&Grant::Kinds([kinds::GroupResource::new("example.com", "widgets")].into()));
        let validated = validated(None, Some(held.clone()));
        assert_eq!(decide_rules(&task(""), &validated), held);
        let named = decide_rules(&task("--allow configmaps"), &validated);
        assert_eq!(named, role::rules(&Grant::Kinds(validated.allowed.clone())));
    }

    #[test]
    fn what_a_narrower_list_takes_away_is_named() {
        let kinds =
            |names: &[&str]| Grant::Kinds(names.iter().map(|name| kinds::GroupResource::new("", name)).collect());
        assert_eq!(taken(&kinds(&["a", "b"]), &kinds(&["b", "c"])), ["a"]);
        assert_eq!(taken(&Grant::Everything, &kinds(&["a"])), ["anything else"]);
        assert!(taken(&kinds(&["a"]), &Grant::Everything).is_empty());
    }

    #[test]
    fn everything_is_granted_only_when_it_is_asked_for() {
        let rules = decide_rules(&task("--cluster-admin"), &validated(None, None));
        assert_eq!(role::granted(&rules), Grant::Everything);
    }
}
