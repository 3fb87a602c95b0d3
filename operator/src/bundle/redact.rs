//! What leaves in a bundle: texts without values, and names as hashes where
//! that is wished.
//!
//! A member's own words may quote a value of a manifest, and an override's
//! error the value it was to write. So of what is quoted in a text only names
//! of federated objects are left, and what follows `Invalid value` is cut.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use serde_json::Value;

/// What stands in place of a value.
const REDACTED: &str = "(redacted)";
/// What the API servers write before a value of the user.
const VALUES: [&str; 2] = ["Invalid value:", "Unsupported value:"];
/// Words of messages are shorter, a uid included; keys, tokens and a line of a
/// PEM file are longer. A name of a federated object stays, however long.
const LONGEST_WORD: usize = 40;

/// Takes values out of texts.
pub struct Redactor {
    names: BTreeSet<String>,
    /// Names become hashes under a key that nobody keeps.
    hashes: Option<RandomState>,
}

impl Redactor {
    /// `names` may stay in a text, or are what is hashed.
    pub fn new(names: BTreeSet<String>, hash_names: bool) -> Self {
        Self { names, hashes: hash_names.then(RandomState::new) }
    }

    /// All texts of a value, keys of maps included.
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, field)| (self.words(&key), self.value(field)));
                Value::Object(fields.collect())
            }
            plain => plain,
        }
    }

    /// One text, as a whole: a value may have several lines.
    pub fn text(&self, text: &str) -> String {
        self.words(&self.quotes(&cut(text)))
    }

    /// The text of a scrape. What it quotes are labels: words of this program,
    /// and clusters' names.
    pub fn metrics(&self, text: &str) -> String {
        self.words(text)
    }

    /// Leaves only names in quotes.
    fn quotes(&self, text: &str) -> String {
        let mut parts = unescaped(text).into_iter();
        let mut kept = parts.next().unwrap_or_default().to_owned();
        let mut quoted = true;
        for part in parts {
            kept.push('"');
            kept.push_str(if !quoted || part.is_empty() || self.names.contains(part) { part } else { REDACTED });
            quoted = !quoted;
        }
        kept
    }

    /// Word by word: what is too long to be a word goes, names are hashed.
    fn words(&self, line: &str) -> String {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-._+=/".contains(letter);
        let mut kept = String::with_capacity(line.len());
        let mut rest = line;
        while !rest.is_empty() {
            let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            kept.push_str(&self.word(word));
            let gap = after.find(is_part).unwrap_or(after.len());
            kept.push_str(&after[..gap]);
            rest = &after[gap..];
        }
        kept
    }

    /// A path is as many words as it has parts, unless it is too long for one.
    fn word(&self, word: &str) -> String {
        // Encoded data has no dot, an API group has.
        let is_of_group = word.split('/').next().is_some_and(|group| group.contains('.'));
        if word.len() <= LONGEST_WORD || is_of_group || word.split('/').all(|part| self.names.contains(part)) {
            return word.split('/').map(|part| self.part(part)).collect::<Vec<_>>().join("/");
        }
        self.part(word)
    }

    fn part(&self, word: &str) -> String {
        let bare = word.trim_end_matches(['.', '=']);
        match &self.hashes {
            Some(hashes) if self.names.contains(bare) => {
                format!("n-{:016x}{}", hashes.hash_one(bare), &word[bare.len()..])
            }
            _ if word.len() > LONGEST_WORD && !self.names.contains(bare) => REDACTED.to_owned(),
            _ => word.to_owned(),
        }
    }
}

/// Cuts a text where the value of a user begins: nothing tells where it ends.
fn cut(text: &str) -> String {
    let found = VALUES.iter().filter_map(|words| Some(text.find(words)? + words.len())).min();
    found.map_or_else(|| text.to_owned(), |at| format!("{} {REDACTED}", &text[..at]))
}

/// The text between quotes that no backslash escapes.
fn unescaped(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut escaped) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        if letter == '"' && !escaped {
            parts.push(&text[from..at]);
            from = at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor(hash_names: bool) -> Redactor {
        Redactor::new(["web", "shop", "m1"].map(str::to_owned).into(), hash_names)
    }

    #[test]
    fn values_in_the_words_of_others_do_not_stay() {
        let plain = redactor(false);
        let cases = [
            (r#"deployments.apps "web" is forbidden"#, r#"deployments.apps "web" is forbidden"#),
            (r#"override: "s3cr3t" is not an image reference"#, r#"override: "(redacted)" is not an image reference"#),
            ("spec.x: Invalid value: map[a:s3cr3t]: must not", "spec.x: Invalid value: (redacted)"),
            (r#"an odd " quote s3cr3t"#, r#"an odd "(redacted)"#),
        ];
        for (text, wanted) in cases {
            assert_eq!(plain.text(text), wanted);
        }
        let escaped = r#"override: "a\"s3cr3t\"b" is no image"#;
        assert_eq!(plain.text(escaped), r#"override: "(redacted)" is no image"#);
        let lines = "x: \"one\ns3cr3t\nthree\" is wrong; y: Invalid value: a\ns3cr3t";
        assert_eq!(plain.text(lines), "x: \"(redacted)\" is wrong; y: Invalid value: (redacted)");
        let pem = format!("{}/{}", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "B".repeat(31));
        assert_eq!(plain.text(&format!("key {pem} end")), "key (redacted) end");
        let kind = "policy.karmada.io/v1alpha1/ClusterPropagationPolicy";
        assert_eq!(plain.text(kind), kind);
        let uid = "0b1e6f0a-3f43-4b0e-9d0a-1f2e3d4c5b6a";
        assert_eq!(plain.text(uid), uid);
        let token = "eyJhbGciOi".repeat(10);
        assert_eq!(plain.text(&format!("Bearer {token}, refused")), "Bearer (redacted), refused");
    }

    #[test]
    fn a_name_is_hashed_alike_wherever_it_stands_and_other_words_stay() {
        let hashing = redactor(true);
        let value = hashing.value(json!({"object": "Deployment shop/web", "m1": "on m1.", "n": 3, "web2": "a web2"}));
        let text = value.to_string();
        assert!(!text.contains("shop") && !text.contains("\"m1\"") && text.contains("web2"), "{text}");
        let name = hashing.text("m1");
        assert_eq!(value[&name], format!("on {name}."));
        assert_ne!(redactor(true).text("m1"), name, "nobody can make the hash of a guessed name");
    }

    #[test]
    fn metrics_keep_their_labels_and_hash_the_cluster() {
        let line = "atoll_lane_depth{cluster=\"m1\",state=\"open\"} 3";
        assert_eq!(redactor(false).metrics(line), line);
        let hashed = redactor(true).metrics(line);
        assert!(!hashed.contains("m1") && hashed.contains("state=\"open\"} 3"), "{hashed}");
    }
}
