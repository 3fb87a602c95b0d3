//! Rules of `ResourceInterpreterWebhookConfiguration` (karmada-api 1.15).
//!
//! `ResourceInterpreterCustomization` has none: what Karmada checks there, that
//! a script can be read and that no other object answers the same question, is
//! out of CEL's reach.

use super::{Rule, SERVICE_LABEL, bound, cel, map_by, max_items, pattern, set, words};

const ALONE: &str = "size(self) == 1 || !self.exists(entry, entry == '*')";
const ALONE_MESSAGE: &str = "'*' must stand alone";

/// Longest list with a rule inside one rule of a webhook.
const ENTRIES: i64 = 64;

pub(super) const RULES: &[Rule] = &[
    map_by("webhooks", &["name"]),
    max_items("webhooks", 128),
    // A full stop at the end is the same name.
    pattern("webhooks[].name", r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\.?$"),
    bound("webhooks[].name", "maxLength", 254),
    cel("webhooks[].clientConfig", "has(self.url) != has(self.service)", "exactly one of url and service must be set"),
    pattern("webhooks[].clientConfig.url", "^https://[^/?#@]+(/[^?#]*)?$"),
    pattern("webhooks[].clientConfig.service.namespace", "^.+$"),
    pattern("webhooks[].clientConfig.service.name", "^.+$"),
    pattern("webhooks[].clientConfig.service.path", "^(/.*)?$"),
    bound("webhooks[].clientConfig.service.port", "minimum", 1),
    bound("webhooks[].clientConfig.service.port", "maximum", 65_535),
    bound("webhooks[].timeoutSeconds", "minimum", 1),
    bound("webhooks[].timeoutSeconds", "maximum", 30),
    set("webhooks[].interpreterContextVersions"),
    max_items("webhooks[].interpreterContextVersions", 16),
    pattern("webhooks[].interpreterContextVersions[]", SERVICE_LABEL),
    cel(
        "webhooks[].interpreterContextVersions",
        "self.exists(version, version == 'v1alpha1')",
        "interpreterContextVersions must include v1alpha1",
    ),
    max_items("webhooks[].rules", 64),
    bound("webhooks[].rules[].operations", "minItems", 1),
    max_items("webhooks[].rules[].operations", 16),
    words(
        "webhooks[].rules[].operations[]",
        &[
            "*",
            "InterpretReplica",
            "InterpretComponent",
            "ReviseReplica",
            "InterpretStatus",
            "Retain",
            "AggregateStatus",
            "InterpretHealth",
            "InterpretDependency",
        ],
    ),
    cel("webhooks[].rules[].operations", ALONE, ALONE_MESSAGE),
    bound("webhooks[].rules[].apiGroups", "minItems", 1),
    max_items("webhooks[].rules[].apiGroups", ENTRIES),
    cel("webhooks[].rules[].apiGroups", ALONE, ALONE_MESSAGE),
    bound("webhooks[].rules[].apiVersions", "minItems", 1),
    max_items("webhooks[].rules[].apiVersions", ENTRIES),
    cel("webhooks[].rules[].apiVersions", ALONE, ALONE_MESSAGE),
    pattern("webhooks[].rules[].apiVersions[]", "^.+$"),
    bound("webhooks[].rules[].kinds", "minItems", 1),
    max_items("webhooks[].rules[].kinds", ENTRIES),
    cel("webhooks[].rules[].kinds", ALONE, ALONE_MESSAGE),
    pattern("webhooks[].rules[].kinds[]", "^.+$"),
];
