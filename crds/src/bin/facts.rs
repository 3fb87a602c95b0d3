//! Facts of Karmada's definitions.
//!
//! `facts --from DIR` reads every definition below DIR and writes its table to
//! `crds/facts`. `facts` alone compares those tables with ours and prints what
//! the list of differences does not cover.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atoll_crds::facts::{self, Table, difference, listed};
use serde_json::Value;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => compare(),
        ["--from", folder] => read(Path::new(folder)),
        _ => Err("usage: facts [--from DIR]".into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("facts: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the tables of the definitions below `folder`, and takes away those of
/// kinds that are no more.
fn read(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut written = Vec::new();
    for path in find_manifests(folder)? {
        let name = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|error| name(&error))?;
        let crd: Value = serde_saphyr::from_str(&text).map_err(|error| name(&error))?;
        let table = Table::of(&crd).map_err(|error| name(&error))?;
        let target = facts::folder().join(table.file_name());
        std::fs::write(&target, table.to_string())?;
        written.push(target);
    }
    if written.is_empty() {
        return Err(format!("{}: no definition in any .yaml file", folder.display()).into());
    }
    for entry in std::fs::read_dir(facts::folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") && !written.contains(&path) {
            std::fs::remove_file(path)?;
        }
    }
    println!("{} tables", written.len());
    Ok(ExitCode::SUCCESS)
}

fn find_manifests(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(find_manifests(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Prints what the list does not cover, and what it covers for nothing.
fn compare() -> Result<ExitCode, Box<dyn Error>> {
    let differences = difference::compare(&facts::committed()?, &facts::ours());
    let judgement = listed::judge(&differences, &listed::read()?);
    for difference in &judgement.unlisted {
        println!("not listed: {difference}");
    }
    for entry in &judgement.idle {
        println!("listed and not there: {entry}");
    }
    println!("{} differences, {} not listed", differences.len(), judgement.unlisted.len());
    let clean = judgement == listed::Judgement::default();
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
