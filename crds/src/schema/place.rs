//! Finding the schema of one field.

use serde_json::Value;

/// The schema at `path`, such as `spec.placement.clusterAffinities[]`: names
/// joined by dots, `[]` for the items of a list. An empty path is the root.
pub(super) fn find<'a>(root: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(root, |schema, step| {
        let name = step.trim_end_matches("[]");
        let field = schema.get_mut("properties")?.get_mut(name)?;
        if step.ends_with("[]") { field.get_mut("items") } else { Some(field) }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn path_leads_through_fields_and_items() {
        let mut root = json!({ "properties": { "a": { "properties": { "b": { "items": { "type": "string" } } } } } });
        assert_eq!(find(&mut root, "a.b[]"), Some(&mut json!({ "type": "string" })));
        assert_eq!(find(&mut root, "a.c"), None);
        assert!(find(&mut root, "").is_some());
    }
}
