//! Propagation policies of any content: they are read or refused, and defaults
//! filled in twice are the same.
#![no_main]

use atoll_crds::policy::propagation::Policy;
use atoll_crds::{ClusterPropagationPolicy, PropagationPolicy};
use atoll_fuzz::validate::{policy, sentence};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(raw) = atoll_fuzz::read::<PropagationPolicy>(bytes) {
        check(&raw, raw.metadata.namespace.as_deref());
    }
    if let Some(raw) = atoll_fuzz::read::<ClusterPropagationPolicy>(bytes) {
        check(&raw, raw.metadata.namespace.as_deref());
    }
});

fn check<P: Policy>(raw: &P, namespace: Option<&str>) {
    let once = policy::defaulted(raw.propagation().clone(), namespace);
    assert_eq!(policy::defaulted(once.clone(), namespace), once);
    match policy::policy(raw, "id") {
        Ok(checked) => assert_eq!(*checked.spec, once),
        Err(problems) => assert!(!sentence(&problems).is_empty()),
    }
}
