//! Image references: `[registry/]repository[:tag][@digest]`.

use std::fmt;

use super::{Edit, ImagePart};

/// The parts of a reference; an empty part is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImageReference {
    registry: String,
    repository: String,
    tag: String,
    digest: String,
}

impl ImageReference {
    /// None when no repository is left, or the text could not be a reference.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
        let (registry, rest) = match rest.split_once('/') {
            Some((host, rest)) if is_host(host) => (host, rest),
            _ => ("", rest),
        };
        // A registry's port stands before the last slash, a tag behind it.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (rest, ""),
        };
        let valid = !repository.is_empty() && !text.contains(char::is_whitespace) && !text.ends_with(['@', ':']);
        let part = str::to_owned;
        valid.then(|| Self {
            registry: part(registry),
            repository: part(repository),
            tag: part(tag),
            digest: part(digest),
        })
    }

    /// Changes one part. Tag and digest count as one part: an image pinned by
    /// its digest would not change otherwise.
    pub fn edit(&mut self, part: ImagePart, edit: &Edit<String>) {
        let whole = |old: &str| match edit {
            Edit::Add(more) => format!("{old}{more}"),
            Edit::Replace(new) => new.clone(),
            Edit::Remove => String::new(),
        };
        match part {
            ImagePart::Registry => self.registry = whole(&self.registry),
            ImagePart::Repository => self.repository = whole(&self.repository),
            ImagePart::Tag => {
                let old = if self.tag.is_empty() { &self.digest } else { &self.tag };
                let new = whole(old);
                // A digest names its algorithm: sha256:..., a tag has no colon.
                let is_digest = new.contains(':');
                (self.tag, self.digest) = if is_digest { (String::new(), new) } else { (new, String::new()) };
            }
        }
    }
}

/// What tells a registry from the first part of a path.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.registry.is_empty() {
            write!(f, "{}/", self.registry)?;
        }
        f.write_str(&self.repository)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(f, "@{}", self.digest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> [String; 4] {
        let ImageReference { registry, repository, tag, digest } = ImageReference::parse(text).unwrap();
        [registry, repository, tag, digest]
    }

    #[test]
    fn references_are_split_where_the_container_runtimes_split_them() {
        for (text, expected) in [
            ("nginx", ["", "nginx", "", ""]),
            ("nginx:1.27", ["", "nginx", "1.27", ""]),
            ("library/nginx:1.27", ["", "library/nginx", "1.27", ""]),
            ("registry.local/nginx", ["registry.local", "nginx", "", ""]),
            ("localhost/nginx", ["localhost", "nginx", "", ""]),
            ("localhost:5000/nginx", ["localhost:5000", "nginx", "", ""]),
            ("host:5000/a/b/c:v1", ["host:5000", "a/b/c", "v1", ""]),
            ("a.b/c@sha256:0a1b", ["a.b", "c", "", "sha256:0a1b"]),
            ("a.b/c:v1@sha256:0a1b", ["a.b", "c", "v1", "sha256:0a1b"]),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_repository_is_no_reference() {
        for text in ["", ":v1", "a.b/", "a.b/:v1", "@sha256:00", "nginx:", "nginx@", "a b"] {
            assert_eq!(ImageReference::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_part_is_appended_to_replaced_or_cleared() {
        let add = |text: &str| Edit::Add(text.to_owned());
        let replace = |text: &str| Edit::Replace(text.to_owned());
        for (image, part, edit, expected) in [
            ("nginx", ImagePart::Registry, add("mirror.local"), "mirror.local/nginx"),
            ("mirror.local/nginx", ImagePart::Registry, add(":5000"), "mirror.local:5000/nginx"),
            ("mirror.local/nginx", ImagePart::Registry, Edit::Remove, "nginx"),
            ("a.b/nginx:1", ImagePart::Registry, replace("c.d"), "c.d/nginx:1"),
            ("nginx:1", ImagePart::Repository, add("-slim"), "nginx-slim:1"),
            ("nginx:1", ImagePart::Repository, replace("web/nginx"), "web/nginx:1"),
            ("nginx:1", ImagePart::Tag, add("-alpine"), "nginx:1-alpine"),
            ("nginx", ImagePart::Tag, add("2"), "nginx:2"),
            ("nginx:1", ImagePart::Tag, Edit::Remove, "nginx"),
            ("nginx:1", ImagePart::Tag, replace("sha256:0a"), "nginx@sha256:0a"),
            ("nginx@sha256:0a", ImagePart::Tag, replace("2"), "nginx:2"),
            ("nginx:1@sha256:0a", ImagePart::Tag, replace("2"), "nginx:2"),
            ("nginx:1@sha256:0a", ImagePart::Tag, Edit::Remove, "nginx"),
        ] {
            let mut reference = ImageReference::parse(image).unwrap();
            reference.edit(part, &edit);
            assert_eq!(reference.to_string(), expected, "{image} {part:?} {edit:?}");
        }
    }

    proptest! {
        #[test]
        fn a_reference_is_written_as_it_was_read(
            text in "([a-z]{1,5}[.:][a-z0-9]{1,4}/)?[a-z]{1,5}(/[a-z]{1,5})?(:[a-z0-9.]{1,6})?(@sha256:[a-f0-9]{8})?"
        ) {
            prop_assert_eq!(ImageReference::parse(&text).unwrap().to_string(), text);
        }
    }
}
