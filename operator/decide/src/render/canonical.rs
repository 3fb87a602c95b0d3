//! One byte form for each JSON value, and its hash.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

/// Hash of a value: the same for the same content in every process and
/// version, whatever the order of keys in memory.
pub(crate) fn hash(value: &Value) -> u64 {
    let mut bytes = Vec::with_capacity(1024);
    write(value, &mut bytes);
    xxh3_64(&bytes)
}

/// Every value starts with a tag, and what varies in length is preceded by its
/// length, so that two different values never give the same bytes.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(b'n'),
        Value::Bool(false) => out.push(b'f'),
        Value::Bool(true) => out.push(b't'),
        Value::Number(number) => {
            out.push(b'#');
            write_text(&number.to_string(), out);
        }
        Value::String(text) => {
            out.push(b'"');
            write_text(text, out);
        }
        Value::Array(items) => {
            out.push(b'[');
            write_len(items.len(), out);
            for item in items {
                write(item, out);
            }
        }
        Value::Object(fields) => {
            out.push(b'{');
            write_len(fields.len(), out);
            // Sorted already unless another crate of the build asks serde_json
            // to keep insertion order.
            let mut entries: Vec<_> = fields.iter().collect();
            if !entries.is_sorted_by_key(|(key, _)| *key) {
                entries.sort_unstable_by_key(|(key, _)| *key);
            }
            for (key, field) in entries {
                write_text(key, out);
                write(field, out);
            }
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_len(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(len as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hash_is_the_same_in_every_run() {
        // Written down once: it is compared with what older versions left on members.
        assert_eq!(hash(&json!({"b": [1, null, true], "a": "x"})), 5_836_093_675_406_861_914);
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#).unwrap();
        assert_eq!(hash(&one), hash(&other));
    }

    #[test]
    fn different_values_hash_differently() {
        let values = [
            json!(null),
            json!(false),
            json!(1),
            json!("1"),
            json!([]),
            json!({}),
            json!([[], []]),
            json!([[[]]]),
            json!(["ab"]),
            json!(["a", "b"]),
            json!({"a": "b"}),
            json!({"a": null}),
        ];
        for (at, a) in values.iter().enumerate() {
            for b in &values[at + 1..] {
                assert_ne!(hash(a), hash(b), "{a} {b}");
            }
        }
    }
}
