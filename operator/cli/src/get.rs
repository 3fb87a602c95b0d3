//! `get`: clusters and policies with what became of them.
//!
//! Enters: the hub's objects alone. Leaves: a table, or the objects for
//! programs.

mod clusters;
mod policies;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::json;

use crate::args::{self, Format, What};
use crate::connect::Side;
use crate::console::Console;
use crate::output::{data, table};

/// Lists.
pub async fn run(hub: &Side, task: &args::Get, console: Console) -> Result<()> {
    let listing = match task.what {
        What::Clusters => clusters::list(hub, task).await?,
        What::Policies => policies::list(hub, task).await?,
    };
    if let Some(missing) = task.names.iter().find(|name| !listing.names.iter().any(|known| is_named(known, name))) {
        bail!("the hub has no {} {missing}", listing.noun);
    }
    let text = match task.output {
        Some(format @ (Format::Json | Format::Yaml)) => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": listing.objects});
            data(&list, format)?
        }
        Some(Format::Name) => listing.names.join("\n"),
        Some(Format::Wide) | None if listing.rows.is_empty() => {
            console.detail(format_args!("the hub has no {} there", listing.noun));
            return Ok(());
        }
        Some(Format::Wide) | None => {
            let wide = task.output == Some(Format::Wide);
            let shown = if wide { listing.header.len() } else { listing.narrow };
            table(
                &listing.header[..shown],
                listing.rows.into_iter().map(|mut row| {
                    row.truncate(shown);
                    row
                }),
            )
        }
    };
    console.say(text);
    Ok(())
}

/// `KIND/NAME` against a name.
fn is_named(known: &str, name: &str) -> bool {
    known.rsplit_once('/').is_some_and(|(_, known)| known == name)
}

/// What is listed.
struct Listing {
    noun: &'static str,
    /// `KIND/NAME`
    names: Vec<String>,
    /// Columns; the first `narrow` of them are shown unless more is asked for.
    header: &'static [&'static str],
    narrow: usize,
    rows: Vec<Vec<String>>,
    objects: Vec<serde_json::Value>,
}

impl Listing {
    fn keep<T: Serialize>(&mut self, object: &T) {
        let mut object = serde_json::to_value(object).unwrap_or_default();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        self.objects.push(object);
    }
}
