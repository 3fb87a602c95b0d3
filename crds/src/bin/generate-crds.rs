//! Writes the manifests below `crds/yaml/` from the Rust types, and the same into
//! the chart, which takes no files from outside of its folder.
//!
//! `generate-crds` writes them, `generate-crds --check` writes nothing and
//! fails with the names of files that are not what the types say.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Folders of the manifests, from this package's.
const FOLDERS: [&str; 2] = ["yaml", "../charts/atoll/files/crds"];

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    let folders = FOLDERS.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let ran: io::Result<Vec<Vec<PathBuf>>> = folders.iter().map(|folder| run(folder, check)).collect();
    match ran.map(|stale| stale.concat()) {
        Ok(stale) if check && !stale.is_empty() => {
            for path in stale {
                eprintln!("stale: {}; run `cargo generate`", path.display());
            }
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generating the manifests failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Brings `folder` up to date, or with `check` only looks; returns the files
/// that were not.
fn run(folder: &Path, check: bool) -> io::Result<Vec<PathBuf>> {
    let mut wanted = Vec::new();
    for crd in atoll_crds::all_crds() {
        let (name, text) = atoll_crds::schema::render_manifest(&crd).map_err(io::Error::other)?;
        wanted.push((folder.join(name), text));
    }
    let mut stale = find_leftovers(folder, &wanted)?;
    if !check {
        std::fs::create_dir_all(folder)?;
        stale.iter().try_for_each(std::fs::remove_file)?;
    }
    for (path, text) in wanted {
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if !check {
            std::fs::write(&path, text)?;
        }
        stale.push(path);
    }
    Ok(stale)
}

/// Manifests of kinds that are no more.
fn find_leftovers(folder: &Path, wanted: &[(PathBuf, String)]) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut leftovers = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_manifest = path.extension().is_some_and(|extension| extension == "yaml");
        if is_manifest && !wanted.iter().any(|(known, _)| *known == path) {
            leftovers.push(path);
        }
    }
    Ok(leftovers)
}
