//! The tables of `DIFFERENCES.md`, made from the list.
//!
//! A table stands between `<!-- differences: NAME -->` and `<!-- end -->`; the
//! words around it are a person's.

use std::fmt::Write as _;

use thiserror::Error;

use super::listed::{Listed, ListedChange};

const BEGIN: &str = "<!-- differences: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end -->";

/// Why the page cannot be written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// A table has no end.
    #[error("table {0:?} has no line {END:?}")]
    Open(String),
    /// An entry names a table that the page does not have.
    #[error("no table {0:?}: the page needs a line \"{BEGIN}{0}{BEGIN_END}\"")]
    NoTable(String),
}

/// The page with its tables made anew.
///
/// # Errors
/// When a table has no end, or an entry no table.
pub fn render(page: &str, list: &[Listed]) -> Result<String, Error> {
    let mut rendered = String::new();
    let mut tables: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(BEGIN_END).ok_or_else(|| Error::Open(after.to_owned()))?;
        let (_, after) = after.split_once(END).ok_or_else(|| Error::Open(name.to_owned()))?;
        let _ = write!(rendered, "{before}{BEGIN}{name}{BEGIN_END}\n\n{}\n{END}", table(name, list));
        tables.push(name);
        rest = after;
    }
    rendered.push_str(rest);
    match list.iter().find(|listed| !tables.contains(&listed.table.as_str())) {
        Some(listed) => Err(Error::NoTable(listed.table.clone())),
        None => Ok(rendered),
    }
}

fn table(name: &str, list: &[Listed]) -> String {
    let mut text = "| Kind | Row | Atoll | Why |\n|---|---|---|---|\n".to_owned();
    for listed in list.iter().filter(|listed| listed.table == name) {
        let rows: Vec<String> = listed.rows.iter().map(|row| format!("`{row}`")).collect();
        let kinds = listed.kinds.join(", ");
        let _ = writeln!(text, "| {kinds} | {} | {} | {} |", rows.join(", "), change(&listed.change), listed.why);
    }
    text
}

fn change(change: &ListedChange) -> String {
    match change {
        ListedChange::Added => "added".to_owned(),
        ListedChange::Missing => "not there".to_owned(),
        ListedChange::Facts(facts) => {
            let say = |(name, value): (&String, &serde_json::Value)| match value {
                serde_json::Value::Null => format!("no `{name}`"),
                value => format!("`{name}: {}`", value.to_string().replace('|', "\\|")),
            };
            facts.iter().map(say).collect::<Vec<_>>().join(", ")
        }
    }
}
