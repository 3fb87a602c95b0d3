//! `snapshot`: a bundle of what a running operator knows, without secrets.
//!
//! Enters: the operator's parts, which hold no secret when they leave it.
//! Leaves: one archive, whole or not at all; a list in it says what could not
//! be read.

mod archive;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args;
use crate::connect::Side;
use crate::console::Console;
use crate::{operator, output};

/// The list of parts, in the archive.
const LIST: &str = "manifest.json";

/// What the operator sends.
#[derive(Deserialize, Debug)]
struct Bundle {
    at: String,
    parts: Vec<Part>,
    #[serde(default)]
    failed: Vec<Value>,
}

#[derive(Deserialize, Debug)]
struct Part {
    file: String,
    content: Value,
}

/// Asks, then writes.
pub async fn run(hub: &Side, task: &args::Snapshot, console: Console) -> Result<()> {
    // A name that cannot be written to is refused before anything is asked.
    if let Some(path) = &task.output {
        check(path, task.force)?;
    }
    let query = if task.redact_names { "?redactNames=true" } else { "" };
    let answer = operator::ask(hub, &task.reach, &format!("/debug/snapshot{query}"), console).await?;
    if !answer.status.is_success() {
        bail!("the operator answers {}: is it older than this program?", answer.status);
    }
    let bundle: Bundle = serde_json::from_slice(&answer.body).context("reading the operator's answer")?;
    let path = task.output.clone().unwrap_or_else(|| PathBuf::from(file_name(&bundle.at)));
    check(&path, task.force)?;
    let files = files(&bundle)?;
    archive::write(&path, &files, task.force)?;
    for failed in &bundle.failed {
        console.warn(format_args!("{} could not be read: {}", failed["file"], failed["why"]));
    }
    console.say(format_args!("{}: {} parts", path.display(), bundle.parts.len()));
    Ok(())
}

fn check(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force {
        bail!("{} is there already: name another file, or overwrite it with --force", path.display());
    }
    Ok(())
}

fn file_name(at: &str) -> String {
    let at: String = at.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("atoll-snapshot-{at}.tar.gz")
}

/// The files of the archive, the list first.
fn files(bundle: &Bundle) -> Result<Vec<(String, Vec<u8>)>> {
    let names: Vec<&str> = bundle.parts.iter().map(|part| part.file.as_str()).collect();
    let list = json!({
        "at": bundle.at, "parts": names, "failed": bundle.failed, "plugin": env!("CARGO_PKG_VERSION"),
    });
    let mut files = vec![(LIST.to_owned(), output::data(&list, args::Format::Json)?.into_bytes())];
    for part in &bundle.parts {
        // An operator's word is no path on this machine.
        if part.file.is_empty() || part.file.contains(['/', '\\']) || part.file.starts_with('.') {
            return Err(anyhow!("the operator names a part {:?}, which is no file name", part.file));
        }
        let content = match &part.content {
            Value::String(text) => text.clone(),
            value => output::data(value, args::Format::Json)?,
        };
        files.push((part.file.clone(), content.into_bytes()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(file: &str) -> Bundle {
        let part = Part { file: file.into(), content: json!("text") };
        Bundle { at: "2026-01-01T00:00:00Z".into(), parts: vec![part], failed: vec![json!({"file": "x"})] }
    }

    #[test]
    fn the_list_names_what_is_there_and_what_could_not_be_read() {
        let files = files(&bundle("metrics.txt")).unwrap();
        let list: Value = serde_json::from_slice(&files[0].1).unwrap();
        assert_eq!((files[0].0.as_str(), &list["parts"]), (LIST, &json!(["metrics.txt"])));
        assert_eq!(list["failed"][0]["file"], "x");
        assert_eq!(files[1], ("metrics.txt".to_owned(), b"text".to_vec()));
    }

    #[test]
    fn a_part_is_no_path() {
        for wrong in ["../x", "/etc/x", "a/b", ".hidden", ""] {
            assert!(files(&bundle(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_file_is_named_after_its_time() {
        assert_eq!(file_name("2026-01-01T00:00:00Z"), "atoll-snapshot-20260101T000000Z.tar.gz");
    }
}
