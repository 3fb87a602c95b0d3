//! Values of the plugin's command line: what is taken is what it claims to be.
#![no_main]

use atoll_fuzz::values::{ClusterName, Label, parse_duration, parse_endpoint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<ClusterName>() {
        assert!(name.as_str() == text && text.len() <= 48 && !text.starts_with('-'));
    }
    if let Ok(label) = text.parse::<Label>() {
        assert_eq!(format!("{}={}", label.key, label.value), text);
    }
    if let Ok(endpoint) = parse_endpoint(text) {
        assert!(endpoint.host().is_some_and(|host| !host.is_empty()) && endpoint.query().is_none());
        assert!(parse_endpoint(&endpoint.to_string()).is_ok(), "{endpoint}");
    }
    if let Ok(duration) = parse_duration(text) {
        assert!(!duration.is_zero());
    }
});
