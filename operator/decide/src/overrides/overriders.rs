//! Overriders of one rule, checked (karmada-api 1.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A change of one thing. What is put in is part of the variant, so that a
/// removal with a value, or an addition without one, cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Edit<T> {
    /// Put in; what it means for a thing that is there depends on the thing.
    Add(T),
    /// Take out.
    Remove,
    /// Put in place of what is there.
    Replace(T),
}

/// Changes by their kind; each list in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overriders {
    /// `imageOverrider`
    pub images: Vec<ImageOverrider>,
    /// `commandOverrider`
    pub commands: Vec<WordsOverrider>,
    /// `argsOverrider`
    pub args: Vec<WordsOverrider>,
    /// `labelsOverrider`
    pub labels: Vec<EntriesOverrider>,
    /// `annotationsOverrider`
    pub annotations: Vec<EntriesOverrider>,
    /// `fieldOverrider`
    pub fields: Vec<FieldOverrider>,
    /// `plaintext`: RFC 6902 operations on the whole object.
    pub plaintext: Vec<PatchOperation>,
}

/// A part of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ImagePart {
    /// Host and port.
    Registry,
    /// Path between registry and tag.
    Repository,
    /// Tag or digest.
    Tag,
}

/// A change of image references.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageOverrider {
    /// JSON pointer of the one field that is changed. None: the images of all
    /// containers of a kind whose containers are known.
    pub path: Option<String>,
    /// Which part.
    pub part: ImagePart,
    /// Add appends to the part.
    pub edit: Edit<String>,
}

/// A change of a list of words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListEdit {
    /// Append, making the list when there is none.
    Add(Vec<String>),
    /// Take out all that are equal to one of these.
    Remove(Vec<String>),
}

/// A change of one container's command or arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WordsOverrider {
    /// The container's name.
    pub container: String,
    /// The change.
    pub edit: ListEdit,
}

/// A change of the object's own labels or annotations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EntriesOverrider {
    /// Set them, whether they are there or not.
    Add(BTreeMap<String, String>),
    /// Take out those keys.
    Remove(Vec<String>),
    /// Set those that are there.
    Replace(BTreeMap<String, String>),
}

/// How the text of a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML. Comments and layout of the text are lost.
    Yaml,
}

/// A change inside a text field that holds a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldOverrider {
    /// JSON pointer of the field.
    pub path: String,
    /// How it is read and written.
    pub format: Format,
    /// RFC 6902 operations on its content.
    pub operations: Vec<PatchOperation>,
}

/// One operation of a JSON patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchOperation {
    /// JSON pointer.
    pub path: String,
    /// As RFC 6902 has it: add inserts into lists and sets in maps; remove and
    /// replace need something there.
    pub edit: Edit<Value>,
}
