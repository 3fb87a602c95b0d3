//! Writes the manifests below `crds/yaml/` from the Rust types, the same into
//! the chart, which takes no files from outside of its folder, and the tables
//! of `crds/DIFFERENCES.md` from the list of differences.
//!
//! `generate-crds` writes them, `generate-crds --check` writes nothing and
//! fails with the names of files that are not what their sources say.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atoll_crds::facts;

/// Folders of the manifests, from this package's.
const FOLDERS: [&str; 2] = ["yaml", "../charts/atoll/files/crds"];

fn main() -> ExitCode {
    let check = std::env::args().skip(1).any(|argument| argument == "--check");
    match run(Path::new(env!("CARGO_MANIFEST_DIR")), check) {
        Ok(stale) if check && !stale.is_empty() => {
            for path in stale {
                eprintln!("stale: {}; run `cargo generate`", path.display());
            }
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generating failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Brings the files of the crate in `root` up to date, or with `check` only
/// looks; returns those that were not.
fn run(root: &Path, check: bool) -> io::Result<Vec<PathBuf>> {
    let folders = FOLDERS.map(|folder| root.join(folder));
    let mut wanted = Vec::new();
    for crd in atoll_crds::all_crds() {
        let (name, text) = atoll_crds::schema::render_manifest(&crd).map_err(io::Error::other)?;
        wanted.extend(folders.iter().map(|folder| (folder.join(&name), text.clone())));
    }
    let page = root.join("DIFFERENCES.md");
    let list = facts::listed::read()?;
    let text = facts::page::render(&std::fs::read_to_string(&page)?, &list).map_err(io::Error::other)?;
    wanted.push((page, text));
    let mut stale = Vec::new();
    for folder in &folders {
        stale.extend(find_leftovers(folder, &wanted)?);
    }
    if !check {
        folders.iter().try_for_each(std::fs::create_dir_all)?;
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
