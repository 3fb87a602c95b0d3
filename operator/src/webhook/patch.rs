//! JSON patches that only add: what the defaults make different.

use kube::core::admission::AdmissionResponse;
use serde_json::{Value, json};

/// One `add` of RFC 6902. On a member of an object that exists already, `add`
/// puts the new value in its place, so it also holds where the user wrote an
/// empty value that reads like none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Addition {
    /// JSON pointer.
    pub path: String,
    /// The value put there.
    pub value: Value,
}

impl Addition {
    /// `value` at `path`.
    pub fn new(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), value: value.into() }
    }
}

/// A key as one step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What has to be added at `path` to make `after` of `before`. Defaults take
/// nothing away, so what `after` lacks stays.
pub(super) fn additions(path: &str, before: &Value, after: &Value) -> Vec<Addition> {
    match (before, after) {
        (before, after) if before == after => Vec::new(),
        (Value::Object(old), Value::Object(new)) => new
            .iter()
            .flat_map(|(key, value)| {
                let at = format!("{path}/{}", step(key));
                old.get(key).map_or_else(|| vec![Addition::new(&at, value.clone())], |old| additions(&at, old, value))
            })
            .collect(),
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let pairs = old.iter().zip(new).enumerate();
            pairs.flat_map(|(index, (old, new))| additions(&format!("{path}/{index}"), old, new)).collect()
        }
        (_, after) => vec![Addition::new(path, after.clone())],
    }
}

/// `response` with a patch; without additions, without one.
pub(super) fn attach(response: AdmissionResponse, additions: Vec<Addition>) -> AdmissionResponse {
    if additions.is_empty() {
        return response;
    }
    let operation = |Addition { path, value }| json!({"op": "add", "path": path, "value": value});
    let operations: Value = additions.into_iter().map(operation).collect();
    let patch = serde_json::from_value(operations).expect("additions at JSON pointers are a JSON patch");
    response.with_patch(patch).expect("a JSON patch is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_added() {
        let before = json!({"a": [{"x": 1}, {"x": 2}], "same": {"y": 1}, "empty": ""});
        let after = json!({"a": [{"x": 1}, {"x": 2, "n/s": "shop"}], "same": {"y": 1}, "empty": "full"});
        assert_eq!(
            additions("/spec", &before, &after),
            [Addition::new("/spec/a/1/n~1s", "shop"), Addition::new("/spec/empty", "full")]
        );
    }

    #[test]
    fn equal_values_need_no_patch() {
        let value = json!({"a": [1, 2]});
        assert_eq!(additions("/spec", &value, &value), []);
    }
}
