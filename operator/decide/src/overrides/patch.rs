//! `plaintext`: RFC 6902 operations.

use json_patch::{AddOperation, PatchOperation as Operation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

use super::error::{Error, Problem};
use super::{Edit, PatchOperation};

/// Applies the operations to the whole object, one after another.
pub(super) fn apply(object: &mut Value, operations: &[PatchOperation]) -> Result<(), Error> {
    edit(object, operations).map_err(|(path, problem)| Error::new("plaintext", path, problem))
}

/// The same for any document; an error carries the path of its operation.
pub(super) fn edit<'o>(document: &mut Value, operations: &'o [PatchOperation]) -> Result<(), (&'o str, Problem)> {
    for operation in operations {
        let fail = |cause: String| (operation.path.as_str(), Problem::Patch(cause));
        let checked = checked(operation).map_err(fail)?;
        json_patch::patch(document, &[checked]).map_err(|error| fail(error.kind.to_string()))?;
    }
    Ok(())
}

fn checked(operation: &PatchOperation) -> Result<Operation, String> {
    let path = operation.path.parse().map_err(|_| "the path is no JSON pointer".to_owned())?;
    Ok(match &operation.edit {
        Edit::Add(value) => Operation::Add(AddOperation { path, value: value.clone() }),
        Edit::Replace(value) => Operation::Replace(ReplaceOperation { path, value: value.clone() }),
        Edit::Remove => Operation::Remove(RemoveOperation { path }),
    })
}
