//! The names of what log lines and spans say: one meaning each, the same
//! everywhere. A test finds names in the sources that are not listed here.

/// Why something failed.
pub const ERROR: &str = "error";
/// The template or copy: `Kind namespace/name`.
#[cfg(test)]
pub const OBJECT: &str = "object";
/// The member cluster.
#[cfg(test)]
pub const CLUSTER: &str = "cluster";
/// The policy that claims the template.
pub const POLICY: &str = "policy";
/// The binding: `namespace/name`, or `name`.
pub const BINDING: &str = "binding";
/// The trace, 32 hexadecimal digits; there while somebody listens to spans.
#[cfg(test)]
pub const TRACE_ID: &str = "trace_id";
/// The kind of task.
#[cfg(test)]
pub const TASK: &str = "task";

/// What a line is about, in the order in which lines say it.
#[cfg(test)]
const SUBJECTS: [&str; 6] = [OBJECT, CLUSTER, POLICY, BINDING, TRACE_ID, TASK];

/// Everything else that a line or a span may say.
#[cfg(test)]
const DETAILS: [&str; 42] = [
    "account",
    "address",
    "after",
    "applied",
    "approved",
    "by",
    "cause",
    "change",
    "conflict",
    "count",
    "dropped",
    "endpoint",
    "error",
    "failure",
    "field",
    "file",
    "from",
    "hook",
    "hub",
    "kind",
    "leading",
    "left",
    "location",
    "made",
    "map_version",
    "message",
    "name",
    "named",
    "namespace",
    "panicked",
    "peer",
    "placements",
    "reason",
    "secret",
    "seen",
    "steps",
    "subject",
    "term",
    "thread",
    "to",
    "why",
    "written",
];

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The text between the parentheses that begin at the start of `text`.
    fn arguments(text: &str) -> &str {
        let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
        for (at, character) in text.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '(' | '{' | '[' if !quoted => depth += 1,
                ')' | '}' | ']' if !quoted => {
                    depth -= 1;
                    if depth == 0 {
                        return &text[1..at];
                    }
                }
                _ => {}
            }
        }
        panic!("unbalanced: {text}")
    }

    fn split(arguments: &str) -> Vec<&str> {
        let (mut depth, mut quoted, mut from, mut parts) = (0_u32, false, 0, Vec::new());
        for (at, character) in arguments.char_indices() {
            match character {
                '"' => quoted = !quoted,
                '(' | '{' | '[' if !quoted => depth += 1,
                ')' | '}' | ']' if !quoted => depth -= 1,
                ',' if !quoted && depth == 0 => {
                    parts.push(&arguments[from..at]);
                    from = at + 1;
                }
                _ => {}
            }
        }
        parts.push(&arguments[from..]);
        parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// The field that one argument of a macro names; None for a message or a setting.
    fn field(argument: &str) -> Option<&str> {
        if argument.starts_with('"') || argument.starts_with("target:") || argument.starts_with("parent:") {
            return None;
        }
        let name = argument.split('=').next().unwrap_or_default().trim();
        Some(name.trim_start_matches(['%', '?']))
    }

    #[test]
    fn every_name_that_a_line_says_is_listed() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let mut lines = 0;
        for file in files {
            let text = std::fs::read_to_string(&file).expect("readable");
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            for level in ["error", "warn", "info", "debug", "trace"] {
                for (at, call) in text.match_indices(&format!("tracing::{level}!(")) {
                    lines += 1;
                    for name in split(arguments(&text[at + call.len() - 1..])).into_iter().filter_map(field) {
                        let is_listed = SUBJECTS.contains(&name) || DETAILS.contains(&name);
                        assert!(
                            is_listed,
                            "{}: the field {name:?} is not listed in telemetry/fields.rs",
                            file.display()
                        );
                    }
                }
            }
        }
        assert!(lines > 50, "only {lines} lines were found");
    }
}
