//! What a definition says, as facts that can be compared.
//!
//! Enters: a `CustomResourceDefinition`, Karmada's or ours. Leaves: a [`Table`]
//! of facts without a word of prose, its [`Difference`]s from another, and the
//! [`Listed`] ones with their reasons. Karmada's tables are committed in
//! `crds/facts`, its definitions are not.

pub mod difference;
pub mod listed;
pub mod page;
pub mod table;

use std::io;
use std::path::{Path, PathBuf};

pub use difference::{Change, Difference};
pub use listed::{Judgement, Listed};
pub use table::Table;

/// Folder of the committed tables and of the list of differences.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("facts")
}

/// Karmada's tables as committed, sorted by file name.
///
/// # Errors
/// When a file cannot be read or is no table.
pub fn committed() -> io::Result<Vec<Table>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = paths.iter().map(|path| {
        let text = std::fs::read_to_string(path)?;
        text.parse().map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    });
    read.collect()
}

/// The tables of our own definitions.
pub fn ours() -> Vec<Table> {
    let definitions = crate::all_crds();
    let values = definitions.iter().map(|crd| serde_json::to_value(crd).expect("a definition is JSON"));
    values.map(|crd| Table::of(&crd).expect("our definitions have a kind")).collect()
}
