use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const US: &str = "atoll";

/// A live object whose fields are held as the entries say: manager, operation,
/// fieldset.
fn live(entries: &[(&str, &str, Value)]) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(manager, operation, fields)| {
            json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
        })
        .collect();
    json!({"metadata": {"managedFields": entries}})
}

/// A live Deployment on which our fieldset is `ours`; what is atomic stands there.
fn live_deployment(ours: Value) -> Value {
    with_entries(&[(US, "Apply", ours)])
}

fn with_entries(entries: &[(&str, &str, Value)]) -> Value {
    let mut object = deployment();
    object["metadata"]["managedFields"] = live(entries)["metadata"]["managedFields"].clone();
    object
}

fn paths(drift: &[Drift]) -> Vec<(&str, Option<&str>)> {
    drift.iter().map(|drift| (drift.path.as_str(), drift.manager.as_deref())).collect()
}

fn config_map() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "n", "labels": {"karmada.io/managed": "true"}},
        "data": {"a": "1", "b": "2"},
    })
}

fn config_map_fields() -> Value {
    json!({"f:metadata": {"f:labels": {"f:karmada.io/managed": {}}}, "f:data": {"f:a": {}, "f:b": {}}})
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}, "annotations": {}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "nginx:1.27",
                            "args": ["-a", "-b"],
                            "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
                            "env": [{"name": "A", "value": "1"}],
                            "resources": {},
                        },
                        {"name": "side", "image": "side:1"},
                    ],
                    "nodeSelector": {"disk": "ssd"},
                },
            },
        },
    })
}

/// What the API server records after we applied [`deployment`]. Selectors and
/// node selectors are atomic, ports have their defaulted protocol as a key.
fn deployment_fields() -> Value {
    json!({
        "f:metadata": {"f:annotations": {}, "f:labels": {"f:app": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        "k:{\"name\":\"web\"}": {
                            ".": {},
                            "f:name": {},
                            "f:image": {},
                            "f:args": {},
                            "f:ports": {
                                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                                "k:{\"containerPort\":53,\"protocol\":\"UDP\"}": {
                                    ".": {}, "f:containerPort": {}, "f:protocol": {},
                                },
                            },
                            "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}},
                            "f:resources": {},
                        },
                        "k:{\"name\":\"side\"}": {".": {}, "f:name": {}, "f:image": {}},
                    },
                    "f:nodeSelector": {},
                },
            },
        },
    })
}

/// Takes an entry out, and the maps that are empty then: the API server keeps
/// no empty sets.
fn remove(fields: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let entries = fields.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    entries.remove(&key.replace("~1", "/")).unwrap();
    if entries.is_empty() && !parent.is_empty() {
        remove(fields, parent);
    }
}

const WEB: &str = "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"web\"}";

#[test]
fn only_what_we_applied_to_the_object_itself_is_ours() {
    let mut object = live(&[("kubectl", "Apply", json!({"f:a": {}})), (US, "Update", json!({"f:b": {}}))]);
    assert_eq!(own_fields(&object, US), None);
    let status = json!({"manager": US, "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}});
    let ours = json!({"manager": US, "operation": "Apply", "fieldsV1": {"f:c": {}}});
    object["metadata"]["managedFields"].as_array_mut().unwrap().extend([status, ours]);
    assert_eq!(own_fields(&object, US), Some(&json!({"f:c": {}})));
    assert_eq!(own_fields(&json!({}), US), None);
}

#[test]
fn a_fingerprint_depends_on_the_fields_alone() {
    let one: Value = serde_json::from_str(r#"{"f:a": {}, "f:b": {".": {}, "f:c": {}}}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{"f:b": {"f:c": {}, ".": {}}, "f:a": {}}"#).unwrap();
    assert_eq!(fingerprint(&one), fingerprint(&other));
    assert_ne!(fingerprint(&one), fingerprint(&json!({"f:a": {}, "f:b": {".": {}}})));
}

#[test]
fn what_we_applied_and_still_hold_has_not_drifted() {
    let kubelet = ("kubelet", "Update", json!({"f:status": {"f:replicas": {}}}));
    assert_eq!(missing(&config_map(), &live(&[(US, "Apply", config_map_fields()), kubelet.clone()]), US), []);
    assert_eq!(missing(&deployment(), &with_entries(&[kubelet, (US, "Apply", deployment_fields())]), US), []);
}

#[test]
fn an_edited_value_belongs_to_who_edited_it() {
    let mut ours = config_map_fields();
    remove(&mut ours, "/f:data/f:b");
    let theirs = json!({"f:data": {"f:b": {}}});
    let drift = missing(&config_map(), &live(&[(US, "Apply", ours), ("kubectl-edit", "Update", theirs)]), US);
    assert_eq!(drift, [Drift { path: ".data.b".into(), wanted: json!("2"), manager: Some("kubectl-edit".into()) }]);
}

#[test]
fn a_map_that_was_taken_over_is_reported_once() {
    let mut ours = config_map_fields();
    remove(&mut ours, "/f:data");
    let theirs = json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}});
    let drift = missing(&config_map(), &live(&[(US, "Apply", ours), ("kubectl-edit", "Update", theirs)]), US);
    assert_eq!(paths(&drift), [(".data", Some("kubectl-edit"))]);
}

#[test]
fn a_stripped_label_is_held_by_nobody() {
    let mut ours = config_map_fields();
    remove(&mut ours, "/f:metadata/f:labels/f:karmada.io~1managed");
    let drift = missing(&config_map(), &live(&[(US, "Apply", ours)]), US);
    assert_eq!(paths(&drift), [(".metadata.labels", None)]);
    let mut ours = deployment_fields();
    remove(&mut ours, "/f:metadata/f:labels/f:app");
    let mut manifest = deployment();
    manifest["metadata"]["labels"]["more"] = json!("x");
    ours["f:metadata"]["f:labels"]["f:more"] = json!({});
    let drift = missing(&manifest, &live_deployment(ours), US);
    assert_eq!(paths(&drift), [(".metadata.labels.app", None)]);
}

#[test]
fn an_object_of_which_nothing_is_ours_is_one_drift() {
    let drift = missing(&config_map(), &live(&[("kubectl", "Apply", config_map_fields())]), US);
    assert_eq!(drift, [Drift { path: String::new(), wanted: config_map(), manager: None }]);
}

#[test]
fn replicas_scaled_by_hand_name_the_scaler() {
    let mut ours = deployment_fields();
    remove(&mut ours, "/f:spec/f:replicas");
    let scaled = ("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}));
    let drift = missing(&deployment(), &with_entries(&[(US, "Apply", ours), scaled]), US);
    assert_eq!(drift, [Drift { path: ".spec.replicas".into(), wanted: json!(2), manager: Some("kubectl".into()) }]);
}

#[test]
fn an_image_of_one_container_is_found_by_the_containers_name() {
    let mut ours = deployment_fields();
    remove(&mut ours, &format!("{WEB}/f:image"));
    let theirs =
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}});
    let drift = missing(&deployment(), &with_entries(&[(US, "Apply", ours), ("kubectl-set", "Update", theirs)]), US);
    assert_eq!(paths(&drift), [(".spec.template.spec.containers[name=web].image", Some("kubectl-set"))]);
}

#[test]
fn a_lost_container_is_one_drift() {
    let mut ours = deployment_fields();
    remove(&mut ours, "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"side\"}");
    let drift = missing(&deployment(), &with_entries(&[(US, "Apply", ours)]), US);
    assert_eq!(paths(&drift), [(".spec.template.spec.containers[name=side]", None)]);
    assert_eq!(drift[0].wanted, json!({"name": "side", "image": "side:1"}));
}

#[test]
fn a_list_that_is_owned_as_one_is_lost_as_one() {
    let mut ours = deployment_fields();
    remove(&mut ours, &format!("{WEB}/f:args"));
    let drift = missing(&deployment(), &with_entries(&[(US, "Apply", ours)]), US);
    assert_eq!(paths(&drift), [(".spec.template.spec.containers[name=web].args", None)]);
}

#[test]
fn ports_of_a_service_are_told_apart_by_port_and_protocol() {
    let service = json!({"kind": "Service", "spec": {"ports": [
        {"port": 53, "name": "dns"},
        {"port": 53, "protocol": "UDP", "name": "dns-udp"},
    ]}});
    let port = |keys: &str| {
        (format!("k:{{\"port\":53,\"protocol\":\"{keys}\"}}"), json!({".": {}, "f:name": {}, "f:port": {}}))
    };
    let fields = |ports: &[&str]| {
        let ports: Map<String, Value> = ports.iter().map(|protocol| port(protocol)).collect();
        json!({"f:spec": {"f:ports": ports}})
    };
    assert_eq!(missing(&service, &live(&[(US, "Apply", fields(&["TCP", "UDP"]))]), US).len(), 1);
    // The UDP entry stands for the item that says UDP, not for the one that says nothing.
    let drift = missing(&service, &live(&[(US, "Apply", fields(&["UDP"]))]), US);
    assert!(paths(&drift).contains(&(".spec.ports[name=dns]", None)), "{drift:?}");
}

#[test]
fn items_of_a_set_are_found_by_their_value() {
    let object = json!({"metadata": {"finalizers": ["a.io/x", "b.io/y"]}});
    let ours = json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"a.io/x\"": {}}}});
    let theirs = json!({"f:metadata": {"f:finalizers": {"v:\"b.io/y\"": {}}}});
    let drift = missing(&object, &live(&[(US, "Apply", ours), ("other", "Update", theirs)]), US);
    assert_eq!(paths(&drift), [(".metadata.finalizers[\"b.io/y\"]", Some("other"))]);
}

#[test]
fn a_shell_of_which_everything_left_us_is_told_from_a_map_that_is_ours_as_a_whole() {
    // A map of objects, as custom kinds have it: its entry is written `{}` when
    // nothing below it is ours any more.
    let object = json!({"spec": {"pools": {"small": {"size": 1, "labels": {"a": "b"}}}}});
    let shell = json!({"f:spec": {"f:pools": {"f:small": {}}}});
    let with = |pools: Value, theirs: Value| {
        let mut live = live(&[(US, "Apply", shell.clone()), ("kubectl-edit", "Update", theirs)]);
        live["spec"]["pools"] = pools;
        live
    };
    let edited = with(
        json!({"small": {"size": 2, "labels": {"a": "b"}}}),
        json!({"f:spec": {"f:pools": {"f:small": {"f:size": {}}}}}),
    );
    assert_eq!(paths(&missing(&object, &edited, US)), [(".spec.pools.small.size", Some("kubectl-edit"))]);
    let emptied = with(json!({"small": {"size": 1}}), json!({}));
    assert_eq!(paths(&missing(&object, &emptied, US)), [(".spec.pools.small.labels", None)]);
    let whole = with(json!({"small": {"size": 1, "labels": {"a": "b"}, "defaulted": true}}), json!({}));
    assert_eq!(missing(&object, &whole, US), []);
}

#[test]
fn what_the_api_server_may_drop_is_not_missed() {
    let object = json!({"spec": {"a": 1, "empty": {}, "none": [], "null": null}});
    assert_eq!(missing(&object, &live(&[(US, "Apply", json!({"f:spec": {"f:a": {}}}))]), US), []);
}

/// The fieldset a server would record for a manifest, with every list atomic.
fn fields_of(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (format!("f:{name}"), fields_of(field))).collect())
        }
        _ => json!({}),
    }
}

fn manifest() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(json!([1, 2]))];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop::collection::btree_map("[a-d]{1,2}", inner, 1..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    })
    .prop_filter("an object", Value::is_object)
}

proptest! {
    #[test]
    fn a_manifest_just_applied_has_not_drifted(manifest in manifest()) {
        let mut live = live(&[(US, "Apply", fields_of(&manifest))]);
        live.as_object_mut().unwrap().extend(manifest.as_object().unwrap().clone());
        prop_assert_eq!(missing(&manifest, &live, US), []);
    }

    #[test]
    fn each_top_level_field_that_left_us_is_found(manifest in manifest(), at in any::<prop::sample::Index>()) {
        let mut ours = fields_of(&manifest);
        let names: Vec<String> = manifest.as_object().unwrap().keys().cloned().collect();
        let lost = &names[at.index(names.len())];
        ours.as_object_mut().unwrap().remove(&format!("f:{lost}"));
        let drift = missing(&manifest, &live(&[(US, "Apply", ours)]), US);
        prop_assert_eq!(drift.len(), 1);
        prop_assert_eq!(&drift[0].path, &format!(".{lost}"));
    }
}
