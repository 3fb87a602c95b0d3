use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::affinity::ClusterAffinity;
use crate::cluster::{Cluster, Grade};
use crate::ids::Gvk;
use crate::matching::Scope;
use crate::overrides::{Edit, Overriders, PatchOperation, Problem};
use crate::overrides::{OverridePolicy, Rule};

fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.into(),
        labels: BTreeMap::new(),
        provider: String::new(),
        region: String::new(),
        zones: Vec::new(),
        taints: Vec::new(),
        deleting: false,
        apis: None,
        capacity: None,
        health: Grade::Healthy,
        fenced: false,
    }
}

/// A Deployment as the hub's API server returns it.
fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "0b1c",
            "resourceVersion": "77",
            "generation": 3,
            "creationTimestamp": "2026-05-01T10:00:00Z",
            "finalizers": ["example.io/hold"],
            "ownerReferences": [{"kind": "App", "name": "web"}],
            "managedFields": [{"manager": "kubectl"}],
            "labels": {"app": "web", "propagationpolicy.karmada.io/permanent-id": "p1"},
            "annotations": {
                "deployment.kubernetes.io/revision": "4",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "propagationpolicy.karmada.io/name": "web",
            },
        },
        "spec": {"replicas": 5, "template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": [
            {"name": "web", "image": "nginx:1.27"},
        ]}}},
        "status": {"replicas": 5},
    })
}

fn pruned(object: Value) -> PrunedTemplate {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let gvk = Gvk::from_api_version(&text("apiVersion"), &text("kind"));
    prune(&gvk, object)
}

fn provenance() -> Provenance {
    Provenance {
        binding: Some(BindingMark { namespace: Some("shop".into()), name: "web-deployment".into(), id: "b1".into() }),
        template_uid: "0b1c".into(),
        template_generation: 3,
        hub_uid: "hub".into(),
    }
}

fn override_policy(name: &str, rules: Vec<(Option<&str>, PatchOperation)>) -> OverridePolicy {
    let rule = |(only, operation): (Option<&str>, PatchOperation)| Rule {
        target: only.map(|name| ClusterAffinity { names: BTreeSet::from([name.into()]), ..ClusterAffinity::default() }),
        overriders: Overriders { plaintext: vec![operation], ..Overriders::default() },
    };
    let scope = Scope::Namespaced("shop".into());
    OverridePolicy { name: name.into(), scope, selectors: Vec::new(), rules: rules.into_iter().map(rule).collect() }
}

fn replace(path: &str, value: Value) -> PatchOperation {
    PatchOperation { path: path.into(), edit: Edit::Replace(value) }
}

/// Renders for clusters of these names, with two replicas each.
fn rendered(
    template: &PrunedTemplate,
    overrides: &[&OverridePolicy],
    clusters: &[&str],
) -> Vec<Result<Arc<Manifest>, Error>> {
    let clusters: Vec<Cluster> = clusters.iter().map(|name| cluster(name)).collect();
    let provenance = provenance();
    let input = Render { template, overrides, provenance: &provenance, scale: None, members_scale: false };
    let destinations: Vec<_> =
        clusters.iter().map(|cluster| Destination { cluster, replicas: Some(2), completions: None }).collect();
    render_all(&input, &destinations)
}

fn one(template: &PrunedTemplate, overrides: &[&OverridePolicy]) -> Result<Arc<Manifest>, Error> {
    rendered(template, overrides, &["m1"]).remove(0)
}

#[test]
fn a_manifest_is_the_template_with_the_clusters_replicas_and_our_marks() {
    let manifest = one(&pruned(deployment()), &[]).unwrap();
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {
                "app": "web",
                "propagationpolicy.karmada.io/permanent-id": "p1",
                "karmada.io/managed": "true",
                "resourcebinding.karmada.io/permanent-id": "b1",
            },
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "propagationpolicy.karmada.io/name": "web",
                "resourcebinding.karmada.io/namespace": "shop",
                "resourcebinding.karmada.io/name": "web-deployment",
                "resourcetemplate.karmada.io/uid": "0b1c",
                "resourcetemplate.karmada.io/generation": "3",
                "atoll.dev/hub-uid": "hub",
                "atoll.dev/manifest-hash": format!("{:016x}", manifest.hash),
            },
        },
        "spec": {"replicas": 2, "template": {"metadata": {}, "spec": {"containers": [
            {"name": "web", "image": "nginx:1.27"},
        ]}}},
    });
    assert_eq!(manifest.object, expected);
    assert!(manifest.applied_overrides.is_empty());
}

#[test]
fn a_cluster_scoped_copy_names_its_cluster_binding() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}});
    let mut provenance = provenance();
    provenance.binding.as_mut().unwrap().namespace = None;
    let template = pruned(role);
    let input =
        Render { template: &template, overrides: &[], provenance: &provenance, scale: None, members_scale: false };
    let member = cluster("m1");
    let destination = Destination { cluster: &member, replicas: None, completions: None };
    let object = render(&input, &destination).unwrap().object;
    assert_eq!(object["metadata"]["labels"][marks::CLUSTER_BINDING_ID], "b1");
    assert_eq!(object["metadata"]["annotations"][marks::CLUSTER_BINDING_NAME], "web-deployment");
    assert_eq!(object["metadata"]["annotations"].get(marks::BINDING_NAME), None);
}

#[test]
fn a_copy_without_a_binding_names_none() {
    let template = pruned(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    let (provenance, member) = (Provenance { binding: None, ..provenance() }, cluster("m1"));
    let input =
        Render { template: &template, overrides: &[], provenance: &provenance, scale: None, members_scale: false };
    let destination = Destination { cluster: &member, replicas: None, completions: None };
    let metadata = &render(&input, &destination).unwrap().object["metadata"];
    assert_eq!(metadata["labels"], json!({marks::MANAGED: "true"}));
    assert_eq!(metadata["annotations"][marks::HUB_UID], "hub");
    assert!(metadata["annotations"].as_object().unwrap().keys().all(|key| !key.contains("binding")));
}

#[test]
fn a_hash_the_user_wrote_is_not_part_of_ours() {
    let mut object = deployment();
    object["metadata"]["annotations"][marks::MANIFEST_HASH] = json!("0123");
    let forged = one(&pruned(object), &[]).unwrap();
    let plain = one(&pruned(deployment()), &[]).unwrap();
    assert_eq!(forged, plain);
}

#[test]
fn clusters_for_which_everything_is_the_same_share_one_manifest() {
    let policy = override_policy("o", vec![(Some("m3"), replace("/spec/replicas", json!(9)))]);
    let template = pruned(deployment());
    let manifests: Vec<_> =
        rendered(&template, &[&policy], &["m1", "m2", "m3"]).into_iter().map(Result::unwrap).collect();
    assert!(Arc::ptr_eq(&manifests[0], &manifests[1]));
    assert_eq!(manifests[2].object["spec"]["replicas"], 9);
    assert_ne!(manifests[0].hash, manifests[2].hash);
    assert_eq!(manifests[2].applied_overrides, ["OverridePolicy shop/o"]);
    assert!(manifests[0].applied_overrides.is_empty());
}

#[test]
fn later_policies_and_rules_win() {
    let first = override_policy(
        "first",
        vec![(None, replace("/spec/replicas", json!(6))), (None, replace("/spec/replicas", json!(7)))],
    );
    let second = override_policy("second", vec![(None, replace("/spec/replicas", json!(8)))]);
    let manifest = one(&pruned(deployment()), &[&first, &second]).unwrap();
    assert_eq!(manifest.object["spec"]["replicas"], 8);
    assert_eq!(manifest.applied_overrides, ["OverridePolicy shop/first", "OverridePolicy shop/second"]);
}

#[test]
fn a_failing_override_names_cluster_policy_rule_and_path() {
    let policy = override_policy(
        "o",
        vec![(None, replace("/spec/replicas", json!(1))), (None, replace("/spec/absent", json!(1)))],
    );
    let error = one(&pruned(deployment()), &[&policy]).unwrap_err();
    let Error::Override { cluster, policy, rule, source } = error else { panic!("{error}") };
    assert_eq!((cluster.as_str(), policy.as_str(), rule), ("m1", "OverridePolicy shop/o", 1));
    assert_eq!(source.path, "/spec/absent");
    assert!(matches!(source.problem, Problem::Patch(_)));
}

#[test]
fn an_explanation_renders_the_same_and_names_the_paths_that_each_rule_changed() {
    let template = pruned(deployment());
    let first =
        override_policy("first", vec![(None, replace("/spec/template/spec/containers/0/image", json!("own:1")))]);
    let more = vec![
        (Some("m2"), replace("/metadata/labels/app", json!("x"))),
        (None, replace("/metadata/labels/app", json!("web"))),
    ];
    let second = override_policy("second", more);
    let provenance = provenance();
    let overrides = [&first, &second];
    let input = Render {
        template: &template,
        overrides: &overrides,
        provenance: &provenance,
        scale: None,
        members_scale: false,
    };
    let (one, two) = (cluster("m1"), cluster("m2"));
    let destination = |cluster| Destination { cluster, replicas: Some(2), completions: None };
    let (manifest, changes) = explain(&input, &destination(&one));
    assert_eq!(manifest.unwrap(), render(&input, &destination(&one)).unwrap());
    let told = |changes: Vec<Changed>| -> Vec<(String, usize, Vec<String>)> {
        changes.into_iter().map(|one| (one.policy, one.rule, one.paths)).collect()
    };
    let (image, label) = ("/spec/template/spec/containers/0/image".to_owned(), "/metadata/labels/app".to_owned());
    let (first, second) = ("OverridePolicy shop/first".to_owned(), "OverridePolicy shop/second".to_owned());
    let on_one = [(first.clone(), 0, vec![image.clone()]), (second.clone(), 1, vec![])];
    assert_eq!(told(changes), on_one);
    let (manifest, changes) = explain(&input, &destination(&two));
    assert_eq!(manifest.unwrap(), render(&input, &destination(&two)).unwrap());
    let on_two = [(first, 0, vec![image]), (second.clone(), 0, vec![label.clone()]), (second, 1, vec![label])];
    assert_eq!(told(changes), on_two);
}

#[test]
fn an_override_cannot_rename_the_object_or_take_a_mark_off() {
    let rename = override_policy("o", vec![(None, replace("/metadata/name", json!("other")))]);
    let error = one(&pruned(deployment()), &[&rename]).unwrap_err();
    assert!(matches!(error, Error::Identity { field: "/metadata/name", .. }));

    let strip = override_policy("o", vec![(None, replace("/metadata/labels", json!({"karmada.io/managed": "no"})))]);
    let manifest = one(&pruned(deployment()), &[&strip]).unwrap();
    assert_eq!(manifest.object["metadata"]["labels"][marks::MANAGED], "true");

    let broken = override_policy("o", vec![(None, replace("/metadata/labels", json!("text")))]);
    let error = one(&pruned(deployment()), &[&broken]).unwrap_err();
    assert!(matches!(error, Error::NotMap { field: "/metadata/labels", .. }));
}

#[test]
fn replicas_are_left_out_where_the_member_scales() {
    let mut object = deployment();
    object["metadata"]["labels"][marks::RETAIN_REPLICAS] = json!("true");
    assert_eq!(one(&pruned(object), &[]).unwrap().object["spec"].get("replicas"), None);

    let (template, provenance, member) = (pruned(deployment()), provenance(), cluster("m1"));
    let input =
        Render { template: &template, overrides: &[], provenance: &provenance, scale: None, members_scale: true };
    let destination = Destination { cluster: &member, replicas: Some(2), completions: None };
    assert_eq!(render(&input, &destination).unwrap().object["spec"].get("replicas"), None);
}

#[test]
fn a_divided_job_gets_its_share_of_completions() {
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
        "spec": {"parallelism": 4, "completions": 10},
    });
    let (template, provenance, member) = (pruned(job), provenance(), cluster("m1"));
    let input =
        Render { template: &template, overrides: &[], provenance: &provenance, scale: None, members_scale: false };
    let destination = Destination { cluster: &member, replicas: Some(3), completions: Some(7) };
    let spec = &render(&input, &destination).unwrap().object["spec"];
    assert_eq!(spec, &json!({"parallelism": 3, "completions": 7}));
}

#[test]
fn status_and_bookkeeping_do_not_move_the_template_hash() {
    let mut touched = deployment();
    touched["metadata"]["resourceVersion"] = json!("78");
    touched["metadata"]["managedFields"] = json!([]);
    touched["status"] = json!({"replicas": 0});
    assert_eq!(pruned(touched).hash(), pruned(deployment()).hash());
    let mut changed = deployment();
    changed["spec"]["replicas"] = json!(6);
    assert_ne!(pruned(changed).hash(), pruned(deployment()).hash());
}

/// Any JSON, with the keys that pruning and marking look at among others.
fn json_value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "metadata",
        "spec",
        "labels",
        "annotations",
        "selector",
        "matchLabels",
        "template",
        "status",
        "job-name",
        "clusterIP",
        "secrets",
        "volumes",
        "uid",
        "a",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        ("apps/v1", "Deployment"),
        ("batch/v1", "Job"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
        ("v1", "Pod"),
        ("v1", "PersistentVolumeClaim"),
        ("example.io/v1", "Cache"),
    ]);
    (kind, json_value(), json_value()).prop_map(|((api_version, kind), spec, labels)| {
        json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": "x", "uid": "u", "labels": labels}, "spec": spec, "status": {"a": 1},
        })
    })
}

proptest! {
    #[test]
    fn pruning_twice_is_pruning_once(object in any_object()) {
        let once = pruned(object);
        let twice = pruned(once.object().clone());
        prop_assert_eq!(&twice, &once);
    }

    #[test]
    fn rendering_twice_gives_the_same_and_never_panics(object in any_object()) {
        let template = pruned(object);
        let (one, other) = (one(&template, &[]), one(&template, &[]));
        prop_assert_eq!(&one, &other);
        if let Ok(manifest) = one {
            prop_assert_eq!(&manifest.object["metadata"]["labels"][marks::MANAGED], "true");
        }
    }
}
