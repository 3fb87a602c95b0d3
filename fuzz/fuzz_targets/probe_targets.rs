//! The annotation that names probe targets: what is taken can be asked, is
//! bounded, and says the same when it is read again.
#![no_main]

use atoll_decide::health::observation::{NamedTargets, probeable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let named = NamedTargets::read(text);
    assert!(named.targets.len() <= 16);
    for target in &named.targets {
        assert!(target.port() != 0 && probeable(target.ip()).is_ok());
    }
    assert_eq!(named.complaint().is_some(), !named.refused.is_empty());
    let again: Vec<String> = named.targets.iter().map(ToString::to_string).collect();
    let again = NamedTargets::read(&again.join(","));
    assert!(again.targets == named.targets && again.refused.is_empty());
});
