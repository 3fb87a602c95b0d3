//! Our definitions say what Karmada's say, but for what the list names.

use atoll_crds::facts::listed::{Judgement, judge};
use atoll_crds::facts::{self, Change, Difference, Listed, Table, difference, listed, page};
use serde_json::json;

#[test]
fn every_difference_from_karmada_is_listed_and_every_listed_one_is_there() {
    let karmada = facts::committed().unwrap();
    let list = listed::read().unwrap();
    let judgement = judge(&difference::compare(&karmada, &facts::ours()), &list);
    assert!(
        judgement.unlisted.is_empty(),
        "make the type as Karmada has it, or add an entry with its reason to crds/facts/differences.yaml for:\n{}",
        judgement.unlisted.join("\n")
    );
    assert!(
        judgement.idle.is_empty(),
        "no difference any more; take out of crds/facts/differences.yaml:\n{}",
        judgement.idle.join("\n")
    );
}

#[test]
fn the_tables_are_of_all_kinds_that_karmada_has_definitions_of() {
    let kinds: Vec<String> = facts::committed().unwrap().iter().map(Table::kind).collect();
    assert_eq!(kinds.len(), 19, "{kinds:?}");
    for kind in ["ResourceBinding.work.karmada.io", "ServiceImport.multicluster.x-k8s.io"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind}");
    }
    let ours: Vec<String> = facts::ours().iter().map(Table::kind).collect();
    let lacking: Vec<&String> = kinds.iter().filter(|kind| !ours.contains(kind)).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn the_page_says_what_the_list_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/DIFFERENCES.md");
    let committed = std::fs::read_to_string(path).unwrap();
    let rendered = page::render(&committed, &listed::read().unwrap()).unwrap();
    assert!(committed == rendered, "crds/DIFFERENCES.md is stale: run `cargo generate`");
}

#[test]
fn the_committed_tables_hold_no_prose() {
    for table in facts::committed().unwrap() {
        for (row, facts) in &table.rows {
            assert!(!facts.contains_key("description") && !facts.contains_key("title"), "{}: {row}", table.kind());
        }
    }
}

fn definition(properties: &serde_json::Value) -> serde_json::Value {
    json!({ "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": { "kind": "Boat", "plural": "boats", "singular": "boat", "listKind": "BoatList" },
        "versions": [{
            "name": "v1",
            "served": true,
            "storage": true,
            "additionalPrinterColumns": [{ "name": "AGE", "type": "date", "jsonPath": ".a", "description": "prose" }],
            "subresources": { "status": {} },
            "schema": { "openAPIV3Schema": {
                "description": "prose",
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "kind": { "type": "string" },
                    "spec": { "type": "object", "properties": properties },
                },
            }},
        }],
    }})
}

#[test]
fn a_table_holds_facts_of_names_versions_columns_and_fields_and_reads_back() {
    let table = Table::of(&definition(&json!({
        "description": { "type": "string", "description": "a field of that name", "enum": ["b", "a"] },
        "sails": { "type": "array", "maxItems": 3.0, "items": { "type": "object", "required": ["size"], "properties": {
            "size": { "type": "integer", "default": 2 },
        }}},
        "names": { "type": "object", "additionalProperties": { "type": "string", "pattern": "^\t|=$" } },
    })))
    .unwrap();
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "names\tgroup=\"example.com\"\tkind=\"Boat\"\tplural=\"boats\"\tscope=\"Namespaced\"",
            "v1\tserved=true\tstatus={}\tstorage=true",
            "v1 .\ttype=\"object\"",
            "v1 .spec\trequired=true\ttype=\"object\"",
            "v1 .spec.description\tenum=[\"a\",\"b\"]\ttype=\"string\"",
            "v1 .spec.names\ttype=\"object\"",
            "v1 .spec.names{}\tpattern=\"^\\t|=$\"\ttype=\"string\"",
            "v1 .spec.sails\tmaxItems=3\ttype=\"array\"",
            "v1 .spec.sails[]\ttype=\"object\"",
            "v1 .spec.sails[].size\tdefault=2\trequired=true\ttype=\"integer\"",
            "v1 column AGE\tjsonPath=\".a\"\ttype=\"date\"",
        ]
    );
    assert_eq!(text.parse::<Table>().unwrap(), table);
}

/// What differs between two specs of a Boat.
fn differences(karmada: &serde_json::Value, ours: &serde_json::Value) -> Vec<Difference> {
    let table = |properties| vec![Table::of(&definition(properties)).expect("it is a definition")];
    difference::compare(&table(karmada), &table(ours))
}

#[test]
fn a_row_more_a_row_less_and_another_fact_are_differences() {
    let found = differences(
        &json!({ "a": { "type": "string" }, "b": { "type": "string", "maxLength": 3 } }),
        &json!({ "b": { "type": "string", "maxLength": 4 }, "c": { "type": "string" } }),
    );
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "Boat.example.com, row \"v1 .spec.a\": only Karmada has it",
            "Boat.example.com, row \"v1 .spec.b\": maxLength: Karmada says 3, ours 4",
            "Boat.example.com, row \"v1 .spec.c\": only ours has it",
        ]
    );
}

fn list(yaml: &str) -> Vec<Listed> {
    serde_saphyr::from_str(yaml).expect("it is a list")
}

#[test]
fn an_entry_covers_the_value_it_names_and_no_other() {
    let entry = |most: i32| {
        list(&format!(
            "[{{ table: t, kinds: [Boat], rows: [.spec.b], change: {{ facts: {{ maxLength: {most} }} }}, why: w }}]"
        ))
    };
    let found = differences(
        &json!({ "b": { "type": "string", "maxLength": 3 } }),
        &json!({ "b": { "type": "string", "maxLength": 4 } }),
    );
    assert_eq!(judge(&found, &entry(4)), Judgement::default());
    let other = judge(&found, &entry(5));
    assert_eq!((other.unlisted.len(), other.idle.len()), (1, 1), "{other:?}");
}

#[test]
fn an_entry_for_all_below_a_row_covers_nothing_beside_it_and_idles_when_nothing_is_there() {
    let entry = list("[{ table: t, kinds: [Boat], rows: [.spec.a, '.spec.a.**'], change: added, why: w }]");
    let object = json!({ "type": "object", "properties": { "x": { "type": "string" } } });
    let found = differences(&json!({}), &json!({ "a": object, "ab": { "type": "string" } }));
    let judgement = judge(&found, &entry);
    assert_eq!(judgement.unlisted, ["Boat.example.com, row \"v1 .spec.ab\": only ours has it"]);
    assert!(judgement.idle.is_empty(), "{judgement:?}");
    assert_eq!(judge(&[], &entry).idle.len(), 2);
}

#[test]
fn a_kind_that_only_one_side_has_is_one_difference() {
    let table = Table::of(&definition(&json!({ "a": { "type": "string" } }))).unwrap();
    let found = difference::compare(&[], &[table]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].row.as_str(), &found[0].change), ("names", &Change::Added));
}

#[test]
fn a_page_without_a_place_for_an_entry_is_refused() {
    let entry = list("[{ table: limits, kinds: [Boat], rows: [.spec], change: missing, why: because }]");
    assert_eq!(page::render("# Page\n", &entry), Err(page::Error::NoTable("limits".to_owned())));
    let rendered = page::render("a\n<!-- differences: limits -->\nold\n<!-- end -->\nb\n", &entry).unwrap();
    assert!(rendered.contains("| Boat | `.spec` | not there | because |"), "{rendered}");
    assert!(!rendered.contains("old") && rendered.ends_with("<!-- end -->\nb\n"));
    assert_eq!(page::render(&rendered, &entry).unwrap(), rendered);
}
