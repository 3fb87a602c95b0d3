//! What the fuzz targets share, and the operator's readers.
//!
//! The operator and the plugin are programs, not libraries. Their modules that
//! only read are here by symbolic links, so that nothing of them has to be made
//! public for this, and the build stays small: no client, no server.
#![allow(dead_code, reason = "the readers are used in part")]

pub mod clock;
pub mod json;
pub mod validate;
pub mod values;
pub mod webhook;

use serde::de::DeserializeOwned;

/// An object as an API server sends it, or as a person writes it: JSON, or the
/// YAML of the examples that the fuzzer begins with.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str(text).ok().or_else(|| serde_saphyr::from_str(text).ok())
}
