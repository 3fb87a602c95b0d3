//! `imageOverrider`.

use serde_json::Value;

use super::error::{Error, Problem};
use super::image_reference::ImageReference;
use super::{ImageOverrider, containers};

const OVERRIDER: &str = "imageOverrider";

pub(super) fn apply(object: &mut Value, overrider: &ImageOverrider) -> Result<(), Error> {
    if let Some(path) = &overrider.path {
        let field = object.pointer_mut(path).ok_or_else(|| Error::new(OVERRIDER, path, Problem::NotThere))?;
        return edit(field, overrider).map_err(|problem| Error::new(OVERRIDER, path, problem));
    }
    for (at, container) in containers(object).enumerate() {
        // A pod template that names no image has it filled in elsewhere.
        if let Some(field) = container.get_mut("image") {
            let path = format!("/containers/{at}/image");
            edit(field, overrider).map_err(|problem| Error::new(OVERRIDER, path, problem))?;
        }
    }
    Ok(())
}

fn edit(field: &mut Value, overrider: &ImageOverrider) -> Result<(), Problem> {
    let text = field.as_str().ok_or(Problem::NotText)?;
    let not_image = |text: &str| Problem::NotImage(text.to_owned());
    let mut reference = ImageReference::parse(text).ok_or_else(|| not_image(text))?;
    reference.edit(overrider.part, &overrider.edit);
    let changed = reference.to_string();
    ImageReference::parse(&changed).ok_or_else(|| not_image(&changed))?;
    *field = changed.into();
    Ok(())
}
