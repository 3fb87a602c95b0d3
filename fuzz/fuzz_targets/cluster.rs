//! Clusters of any content, as other clients write them: they are read, and
//! what is read is written as it was.
#![no_main]

use atoll_crds::Cluster;
use atoll_fuzz::validate::cluster;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(raw) = atoll_fuzz::read::<Cluster>(bytes) else { return };
    let _ = cluster::cluster(&raw);
    let _ = cluster::stored(&raw);
    let _ = cluster::conditions(&raw);
    let written = serde_json::to_string(&raw).expect("a Cluster is JSON");
    let again: Cluster = serde_json::from_str(&written).expect("what is written can be read");
    assert_eq!(serde_json::to_string(&again).expect("a Cluster is JSON"), written);
});
