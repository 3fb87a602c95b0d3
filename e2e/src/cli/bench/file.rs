//! Where the figures of a bench go: a table on standard output, JSON in a file.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// The file, if one was named.
pub struct Figures<'a>(Option<(&'a Path, File)>);

impl<'a> Figures<'a> {
    /// Opens the file before anything is measured: nobody wants to hear after half an hour that it cannot be written.
    /// What is in it stays until there are other figures.
    pub fn open(path: Option<&'a Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let opened = OpenOptions::new().create(true).write(true).truncate(false).open(path);
        Ok(Self(Some((path, opened.with_context(|| format!("opening {} for the figures", path.display()))?))))
    }

    /// The table goes first, and whoever stopped reading it keeps nothing from the file.
    pub fn show(self, report: &(impl Display + Serialize)) -> Result<()> {
        let _ = writeln!(stdout(), "{report}");
        let Some((path, mut file)) = self.0 else { return Ok(()) };
        let text = serde_json::to_string_pretty(report).context("rendering the figures")?;
        let written = file.set_len(0).and_then(|()| file.write_all((text + "\n").as_bytes()));
        written.with_context(|| format!("writing {}", path.display()))
    }
}
