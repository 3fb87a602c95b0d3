//! Finding the schema of one field.

use serde_json::Value;

/// The schema at `path`, such as `spec.placement.clusterAffinities[]`: names
/// joined by dots, `[]` for the items of a list, `{}` for the values of a map.
/// An empty path is the root.
pub(super) fn find<'a>(root: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(root, |schema, step| {
        let name = step.trim_end_matches("[]").trim_end_matches("{}");
        let field = schema.get_mut("properties")?.get_mut(name)?;
        match &step[name.len()..] {
            "[]" => field.get_mut("items"),
            "{}" => field.get_mut("additionalProperties"),
            _ => Some(field),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn path_leads_through_fields_items_and_values() {
        let map = json!({ "additionalProperties": { "type": "integer" } });
        let list = json!({ "items": { "type": "string" } });
        let mut root = json!({ "properties": { "a": { "properties": { "b": list, "m": map } } } });
        assert_eq!(find(&mut root, "a.b[]"), Some(&mut json!({ "type": "string" })));
        assert_eq!(find(&mut root, "a.m{}"), Some(&mut json!({ "type": "integer" })));
        assert_eq!(find(&mut root, "a.c"), None);
        assert!(find(&mut root, "").is_some());
    }
}
