//! `fieldOverrider`: edits the structure inside one text field.

use serde_json::Value;

use super::error::{Error, Problem};
use super::{FieldOverrider, Format, patch};

const OVERRIDER: &str = "fieldOverrider";

pub(super) fn apply(object: &mut Value, overrider: &FieldOverrider) -> Result<(), Error> {
    let fail = |problem| Error::new(OVERRIDER, &overrider.path, problem);
    let field = object.pointer_mut(&overrider.path).ok_or_else(|| fail(Problem::NotThere))?;
    let text = field.as_str().ok_or_else(|| fail(Problem::NotText))?;
    let mut content = read(overrider.format, text).map_err(fail)?;
    patch::edit(&mut content, &overrider.operations)
        .map_err(|(path, problem)| Error::new(OVERRIDER, format!("{}#{path}", overrider.path), problem))?;
    *field = write(overrider.format, &content).map_err(fail)?.into();
    Ok(())
}

fn read(format: Format, text: &str) -> Result<Value, Problem> {
    match format {
        Format::Json => {
            serde_json::from_str(text).map_err(|error| Problem::Unreadable { format: "JSON", cause: error.to_string() })
        }
        Format::Yaml => serde_saphyr::from_str(text)
            .map_err(|error| Problem::Unreadable { format: "YAML", cause: error.to_string() }),
    }
}

/// YAML has many ways to write a text that reads as something else; what does
/// not read back as it was is refused rather than sent out changed.
fn write(format: Format, content: &Value) -> Result<String, Problem> {
    match format {
        Format::Json => Ok(content.to_string()),
        Format::Yaml => {
            let text = serde_saphyr::to_string(content).map_err(|_| Problem::Unwritable("YAML"))?;
            let again = read(format, &text).map_err(|_| Problem::Unwritable("YAML"))?;
            if again == *content { Ok(text) } else { Err(Problem::Unwritable("YAML")) }
        }
    }
}
