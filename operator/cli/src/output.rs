//! Results as tables, or as data for programs.

use anyhow::{Context, Result};
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::args::Format;

/// A table without lines, as kubectl writes it.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Data in the format that was asked for.
pub fn data<T: Serialize>(value: &T, format: Format) -> Result<String> {
    match format {
        Format::Yaml => {
            let text = serde_saphyr::to_string(value).context("writing YAML")?;
            Ok(text.trim_end().to_owned())
        }
        _ => serde_json::to_string_pretty(value).context("writing JSON"),
    }
}

/// What is not known.
pub fn or_dash(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_nothing_at_the_end_of_its_lines() {
        let text = table(&["NAME", "READY"], [vec!["member-one".into(), "True".into()], vec!["m2".into(), "-".into()]]);
        assert_eq!(text, "NAME         READY\nmember-one   True\nm2           -");
    }
}
