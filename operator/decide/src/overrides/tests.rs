use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::ids::{Gvk, ObjectKey};
use crate::matching::{Pick, ResourceSelector, Scope};

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"replicas": 2, "template": {"spec": {
            "initContainers": [{"name": "init", "image": "busybox:1"}],
            "containers": [
                {"name": "web", "image": "nginx:1.27", "args": ["-a", "-b", "-a"]},
                {"name": "side", "image": "mirror.local/side"},
            ],
        }}},
    })
}

fn container<'o>(object: &'o Value, name: &str) -> &'o Value {
    let mut containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap().iter();
    containers.find(|container| container["name"] == name).unwrap()
}

fn image(path: Option<&str>, part: ImagePart, edit: Edit<String>) -> Overriders {
    let image = ImageOverrider { path: path.map(str::to_owned), part, edit };
    Overriders { images: vec![image], ..Overriders::default() }
}

fn plaintext(path: &str, edit: Edit<Value>) -> Overriders {
    let operation = PatchOperation { path: path.into(), edit };
    Overriders { plaintext: vec![operation], ..Overriders::default() }
}

fn field(format: Format, operations: Vec<PatchOperation>) -> Overriders {
    let overrider = FieldOverrider { path: "/data/app".into(), format, operations };
    Overriders { fields: vec![overrider], ..Overriders::default() }
}

#[test]
fn images_of_all_containers_change_and_those_of_init_containers_stay() {
    let mut object = deployment();
    apply(&mut object, &image(None, ImagePart::Registry, Edit::Replace("eu.local".into()))).unwrap();
    assert_eq!(container(&object, "web")["image"], "eu.local/nginx:1.27");
    assert_eq!(container(&object, "side")["image"], "eu.local/side");
    assert_eq!(object["spec"]["template"]["spec"]["initContainers"][0]["image"], "busybox:1");
}

#[test]
fn a_predicate_names_one_image_of_any_kind() {
    let mut object = json!({"apiVersion": "example.io/v1", "kind": "Cache", "spec": {"image": "redis:7"}});
    apply(&mut object, &image(Some("/spec/image"), ImagePart::Tag, Edit::Replace("8".into()))).unwrap();
    assert_eq!(object["spec"]["image"], "redis:8");
    let error = apply(&mut object, &image(Some("/spec/nothing"), ImagePart::Tag, Edit::Remove)).unwrap_err();
    assert_eq!((error.path.as_str(), error.problem), ("/spec/nothing", Problem::NotThere));
    let error = apply(&mut object, &image(Some("/spec"), ImagePart::Tag, Edit::Remove)).unwrap_err();
    assert_eq!(error.problem, Problem::NotText);
}

#[test]
fn an_image_without_repository_is_refused() {
    let error = apply(&mut deployment(), &image(None, ImagePart::Repository, Edit::Remove)).unwrap_err();
    assert_eq!(error.problem, Problem::NotImage(":1.27".into()));
}

#[test]
fn words_are_appended_to_and_taken_from_the_named_container() {
    let words = |edit| WordsOverrider { container: "web".into(), edit };
    let overriders = Overriders {
        commands: vec![words(ListEdit::Add(vec!["run".into()]))],
        args: vec![words(ListEdit::Remove(vec!["-a".into()])), words(ListEdit::Add(vec!["-c".into()]))],
        ..Overriders::default()
    };
    let mut object = deployment();
    apply(&mut object, &overriders).unwrap();
    assert_eq!(container(&object, "web")["command"], json!(["run"]));
    assert_eq!(container(&object, "web")["args"], json!(["-b", "-c"]));
    assert_eq!(container(&object, "side").get("command"), None);
}

#[test]
fn labels_are_added_always_and_replaced_or_removed_only_where_they_are() {
    let entries = |key: &str| BTreeMap::from([(key.to_owned(), "new".to_owned())]);
    let labels = |overrider| Overriders { labels: vec![overrider], ..Overriders::default() };
    let mut object = deployment();
    apply(&mut object, &labels(EntriesOverrider::Add(entries("zone")))).unwrap();
    apply(&mut object, &labels(EntriesOverrider::Replace(entries("app")))).unwrap();
    apply(&mut object, &labels(EntriesOverrider::Replace(entries("absent")))).unwrap();
    assert_eq!(object["metadata"]["labels"], json!({"app": "new", "zone": "new"}));
    apply(&mut object, &labels(EntriesOverrider::Remove(vec!["app".into(), "absent".into()]))).unwrap();
    assert_eq!(object["metadata"]["labels"], json!({"zone": "new"}));
}

#[test]
fn annotations_are_made_when_there_are_none() {
    let mut object = deployment();
    let annotations = EntriesOverrider::Add(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    apply(&mut object, &Overriders { annotations: vec![annotations], ..Overriders::default() }).unwrap();
    assert_eq!(object["metadata"]["annotations"], json!({"a": "b"}));
}

#[test]
fn plaintext_follows_the_rules_of_json_patch() {
    let mut object = deployment();
    apply(&mut object, &plaintext("/spec/replicas", Edit::Replace(json!(5)))).unwrap();
    apply(&mut object, &plaintext("/spec/template/spec/containers/-", Edit::Add(json!({"name": "more"})))).unwrap();
    apply(&mut object, &plaintext("/metadata/labels/a~1b", Edit::Add(json!("x")))).unwrap();
    apply(&mut object, &plaintext("/metadata/labels/app", Edit::Remove)).unwrap();
    assert_eq!(object["spec"]["replicas"], 5);
    assert_eq!(container(&object, "more"), &json!({"name": "more"}));
    assert_eq!(object["metadata"]["labels"], json!({"a/b": "x"}));
}

#[test]
fn a_patch_of_something_absent_fails_and_names_the_path() {
    for (path, edit) in [
        ("/spec/nothing", Edit::Remove),
        ("/spec/nothing", Edit::Replace(json!(1))),
        ("/nothing/below", Edit::Add(json!(1))),
        ("no pointer", Edit::Add(json!(1))),
    ] {
        let error = apply(&mut deployment(), &plaintext(path, edit)).unwrap_err();
        assert_eq!((error.overrider, error.path.as_str()), ("plaintext", path));
        assert!(matches!(error.problem, Problem::Patch(_)), "{error}");
    }
}

#[test]
fn the_structure_inside_a_text_field_is_edited() {
    let replace = |path: &str, value| vec![PatchOperation { path: path.into(), edit: Edit::Replace(value) }];
    let mut object = json!({"data": {"app": r#"{"log": {"level": "info"}, "n": 1}"#}});
    apply(&mut object, &field(Format::Json, replace("/log/level", json!("debug")))).unwrap();
    let text = object["data"]["app"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!({"log": {"level": "debug"}, "n": 1}));

    let yaml = "log:\n  level: info # loud\non_call: yes\nports: [80, 443]\nmode: \"0644\"\ntext: |\n  a\n  b: c\n";
    let mut object = json!({"data": {"app": yaml}});
    apply(&mut object, &field(Format::Yaml, replace("/ports/1", json!(8443)))).unwrap();
    let text = object["data"]["app"].as_str().unwrap();
    let expected = json!({
        "log": {"level": "info"}, "on_call": true, "ports": [80, 8443], "mode": "0644", "text": "a\nb: c\n",
    });
    assert_eq!(serde_saphyr::from_str::<Value>(text).unwrap(), expected);
}

#[test]
fn a_text_field_that_does_not_fit_is_an_error_with_its_path() {
    let remove = |path: &str| vec![PatchOperation { path: path.into(), edit: Edit::Remove }];
    let error = apply(&mut json!({"data": {"app": "{"}}), &field(Format::Json, remove("/a"))).unwrap_err();
    assert!(matches!(error.problem, Problem::Unreadable { format: "JSON", .. }));
    let error = apply(&mut json!({"data": {"app": "{}"}}), &field(Format::Json, remove("/a"))).unwrap_err();
    assert_eq!(error.path, "/data/app#/a");
    let error = apply(&mut json!({"data": {"app": 1}}), &field(Format::Yaml, remove("/a"))).unwrap_err();
    assert_eq!(error.problem, Problem::NotText);
    let error = apply(&mut json!({"data": {}}), &field(Format::Yaml, remove("/a"))).unwrap_err();
    assert_eq!(error.problem, Problem::NotThere);
}

#[test]
fn overriders_of_one_rule_act_in_their_written_order_of_kinds() {
    // Plaintext comes last: it sees the image that the image overrider made.
    let mut overriders = image(None, ImagePart::Tag, Edit::Replace("2".into()));
    overriders.plaintext = vec![PatchOperation {
        path: "/spec/template/spec/containers/0/image".into(),
        edit: Edit::Replace(json!("own:3")),
    }];
    let mut object = deployment();
    apply(&mut object, &overriders).unwrap();
    assert_eq!(container(&object, "web")["image"], "own:3");
    assert_eq!(container(&object, "side")["image"], "mirror.local/side:2");
}

fn policy(name: &str, scope: Scope, picks: &[Pick]) -> OverridePolicy {
    let selector = |pick: &Pick| ResourceSelector {
        gvk: Gvk::from_api_version("apps/v1", "Deployment"),
        namespace: None,
        pick: pick.clone(),
    };
    OverridePolicy { name: name.into(), scope, selectors: picks.iter().map(selector).collect(), rules: Vec::new() }
}

#[test]
fn policies_act_from_wide_and_loose_to_near_and_close() {
    let here = || Scope::Namespaced("shop".into());
    let policies = [
        policy("b", here(), &[]),
        policy("a", here(), &[Pick::Name("web".into())]),
        policy("d", Scope::Cluster, &[Pick::Name("web".into())]),
        policy("c", Scope::Cluster, &[Pick::All]),
        policy("a", here(), &[Pick::All]),
        policy("other", Scope::Namespaced("elsewhere".into()), &[]),
        policy("unmatched", Scope::Cluster, &[Pick::Name("api".into())]),
    ];
    let key = ObjectKey {
        gvk: Gvk::from_api_version("apps/v1", "Deployment"),
        namespace: Some("shop".into()),
        name: "web".into(),
    };
    let order: Vec<String> =
        applicable(&policies, &key, &BTreeMap::new()).into_iter().map(ToString::to_string).collect();
    let expected = [
        "ClusterOverridePolicy c",
        "ClusterOverridePolicy d",
        "OverridePolicy shop/a",
        "OverridePolicy shop/b",
        "OverridePolicy shop/a",
    ];
    assert_eq!(order, expected);
}
