//! The facts of one definition, and their form as text.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use thiserror::Error;

/// Facts of one row by name, such as `maxItems`.
pub type Facts = BTreeMap<String, Value>;

/// Schema words that are prose or stand in rows of their own.
const NO_FACTS: [&str; 6] = ["description", "title", "properties", "required", "items", "additionalProperties"];

/// Rows of the root that every object has; the API server knows them by itself.
const OF_EVERY_OBJECT: [&str; 3] = [".apiVersion", ".kind", ".metadata"];

/// Everything one definition says.
///
/// A row is `names`, `v1alpha1` (a version), `v1alpha1 column AGE`, or
/// `v1alpha1 .spec.rules[].name` (a field; `[]` are the items of a list, `{}`
/// the values of a map).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The rows by their names.
    pub rows: BTreeMap<String, Facts>,
}

/// Why something is no table.
#[derive(Debug, Error)]
pub enum Error {
    /// The definition lacks a part that every definition has.
    #[error("the definition has no {0}")]
    Missing(&'static str),
    /// A fact does not read as `name=JSON`.
    #[error("row {row:?}: {fact:?} is not name=JSON")]
    Fact {
        /// The row.
        row: String,
        /// The fact.
        fact: String,
    },
}

impl Table {
    /// The facts of a definition.
    ///
    /// # Errors
    /// When it lacks names or versions.
    pub fn of(crd: &Value) -> Result<Self, Error> {
        let spec = &crd["spec"];
        let mut rows = BTreeMap::new();
        rows.insert("names".to_owned(), names(spec)?);
        for version in spec["versions"].as_array().ok_or(Error::Missing("spec.versions"))? {
            let name = version["name"].as_str().ok_or(Error::Missing("name of a version"))?;
            rows.insert(name.to_owned(), served(version));
            for column in version["additionalPrinterColumns"].as_array().into_iter().flatten() {
                let (title, facts) = printed(column);
                rows.insert(format!("{name} column {title}"), facts);
            }
            walk(name, "", &version["schema"]["openAPIV3Schema"], false, &mut rows);
        }
        Ok(Self { rows })
    }

    /// Kind and group in one word, such as `Work.work.karmada.io`.
    pub fn kind(&self) -> String {
        let fact = |name: &str| self.rows.get("names").and_then(|facts| facts.get(name)?.as_str());
        format!("{}.{}", fact("kind").unwrap_or_default(), fact("group").unwrap_or_default())
    }

    /// Name of its file.
    pub fn file_name(&self) -> String {
        let fact = |name: &str| self.rows.get("names").and_then(|facts| facts.get(name)?.as_str());
        format!("{}_{}.txt", fact("group").unwrap_or_default(), fact("plural").unwrap_or_default())
    }
}

/// Group, scope and names; what the API server would fill in is left out.
fn names(spec: &Value) -> Result<Facts, Error> {
    let names = spec["names"].as_object().ok_or(Error::Missing("spec.names"))?;
    let kind = names.get("kind").and_then(Value::as_str).ok_or(Error::Missing("spec.names.kind"))?;
    let filled_in = [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))];
    let mut facts: Facts = names.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, value) in filled_in {
        if facts.get(name) == Some(&json!(value)) {
            facts.remove(name);
        }
    }
    for name in ["group", "scope"] {
        facts.insert(name.to_owned(), spec[name].clone());
    }
    Ok(facts)
}

/// How a version is served.
fn served(version: &Value) -> Facts {
    let words = ["served", "storage", "deprecated", "selectableFields"];
    let stated = words.iter().filter_map(|word| Some(((*word).to_owned(), version.get(word)?.clone())));
    let subresources = version["subresources"].as_object().into_iter().flatten();
    stated.chain(subresources.map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// Title and facts of a column.
fn printed(column: &Value) -> (String, Facts) {
    let words = ["type", "format", "jsonPath", "priority"];
    let facts = words.iter().filter_map(|word| Some(((*word).to_owned(), column.get(word)?.clone())));
    (column["name"].as_str().unwrap_or_default().to_owned(), facts.collect())
}

/// Adds the row of the schema at `path` and those below it.
fn walk(version: &str, path: &str, schema: &Value, required: bool, rows: &mut BTreeMap<String, Facts>) {
    let Some(words) = schema.as_object() else { return };
    let mut facts = stated(words);
    if required {
        facts.insert("required".to_owned(), Value::Bool(true));
    }
    let known = OF_EVERY_OBJECT.contains(&path) && words.get("properties").is_none();
    if !known {
        rows.insert(format!("{version} {}", if path.is_empty() { "." } else { path }), facts);
    }
    let wanted: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(version, &format!("{path}.{name}"), field, wanted.contains(&name.as_str()), rows);
    }
    for (word, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        walk(version, &format!("{path}{mark}"), &schema[word], false, rows);
    }
}

/// What a schema says of its own field. Of rules only their number is a fact:
/// their words are in the code, and Karmada's schemas have none.
fn stated(words: &Map<String, Value>) -> Facts {
    let mut facts = Facts::new();
    for (word, value) in words {
        if word == "x-kubernetes-validations" {
            facts.insert("rules".to_owned(), json!(value.as_array().map_or(0, Vec::len)));
        } else if word == "enum" {
            let mut values = value.as_array().cloned().unwrap_or_default();
            values.sort_by_key(Value::to_string);
            facts.insert(word.clone(), Value::Array(values));
        } else if !NO_FACTS.contains(&word.as_str()) || (word == "additionalProperties" && value.is_boolean()) {
            facts.insert(word.clone(), plain(value));
        }
    }
    facts
}

/// Limits are fractions in the library's types: 32.0 and 32 say the same.
fn plain(value: &Value) -> Value {
    let whole = value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0);
    let text = whole.map(|number| format!("{number:.0}"));
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| value.clone())
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (row, facts) in &self.rows {
            write!(formatter, "{row}")?;
            for (name, value) in facts {
                write!(formatter, "\t{name}={value}")?;
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

impl FromStr for Table {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut rows = BTreeMap::new();
        for line in text.lines() {
            let mut parts = line.split('\t');
            let row = parts.next().unwrap_or_default().to_owned();
            let mut facts = Facts::new();
            for fact in parts {
                let wrong = || Error::Fact { row: row.clone(), fact: fact.to_owned() };
                let (name, value) = fact.split_once('=').ok_or_else(wrong)?;
                facts.insert(name.to_owned(), serde_json::from_str(value).map_err(|_| wrong())?);
            }
            rows.insert(row, facts);
        }
        let table = Self { rows };
        if table.rows.contains_key("names") { Ok(table) } else { Err(Error::Missing("row \"names\"")) }
    }
}
