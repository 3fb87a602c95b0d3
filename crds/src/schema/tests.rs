use serde_json::{Value, json};

use super::*;

fn schemas() -> Vec<(String, Value)> {
    all_crds()
        .into_iter()
        .map(|crd| {
            let schema = crd.spec.versions[0].schema.clone().unwrap();
            (crd.spec.names.kind, serde_json::to_value(schema.open_api_v3_schema).unwrap())
        })
        .collect()
}

/// Calls `see` with every schema below `schema` and its path.
fn walk(path: &str, schema: &Value, see: &mut dyn FnMut(&str, &Value)) {
    see(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), field, see);
    }
    for (mark, key) in [("[]", "items"), ("{}", "additionalProperties")] {
        if schema[key].is_object() {
            walk(&format!("{path}{mark}"), &schema[key], see);
        }
    }
}

#[test]
fn committed_manifests_are_what_the_types_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    for crd in all_crds() {
        let (name, text) = render_manifest(&crd).unwrap();
        let committed = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(committed == text, "crds/yaml/{name} is stale: run `cargo generate`");
    }
}

#[test]
fn manifests_read_back_as_the_same_definition() {
    for crd in all_crds() {
        let (_, text) = render_manifest(&crd).unwrap();
        let read: CustomResourceDefinition = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, crd);
    }
}

#[test]
fn every_schema_is_structural() {
    for (kind, root) in schemas() {
        walk("", &root, &mut |path, schema| {
            let typed = schema["type"].is_string()
                || schema["x-kubernetes-int-or-string"] == true
                || schema["x-kubernetes-preserve-unknown-fields"] == true;
            assert!(typed, "{kind}{path} has no type");
            for word in ["oneOf", "allOf", "not", "$ref"] {
                assert!(schema[word].is_null(), "{kind}{path} uses {word}");
            }
        });
    }
}

#[test]
fn a_quantity_says_that_it_is_a_number_or_a_text() {
    let mut quantities = 0;
    for (kind, root) in schemas() {
        walk("", &root, &mut |path, schema| {
            if schema["x-kubernetes-int-or-string"] == true {
                assert_eq!(schema["anyOf"], json!([{ "type": "integer" }, { "type": "string" }]), "{kind}{path}");
                quantities += 1;
            }
        });
    }
    assert!(quantities > 0);
}

#[test]
fn null_is_taken_only_for_the_time_of_a_cluster_condition() {
    let mut nullable = Vec::new();
    for (kind, root) in schemas() {
        walk("", &root, &mut |path, schema| {
            if schema["nullable"] == true {
                nullable.push(format!("{kind}{path}"));
            }
        });
    }
    assert_eq!(nullable, ["Cluster.status.conditions[].lastTransitionTime"]);
}

#[test]
fn bindings_carry_no_rules_of_their_own() {
    for (kind, root) in schemas().into_iter().filter(|(kind, _)| kind.ends_with("ResourceBinding")) {
        walk("", &root, &mut |path, schema| {
            assert!(schema["x-kubernetes-validations"].is_null(), "{kind}{path}");
        });
    }
}

#[test]
fn both_kinds_of_a_pair_share_one_schema() {
    let schemas = schemas();
    let spec = |kind: &str| schemas.iter().find(|(name, _)| name == kind).unwrap().1["properties"]["spec"].clone();
    for kind in ["PropagationPolicy", "OverridePolicy", "ResourceBinding"] {
        let mut namespaced = spec(kind);
        let mut cluster = spec(&format!("Cluster{kind}"));
        for schema in [&mut namespaced, &mut cluster] {
            schema.as_object_mut().unwrap().remove("description");
        }
        assert_eq!(namespaced, cluster, "{kind}");
    }
}

#[test]
fn every_field_says_what_it_is() {
    for (kind, root) in schemas() {
        for part in ["spec", "status"] {
            for (name, field) in root["properties"][part]["properties"].as_object().into_iter().flatten() {
                assert!(field["description"].is_string(), "{kind}.{part}.{name}");
            }
        }
    }
}

#[test]
fn every_printer_column_names_a_field_of_its_kind() {
    for crd in all_crds() {
        let version = &crd.spec.versions[0];
        let mut root = serde_json::to_value(version.schema.clone().unwrap().open_api_v3_schema).unwrap();
        for column in version.additional_printer_columns.iter().flatten() {
            let path = column.json_path.split('[').next().unwrap();
            let known = path == ".metadata.creationTimestamp" || place::find(&mut root, path).is_some();
            assert!(known, "{}: {}", crd.spec.names.kind, column.json_path);
        }
    }
}
