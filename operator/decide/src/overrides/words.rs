//! `commandOverrider` and `argsOverrider`.

use serde_json::Value;

use super::{ListEdit, WordsOverrider, containers};

/// Changes the list at `field` of the containers of this name. An object
/// without such a container stays as it is.
pub(super) fn apply(object: &mut Value, field: &str, overrider: &WordsOverrider) {
    for container in containers(object).filter(|container| container["name"] == *overrider.container) {
        let Some(container) = container.as_object_mut() else { continue };
        match &overrider.edit {
            ListEdit::Add(words) => {
                let list = container.entry(field).or_insert_with(|| Value::Array(Vec::new()));
                if list.is_null() {
                    *list = Value::Array(Vec::new());
                }
                if let Some(list) = list.as_array_mut() {
                    list.extend(words.iter().map(|word| Value::from(word.as_str())));
                }
            }
            ListEdit::Remove(words) => {
                if let Some(list) = container.get_mut(field).and_then(Value::as_array_mut) {
                    list.retain(|there| !words.iter().any(|word| there == word));
                }
            }
        }
    }
}
