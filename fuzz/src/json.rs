//! Any JSON value, with the keys that the readers look for.

use arbitrary::{Arbitrary, Result, Unstructured};
use serde_json::{Map, Value};

/// Deep enough for a container of a pod template of a workload.
const DEEPEST: usize = 8;

const KEYS: [&str; 24] = [
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "managedFields",
    "manager",
    "operation",
    "fieldsV1",
    "f:metadata",
    "f:spec",
    "k:{\"name\":\"a\"}",
    "v:\"a\"",
    ".",
    "spec",
    "template",
    "containers",
    "image",
    "command",
    "args",
    "replicas",
    "status",
    "subresource",
    "apiVersion",
];

const WORDS: [&str; 8] = ["a", "b", "atoll", "Apply", "Update", "status", "apps/v1", "m1.example.com:5000/x:1"];

/// A value that [`Arbitrary`] makes.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

impl<'a> Arbitrary<'a> for Json {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        value(input, 0).map(Self)
    }
}

fn value(input: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    let kinds = if depth == DEEPEST { 4 } else { 7 };
    Ok(match input.int_in_range(0..=kinds)? {
        0 => Value::Null,
        1 => Value::Bool(input.arbitrary()?),
        2 => Value::from(input.arbitrary::<i64>()?),
        3 => Value::from(*input.choose(&WORDS)?),
        4 => Value::from(input.arbitrary::<String>()?),
        5 => Value::Array((0..input.int_in_range(0..=3)?).map(|_| value(input, depth + 1)).collect::<Result<_>>()?),
        _ => object(input, depth)?,
    })
}

fn object(input: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    let mut fields = Map::new();
    for _ in 0..input.int_in_range(0..=4)? {
        let key = if input.ratio(7, 8)? { (*input.choose(&KEYS)?).to_owned() } else { input.arbitrary()? };
        fields.insert(key, value(input, depth + 1)?);
    }
    Ok(Value::Object(fields))
}
