//! Rules of `Cluster` (karmada-api 1.3).

use super::{Rule, cel};

pub(super) const RULES: &[Rule] = &[
    cel(
        "spec",
        "!(has(self.zone) && self.zone != '' && has(self.zones) && size(self.zones) > 0)",
        "zone and zones cannot both be set; zone is deprecated",
    ),
    cel(
        "spec.apiEndpoint",
        "self == '' || (self.contains('//') && !self.contains('@') && !self.contains('?') && !self.contains('#'))",
        "apiEndpoint must be a URL with a host and without user, query or fragment",
    ),
    cel(
        "spec.proxyURL",
        "self == '' || self.startsWith('http://') || self.startsWith('https://') || self.startsWith('socks5://')",
        "proxyURL must start with http://, https:// or socks5://",
    ),
];
