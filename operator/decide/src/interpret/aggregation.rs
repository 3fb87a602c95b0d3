//! The statuses of all copies, and the template whose status they make up.

use serde_json::{Map, Value, json};

use crate::ids::ClusterName;

/// What one target says.
#[derive(Clone, Copy, Debug)]
pub struct StatusItem<'a> {
    /// The target.
    pub cluster: &'a ClusterName,
    /// Its last known status, as [`super::reflect`] returned it. None: nothing
    /// is known, which is not the same as nothing running.
    pub status: Option<&'a Value>,
}

/// Fields of a status that a kind's rule states. Those it does not state stay.
pub(super) type Fields = Map<String, Value>;

/// Everything a rule may look at.
pub(super) struct Aggregation<'a> {
    pub template: &'a Value,
    pub items: &'a [StatusItem<'a>],
    /// The time for conditions that change, as RFC 3339 text.
    pub now: &'a str,
}

impl<'a> Aggregation<'a> {
    /// The statuses that are known, in the order of the items.
    pub fn known(&self) -> impl Iterator<Item = &'a Value> {
        self.items.iter().filter_map(|item| item.status)
    }

    /// Whether every target has said something.
    pub fn all_known(&self) -> bool {
        self.items.iter().all(|item| item.status.is_some())
    }

    /// The status the template carries now.
    pub fn old(&self) -> &'a Value {
        &self.template["status"]
    }

    /// Sum of a counter over the known statuses; an absent one counts zero.
    pub fn sum(&self, counter: &str) -> i64 {
        self.known().map(|status| status[counter].as_i64().unwrap_or(0)).fold(0, i64::saturating_add)
    }

    /// The sums of these counters.
    pub fn sums(&self, counters: &[&str]) -> Fields {
        counters.iter().map(|counter| ((*counter).to_owned(), json!(self.sum(counter)))).collect()
    }

    /// The sums of a controller's counters. `observedGeneration` is stated once
    /// every target has seen the template; until then the old value stays
    /// (karmada-api 2.15.2).
    pub fn counters(&self, names: &[&str]) -> Fields {
        let mut fields = self.sums(names);
        if self.is_observed() {
            fields.insert("observedGeneration".into(), json!(generation(self.template)));
        }
        fields
    }

    /// Whether every target's controller has seen the template as it is now:
    /// its copy carries the template's generation, and its observed generation
    /// has caught up with its own. A target that says nothing has not.
    pub fn is_observed(&self) -> bool {
        let wanted = generation(self.template);
        self.items.iter().all(|item| {
            item.status.is_some_and(|status| {
                let number = |field: &str| status[field].as_i64().unwrap_or(0);
                number("observedGeneration") >= number("generation") && number("resourceTemplateGeneration") >= wanted
            })
        })
    }
}

/// `metadata.generation`, 0 when there is none.
pub(super) fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
}

/// Whether two JSON values say the same to a reader of the API, which leaves
/// out zeros and empty values, or puts them in, as each field's type has it.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let absent = &Value::Null;
            a.iter().all(|(key, value)| same(value, b.get(key).unwrap_or(absent)))
                && b.iter().all(|(key, value)| a.contains_key(key) || says_nothing(value))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b || (says_nothing(a) && says_nothing(b)),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(says_nothing),
        Value::String(text) => text.is_empty(),
        Value::Bool(set) => !set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_empty_values_say_nothing() {
        assert!(same(&json!({"replicas": 0, "conditions": [], "a": {}}), &json!({})));
        assert!(same(&Value::Null, &json!({"replicas": 0})));
        assert!(same(&json!({"a": [{"t": null}]}), &json!({"a": [{}]})));
        assert!(!same(&json!({"replicas": 1}), &json!({})));
        assert!(same(&json!({}), &json!({"reason": "", "ready": false})));
        assert!(!same(&json!({}), &json!({"reason": "Failed"})));
        assert!(!same(&json!({"a": [0]}), &json!({"a": []})));
    }
}
