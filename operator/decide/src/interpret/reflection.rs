//! The part of a member object's status that travels to the hub.

use std::io;

use serde_json::{Map, Value, json};

use super::aggregation::generation;
use crate::render::marks;

/// Larger statuses are left out: the statuses of all clusters share one
/// binding, and an object of etcd holds 1.5 MiB.
const MOST_BYTES: usize = 16 * 1024;

/// The whole status, or a note in its place when it is too large.
pub(super) fn whole(live: &Value) -> Option<Value> {
    let status = live.get("status").filter(|status| !status.is_null())?;
    let bytes = serialized_len(status);
    if bytes <= MOST_BYTES {
        return Some(status.clone());
    }
    Some(json!({ marks::STATUS_NOTE: format!("status of {bytes} bytes left out, more than {MOST_BYTES}") }))
}

/// These fields of the status, as far as they are there. None when there is no
/// status at all.
pub(super) fn fields(live: &Value, names: &[&str]) -> Option<Value> {
    Some(Value::Object(picked(live, names)?))
}

/// These counters, and the generations that tell whether they are about the
/// template as it is now (karmada-api 2.15.2).
pub(super) fn counters(live: &Value, names: &[&str]) -> Option<Value> {
    let mut status = picked(live, &[&["observedGeneration"], names].concat())?;
    status.insert("generation".into(), json!(generation(live)));
    let annotation = live["metadata"]["annotations"][marks::TEMPLATE_GENERATION].as_str();
    if let Some(template) = annotation.and_then(|text| text.parse::<i64>().ok()) {
        status.insert("resourceTemplateGeneration".into(), json!(template));
    }
    Some(Value::Object(status))
}

fn picked(live: &Value, names: &[&str]) -> Option<Map<String, Value>> {
    let status = live.get("status")?.as_object()?;
    Some(names.iter().filter_map(|name| Some(((*name).to_owned(), status.get(*name)?.clone()))).collect())
}

fn serialized_len(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Neither a counter nor a JSON value can fail to take or give bytes; a
    // status that did would be left out.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_status_travels_whole_and_a_large_one_as_a_note() {
        let live = json!({"status": {"phase": "Bound"}});
        assert_eq!(whole(&live), Some(json!({"phase": "Bound"})));
        let live = json!({"status": {"blob": "x".repeat(MOST_BYTES)}});
        let note = whole(&live).unwrap();
        assert!(note[marks::STATUS_NOTE].as_str().unwrap().contains("16395 bytes"));
    }

    #[test]
    fn an_object_without_status_says_nothing() {
        assert_eq!(whole(&json!({"metadata": {}})), None);
        assert_eq!(counters(&json!({"metadata": {"generation": 3}}), &["replicas"]), None);
    }
}
